// SPDX-License-Identifier: Apache-2.0
//
// sluice explain: where a packet of one 5-tuple goes, and why.
#include <memory>

#include "absl/strings/str_join.h"
#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/values.h"
#include "controlplane/cli/verbs.h"
#include "fmt/format.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

constexpr uint32_t kSplitBuckets = 65536;

struct ExplainOptions {
  std::string protocol;
  std::string client;
  std::string service;
  std::string node;
  std::string at;  // empty: now
  uint32_t dscp = 0;
  bool is_established = false;
  Format format = Format::kTable;
};

absl::StatusOr<v1::ExplainRequest> make_request(const ExplainOptions& options, absl::Time now) {
  const absl::StatusOr<uint32_t> protocol = parse_protocol(options.protocol);
  if (!protocol.ok()) return protocol.status();
  const absl::StatusOr<Endpoint> client = parse_endpoint(options.client);
  if (!client.ok()) return client.status();
  const absl::StatusOr<Endpoint> service = parse_endpoint(options.service);
  if (!service.ok()) return service.status();
  if (client->address.family() != service->address.family()) {
    return absl::InvalidArgumentError("client and service are of different address families");
  }
  v1::ExplainRequest request;
  request.set_protocol(*protocol);
  request.set_client_address(client->address.to_string());
  request.set_client_port(client->port);
  request.set_service_address(service->address.to_string());
  request.set_service_port(service->port);
  request.set_established(options.is_established);
  request.set_node(options.node);
  request.set_dscp(options.dscp);
  if (options.at.empty()) return request;
  const absl::StatusOr<absl::Time> at = parse_time(options.at, now);
  if (!at.ok()) return at.status();
  if (*at > now) {
    return absl::InvalidArgumentError(
        fmt::format("--at {} is yet to come; a time that has passed can be explained, or leave "
                    "--at out for now",
                    options.at));
  }
  const int64_t seconds = absl::ToUnixSeconds(*at);
  request.mutable_at()->set_seconds(seconds);
  request.mutable_at()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(*at - absl::FromUnixSeconds(seconds))));
  return request;
}

std::string cause_text(v1::PoolCause cause) {
  switch (cause) {
    case v1::POOL_CAUSE_SPLIT:
      return "the split's own choice";
    case v1::POOL_CAUSE_FALLBACK:
      return "the split's pool does not serve: the first fallback that does";
    case v1::POOL_CAUSE_ROLLOUT:
      return "a rollout gives the split's choice to its candidate";
    case v1::POOL_CAUSE_RESPLIT:
      return "no fallback serves: the same split over the pools that serve";
    default:
      return "unknown";
  }
}

std::string verdict_text(const v1::ExplainResponse& answer) {
  const std::string reject = short_enum_text(v1::Reject_Name(answer.reject()), "REJECT_");
  switch (answer.verdict()) {
    case v1::STEER_VERDICT_FORWARD:
      return fmt::format("forwarded to backend {} of pool {}", answer.backend(), answer.pool());
    case v1::STEER_VERDICT_NO_SERVICE:
      return "not for a service: left to the kernel";
    case v1::STEER_VERDICT_NO_ROUTE:
      return fmt::format("rejected ({}): no route matches this client", reject);
    case v1::STEER_VERDICT_NO_POOL:
      return fmt::format("rejected ({}): no eligible pool serves", reject);
    case v1::STEER_VERDICT_AUDIT_REFUSED:
      return fmt::format("rejected ({}): it must be recorded, and the node cannot", reject);
    default:
      return "decided in a way that this version of sluice does not know";
  }
}

Colour verdict_colour(v1::SteerVerdict verdict) {
  if (verdict == v1::STEER_VERDICT_FORWARD) return Colour::kGreen;
  return verdict == v1::STEER_VERDICT_NO_SERVICE ? Colour::kYellow : Colour::kRed;
}

void print_line(std::ostream& out, std::string_view name, const std::string& text) {
  fmt::print(out, "  {:<10} {}\n", name, text);
}

std::string with_labels(const std::string& text,
                        const google::protobuf::Map<std::string, std::string>& labels) {
  return labels.empty() ? text : fmt::format("{} ({})", text, labels_text(labels));
}

