// SPDX-License-Identifier: Apache-2.0
//
// Verbs about traffic and nodes: what they ask the controller and what they show.
#include "tests/unit/cli/cli_fixture.h"

namespace sluice::controlplane::cli {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

v1::FlowRecord make_record(uint32_t port) {
  v1::FlowRecord record;
  record.set_node("edge-1");
  record.set_protocol(6);
  record.set_client_address(std::string("\xc6\x33\x64\x07", 4));
  record.set_client_port(port);
  record.set_client_class("eu");
  record.set_service("chat");
  record.set_route("chat-eu");
  record.set_pool("chat-v1");
  record.set_backend("a");
  record.set_packets(12);
  record.set_bytes(3400);
  record.mutable_start_time()->set_seconds(1'799'999'990);
  return record;
}

v1::ExplainResponse make_answer() {
  v1::ExplainResponse answer;
  answer.set_node("edge-1");
  answer.set_revision(3);
  answer.set_generation(7);
  answer.set_view(12);
  answer.set_verdict(v1::STEER_VERDICT_FORWARD);
  answer.set_service("chat");
  answer.set_client_class("eu");
  (*answer.mutable_client_labels())["region"] = "eu";
  answer.set_matched_prefix("198.51.100.0/24");
  answer.set_route("chat-eu");
  answer.set_split_bucket(1234);
  answer.set_split_pool("chat-v2");
  answer.set_pool("chat-v1");
  answer.set_pool_cause(v1::POOL_CAUSE_FALLBACK);
  answer.set_slot(4711);
  answer.set_slot_owner("b");
  answer.set_backend("a");
  answer.set_backend_address("10.77.1.11");
  answer.add_reasons("pool chat-v2 does not serve");
  return answer;
}

using Explain = Cli;

TEST_F(Explain, NamesEveryStepOfTheDecision) {
  control_.script().explain = make_answer();

  const Outcome outcome =
      run({"explain", "tcp", "198.51.100.7:40000", "203.0.113.10:80", "--established"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "tcp 198.51.100.7:40000 -> 203.0.113.10:80: forwarded to backend a of pool chat-v1\n"
            "  service    chat\n"
            "  class      eu (region=eu), by prefix 198.51.100.0/24\n"
            "  route      chat-eu\n"
            "  split      bucket 1234 of 65536: chat-v2\n"
            "  pool       chat-v1: the split's pool does not serve: the first fallback that does\n"
            "  slot       4711; its owner b takes no new flows\n"
            "  backend    a at 10.77.1.11\n"
            "  decided by node edge-1, revision 3, generation 7, view 12\n"
            "  why        pool chat-v2 does not serve\n");
  const v1::ExplainRequest& request = control_.script().explain_request;
  EXPECT_EQ(request.protocol(), 6u);
  EXPECT_EQ(request.client_address(), "198.51.100.7");
  EXPECT_EQ(request.service_port(), 80u);
  EXPECT_TRUE(request.established());
}

TEST_F(Explain, ReadsIpv6Endpoints) {
  EXPECT_EQ(run({"explain", "udp", "[2001:db8::1]:40000", "[2001:db8:f::10]:443"}).code, 0);
  EXPECT_EQ(control_.script().explain_request.client_address(), "2001:db8::1");
  EXPECT_EQ(control_.script().explain_request.protocol(), 17u);
}

TEST_F(Explain, OfATimeToComeEndsInThree) {
  const std::vector<std::string> question{"explain", "tcp", "198.51.100.7:1", "203.0.113.10:80",
                                          "--at"};
  const auto at = [&](const std::string& time) {
    std::vector<std::string> arguments = question;
    arguments.push_back(time);
    return run(arguments);
  };

  const Outcome later = at("2040-01-01T00:00:00Z");

  EXPECT_EQ(later.code, 3);
  EXPECT_TRUE(has(later.err, "--at 2040-01-01T00:00:00Z is yet to come")) << later.err;
  EXPECT_EQ(at("2h").code, 0);
}

TEST_F(Explain, EndsInZeroWhenRejectedAndInFourWithoutService) {
  v1::ExplainResponse& answer = control_.script().explain;
  const std::vector<std::string> arguments{"explain", "tcp", "198.51.100.7:1", "203.0.113.10:80"};

  answer.set_verdict(v1::STEER_VERDICT_NO_POOL);
  answer.set_reject(v1::REJECT_RESET);
  const Outcome rejected = run(arguments);
  answer.set_verdict(v1::STEER_VERDICT_NO_SERVICE);
  const Outcome absent = run(arguments);

  EXPECT_EQ(rejected.code, 0);
  EXPECT_TRUE(has(rejected.out, "rejected (reset): no eligible pool serves")) << rejected.out;
  EXPECT_EQ(absent.code, 4);
  EXPECT_TRUE(has(absent.out, "not for a service")) << absent.out;
}

TEST_F(Explain, AsJsonHasTheNamesOfTheProto) {
  control_.script().explain = make_answer();

  const Outcome outcome =
      run({"explain", "tcp", "198.51.100.7:1", "203.0.113.10:80", "-o", "json"});

  EXPECT_TRUE(has(outcome.out, "\"matched_prefix\": \"198.51.100.0/24\"")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "\"verdict\": \"STEER_VERDICT_FORWARD\"")) << outcome.out;
}

using Flows = Cli;

TEST_F(Flows, AreFilteredAndFollowedOverPages) {
  v1::ListFlowsResponse first;
  *first.add_flows() = make_record(1);
  *first.add_flows() = make_record(2);
  first.set_next_page_token("1");
  v1::ListFlowsResponse second;
  *second.add_flows() = make_record(3);
  *second.add_flows() = make_record(4);
  control_.script().flow_pages = {first, second};

  const Outcome outcome = run({"flows", "--client", "198.51.100.0/24", "--limit", "3"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(has(outcome.out, "198.51.100.7:3"));
  EXPECT_FALSE(has(outcome.out, "198.51.100.7:4"));
  const auto& requests = control_.script().flow_requests;
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].filter().client_prefix(), "198.51.100.0/24");
  EXPECT_EQ(requests[1].limit(), 1u);
  EXPECT_EQ(requests[1].page_token(), "1");
}

TEST_F(Flows, ShowAgeAndCounts) {
  v1::ListFlowsResponse page;
  *page.add_flows() = make_record(40000);
  control_.script().flow_pages = {page};

  EXPECT_EQ(run({"flows"}).out,
            "PROTO   CLIENT               SERVICE   CLASS   ROUTE     POOL      BACKEND   NODE     "
            "PACKETS   BYTES   AGE\n"
            "tcp     198.51.100.7:40000   chat      eu      chat-eu   chat-v1   a         edge-1   "
            "12        3.4k    10s\n");
}

TEST_F(Flows, AreWatchedUntilTheWatchEnds) {
  EXPECT_EQ(run({"flows", "--watch"}).code, 0);
  EXPECT_EQ(control_.script().flow_requests.size(), 2u);
}

using Audit = Cli;

TEST_F(Audit, AsksForTimesBeforeNow) {
  v1::QueryRecordsResponse page;
  *page.add_records() = make_record(40000);
  page.mutable_records(0)->set_end_reason(v1::END_REASON_FIN);
  control_.script().record_pages = {page};

  const Outcome outcome = run({"audit", "query", "--since", "10m", "--until",
                               "2027-01-15T08:00:00Z", "--ended", "--class", "eu"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(has(outcome.out, "2027-01-15T07:59:50Z")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "fin")) << outcome.out;
  const v1::QueryRecordsRequest& request = control_.script().record_requests.at(0);
  EXPECT_EQ(request.since().seconds(), 1'799'999'400);
  EXPECT_EQ(request.until().seconds(), 1'800'000'000);
  EXPECT_TRUE(request.ended_only());
  EXPECT_EQ(request.filter().client_class(), "eu");
}

TEST_F(Audit, NamesTheGuardrailsThatWouldHaveRefused) {
  v1::QueryRecordsResponse page;
  *page.add_records() = make_record(40000);
  page.mutable_records(0)->add_would_refuse("residency");
  page.mutable_records(0)->add_would_refuse("trial");
  *page.add_records() = make_record(40001);
  control_.script().record_pages = {page};

  const Outcome outcome = run({"audit", "query", "--would-refuse", "residency"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(has(outcome.out, "WOULD REFUSE\n")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "residency,trial\n")) << outcome.out;
  EXPECT_EQ(control_.script().record_requests.at(0).would_refuse(), "residency");
}

TEST_F(Audit, AsJsonIsAListWithTextAddresses) {
  v1::QueryRecordsResponse page;
  *page.add_records() = make_record(40000);
  control_.script().record_pages = {page};

  const Outcome outcome = run({"audit", "query", "-o", "json"});

  EXPECT_TRUE(has(outcome.out, "\"items\": [")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "\"client_address\": \"198.51.100.7\"")) << outcome.out;
}

v1::ListCountersResponse make_counters(int64_t seconds, uint64_t packets) {
  v1::ListCountersResponse response;
  v1::GetCountersResponse& node = *response.add_nodes();
  node.set_node("edge-1");
  node.set_incarnation("i");
  node.mutable_time()->set_seconds(seconds);
  for (const char* backend : {"a", "b"}) {
    v1::TargetCounters& target = *node.add_targets();
    target.set_service("chat");
    target.set_route("chat-eu");
    target.set_pool("chat-v1");
    target.set_backend(backend);
    target.set_packets(backend == std::string("a") ? 3 * packets : packets);
    target.set_flows_active(5);
  }
  return response;
}

using Top = Cli;

TEST_F(Top, ShowsRatesByTheClockOfTheNode) {
  control_.script().counters = {make_counters(100, 0), make_counters(110, 1000)};

  EXPECT_EQ(
      run({"top"}).out,
      "SERVICE   ROUTE     POOL      BACKEND   ACTIVE   FLOWS/S   PACKETS/S   BYTES/S   SHARE\n"
      "chat      chat-eu   chat-v1   a         5        0         300         0         75.0%\n"
      "chat      chat-eu   chat-v1   b         5        0         100         0         "
      "25.0%\n");
}

TEST_F(Top, ShowsTotalsAtOnce) {
  control_.script().counters = {make_counters(100, 40)};

  const Outcome outcome = run({"top", "--once", "-o", "json"});

  EXPECT_TRUE(has(outcome.out, "\"packets\": \"120\"")) << outcome.out;
  EXPECT_FALSE(has(outcome.out, "per_second"));
}

TEST_F(Top, NamesNodesThatDoNotAnswer) {
  control_.script().counters = {make_counters(100, 0)};
  control_.script().counters[0].add_unreachable("edge-2");

  EXPECT_TRUE(has(run({"top", "--once"}).err, "edge-2 does not answer"));
}

using Nodes = Cli;

TEST_F(Nodes, ShowWhatTheyRunAndShouldRun) {
  v1::NodeEntry& node = *control_.script().nodes.add_nodes();
  node.set_name("edge-1");
  node.set_connected(true);
  node.set_target_generation(8);
  node.mutable_last_seen()->set_seconds(1'799'999'998);
  node.mutable_status()->set_revision(3);
  node.mutable_status()->set_generation(7);
  node.mutable_status()->set_view(12);
  node.mutable_status()->set_flows(42);
  node.mutable_status()->add_backends()->set_state(v1::BACKEND_STATE_UP);
  node.mutable_status()->add_backends()->set_state(v1::BACKEND_STATE_DOWN);
  control_.script().nodes.add_nodes()->set_name("edge-2");

  EXPECT_EQ(
      run({"nodes"}).out,
      "NAME     CONNECTED   REVISION   GENERATION        VIEW   FLOWS   BACKENDS   LAST SEEN\n"
      "edge-1   yes         3          7 (should be 8)   12     42      1/2        2s ago\n"
      "edge-2   no          -          -                 -      -       -          never\n");
  EXPECT_EQ(run({"nodes", "-o", "name"}).out, "edge-1\nedge-2\n");
  EXPECT_EQ(run({"get", "nodes", "edge-3"}).code, 4);
}

TEST_F(Nodes, ShowWhatWasLostAndRefusedWhenAskedForMore) {
  v1::NodeEntry& node = *control_.script().nodes.add_nodes();
  node.set_name("edge-1");
  node.mutable_status()->set_records_lost(7);
  node.mutable_status()->set_audit_refused(12);

  EXPECT_TRUE(has(run({"nodes", "-o", "wide"}).out, "LOST   REFUSED"));
  EXPECT_TRUE(has(run({"nodes", "-o", "wide"}).out, "   7      12 "));
}

using Version = Cli;

TEST_F(Version, IsThatOfBothPrograms) {
  control_.script().version.set_version("9.9");

  EXPECT_TRUE(has(run({"version"}).out, "\nsluice-controller 9.9\n"));
  EXPECT_FALSE(has(run({"version", "--client"}).out, "controller"));
}

}  // namespace
}  // namespace sluice::controlplane::cli