void print_choice(std::ostream& out, const v1::ExplainResponse& answer) {
  if (!answer.route().empty()) print_line(out, "route", answer.route());
  if (!answer.split_pool().empty()) {
    print_line(out, "split",
               fmt::format("bucket {} of {}: {}", answer.split_bucket(), kSplitBuckets,
                           answer.split_pool()));
  }
  if (!answer.pool().empty()) {
    print_line(out, "pool",
               fmt::format("{}: {}", with_labels(answer.pool(), answer.pool_labels()),
                           cause_text(answer.pool_cause())));
  }
  if (!answer.backend().empty()) {
    const std::string owner =
        answer.slot_owner() == answer.backend()
            ? ""
            : fmt::format("; its owner {} takes no new flows", answer.slot_owner());
    print_line(out, "slot", fmt::format("{}{}", answer.slot(), owner));
    print_line(out, "backend", fmt::format("{} at {}", answer.backend(), answer.backend_address()));
  }
  if (!answer.eligible_pools().empty()) {
    print_line(out, "eligible", absl::StrJoin(answer.eligible_pools(), ", "));
  }
}

void print_flow(std::ostream& out, const v1::FlowRecord& flow, absl::Time now) {
  print_line(out, "live flow",
             fmt::format("{}.{} stays on {} of {}: {} packets, {} bytes in {}, opened at {}/{}/{}",
                         flow.flow_id(), flow.part(), flow.backend(), flow.pool(), flow.packets(),
                         flow.bytes(), age_text(now - time_of(flow.start_time())), flow.revision(),
                         flow.generation(), flow.view()));
}

void print_answer(Session& session, const ExplainOptions& options,
                  const v1::ExplainResponse& answer) {
  std::ostream& out = session.out();
  fmt::print(out, "{} {} -> {}: {}\n", options.protocol, options.client, options.service,
             session.palette().paint(verdict_colour(answer.verdict()), verdict_text(answer)));
  if (!answer.service().empty()) print_line(out, "service", answer.service());
  if (!answer.client_class().empty()) {
    const std::string by = answer.matched_prefix().empty() ? "no prefix matches"
                                                           : "by prefix " + answer.matched_prefix();
    print_line(out, "class",
               with_labels(answer.client_class(), answer.client_labels()) + ", " + by);
  }
  print_choice(out, answer);
  print_line(out, "decided by",
             fmt::format("node {}, revision {}, generation {}, view {}", answer.node(),
                         answer.revision(), answer.generation(), answer.view()));
  if (answer.has_flow()) print_flow(out, answer.flow(), session.invocation().clock());
  for (int i = 0; i < answer.reasons_size(); ++i) {
    print_line(out, i == 0 ? "why" : "", answer.reasons(i));
  }
}

ExitCode explain(Session& session, const ExplainOptions& options) {
  const absl::StatusOr<v1::ExplainRequest> request =
      make_request(options, session.invocation().clock());
  if (!request.ok()) return session.fail(ExitCode::kUsage, request.status());
  v1::ExplainResponse answer;
  const ExitCode code = session.call(*request, answer);
  if (code != ExitCode::kOk) return code;
  if (is_document(options.format)) {
    print_document(session.out(), options.format, document_of(answer));
  } else {
    print_answer(session, options, answer);
  }
  const bool is_absent = answer.verdict() == v1::STEER_VERDICT_NO_SERVICE;
  return is_absent ? ExitCode::kNotFound : ExitCode::kOk;
}

}  // namespace

void add_explain(Verbs& verbs) {
  const auto options = std::make_shared<ExplainOptions>();
  CLI::App& verb = verbs.add("explain", "Say where a packet of one 5-tuple goes, and why",
                             "sluice explain tcp 198.51.100.7:40000 203.0.113.10:80",
                             [options](Session& session) { return explain(session, *options); });
  verb.add_option("protocol", options->protocol, "tcp or udp")->required();
  verb.add_option("client", options->client, "ADDRESS:PORT of the client")->required();
  verb.add_option("service", options->service, "ADDRESS:PORT of the service")->required();
  verb.add_option("--node", options->node, "Ask this node; default the first that answers");
  verb.add_option("--at", options->at,
                  "With the table and the view of then: 2027-01-15T08:00:00Z, or 2h ago as 2h")
      ->type_name("TIME");
  verb.add_option("--dscp", options->dscp, "Of the packet; default 0")->check(CLI::Range(0, 63));
  verb.add_flag("--established", options->is_established,
                "A TCP packet that is no SYN, of a flow that the node does not know");
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml});
}

}  // namespace sluice::controlplane::cli
