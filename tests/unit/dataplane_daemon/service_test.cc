// SPDX-License-Identifier: Apache-2.0
//
// The gRPC methods over a real local socket, with cores that are made up.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <filesystem>

#include "dataplane/daemon/dataplane_service.h"
#include "dataplane/daemon/record_writer.h"
#include "dataplane/daemon/rpc_server.h"
#include "dataplane/rpc/endpoint.h"
#include "dataplane/rpc/status.h"
#include "dataplane/table/from_proto.h"
#include "grpcpp/create_channel.h"
#include "tests/support/grpc_health.h"
#include "tests/unit/dataplane_daemon/fake_fabric.h"
#include "tests/unit/dataplane_daemon/scratch_directory.h"
#include "tests/unit/dataplane_daemon/small_table.h"

namespace sluice::dataplane {
namespace {

const std::string kIncarnation(32, 'a');

struct World {
  ScratchDirectory directory;
  std::vector<std::string> steps;
  std::vector<std::string> complaints;
  FakeCores cores{steps};
  FakeLinks links{steps};
  TableStore store{directory.path()};
  Registry registry;
  std::unique_ptr<RecordSpool> spool =
      *RecordSpool::open(directory.path() + "/records", kIncarnation, {}, complaints);
  ObservationLog observations;
  Forwarding forwarding{cores, links, store, [](auto, const auto&) {}};
  Stager stager{
      registry, [this] { return forwarding.state(); },
      [this](const ReadyTable& next) { return forwarding.switch_to(next, Durability::kSave); }};
  DataplaneService service{NodeParts{
      .identity = {"edge-1", kIncarnation},
      .flow_capacity = 2048,
      .cores = cores,
      .forwarding = forwarding,
      .registry = registry,
      .spool = *spool,
      .observations = observations,
      .stager = stager,
      .foresee = [this](const ReadyTable& next) -> absl::StatusOr<std::unique_ptr<const Snapshot>> {
        return forwarding.foresee(next);
      }}};
  NodeSettings settings = settings_for(directory.path());
  std::unique_ptr<grpc::Server> server = *serve(settings, service);
  std::unique_ptr<v1::Dataplane::Stub> stub = v1::Dataplane::NewStub(
      grpc::CreateChannel(settings.listen, *channel_credentials(settings.listen, {})));

  ~World() { server->Shutdown(std::chrono::system_clock::now()); }

  static NodeSettings settings_for(const std::string& directory) {
    NodeSettings settings;
    settings.listen = "unix:" + directory + "/node.sock";
    return settings;
  }

  grpc::Status stage(const std::string& bytes, v1::StageResponse& response,
                     bool is_preview = false) {
    grpc::ClientContext context;
    const auto writer = stub->Stage(&context, &response);
    for (size_t i = 0; i < bytes.size(); i += 100) {
      v1::StageRequest request;
      request.set_preview(is_preview && i == 0);
      request.set_chunk(bytes.substr(i, 100));
      writer->Write(request);
    }
    writer->WritesDone();
    return writer->Finish();
  }
  void run(const v1::ForwardingTable& table) {
    v1::StageResponse response;
    ASSERT_TRUE(stage(make_delta(nullptr, table).SerializeAsString(), response).ok());
    grpc::ClientContext context;
    v1::CommitRequest request;
    request.set_generation(table.generation());
    v1::CommitResponse committed;
    ASSERT_TRUE(stub->Commit(&context, request, &committed).ok());
  }
};

FlowEvent flow_of(uint64_t id, uint8_t client, uint32_t target) {
  FlowEvent event;
  event.flow_id = id;
  event.client = {198, 51, 100, client};
  event.service = {203, 0, 113, 10};
  event.client_port = 40'000;
  event.service_port = 80;
  event.protocol = 6;
  event.target = target;
  return event;
}

TEST(Service, ServerSaysThatItServes) {
  const World world;
  const auto channel =
      grpc::CreateChannel(world.settings.listen, *channel_credentials(world.settings.listen, {}));
  EXPECT_EQ(sluice::testing::grpc_health(channel), "SERVING");
}

TEST(Service, TableComesInAndShowsInTheStatus) {
  World world;
  world.run(small_table(3, {{"a", "10.77.1.11"}}));

  grpc::ClientContext context;
  v1::GetStatusResponse status;
  ASSERT_TRUE(world.stub->GetStatus(&context, {}, &status).ok());

  EXPECT_EQ(status.node(), "edge-1");
  EXPECT_EQ(status.generation(), 3u);
  EXPECT_EQ(status.digest(), CanonicalTable(small_table(3, {{"a", "10.77.1.11"}})).digest());
  ASSERT_EQ(status.backends_size(), 1);
  EXPECT_EQ(status.backends(0).state(), v1::BACKEND_STATE_UP);
  EXPECT_EQ(status.ports(0).name(), "uplink");
  EXPECT_EQ(status.flow_capacity(), 2048u);
}

TEST(Service, BriefStatusLeavesOutWhatIsMany) {
  World world;
  world.run(small_table(3, {{"a", "10.77.1.11"}}));

  grpc::ClientContext context;
  v1::GetStatusRequest request;
  request.set_brief(true);
  v1::GetStatusResponse status;
  ASSERT_TRUE(world.stub->GetStatus(&context, request, &status).ok());

  EXPECT_EQ(status.node(), "edge-1");
  EXPECT_EQ(status.generation(), 3u);
  EXPECT_EQ(status.backends_size(), 0);
  EXPECT_EQ(status.ports_size(), 0);
}

TEST(Service, PreviewTellsTheEffectsAndKeepsNothing) {
  World world;
  const v1::ForwardingTable running = small_table(1, {{"a", "10.77.1.11"}, {"b", "10.77.1.12"}});
  world.run(running);
  for (uint64_t id = 1; id <= 30; ++id)
    world.cores.flows.push_back(flow_of(id, 7, id <= 10 ? 2 : 1));
  v1::StageResponse staged;
  ASSERT_TRUE(
      world
          .stage(make_delta(nullptr, small_table(2, {{"a", "10.77.1.11"}})).SerializeAsString(),
                 staged)
          .ok());
  EXPECT_TRUE(staged.has_build_time());
  EXPECT_FALSE(staged.has_effects());
  const uint32_t targets = world.registry.target_count();

  const v1::ForwardingTable next = small_table(3, {{"a", "10.77.1.11"}, {"c", "10.77.1.13"}});
  v1::StageResponse previewed;
  for (int i = 0; i < 3; ++i) {
    previewed.Clear();
    ASSERT_TRUE(world.stage(make_delta(nullptr, next).SerializeAsString(), previewed, true).ok());
  }

  EXPECT_EQ(previewed.generation(), 3u);
  EXPECT_GT(previewed.memory_bytes(), 0u);
  EXPECT_TRUE(previewed.has_build_time());
  EXPECT_EQ(previewed.effects().flows(), 30u);
  EXPECT_EQ(previewed.effects().moved(), 10u) << "those of b";
  EXPECT_EQ(previewed.effects().revoked(), 0u);
  ASSERT_EQ(previewed.effects().clients_size(), 1);
  EXPECT_EQ(previewed.effects().clients(0).client_class(), "unknown");
  EXPECT_EQ(world.stager.staged_generation(), 2u) << "what is staged stays";
  EXPECT_EQ(world.registry.target_count(), targets) << "looking uses no ids up";
}

TEST(Service, PreviewOfWhatRunsTellsOfItsFlows) {
  World world;
  const v1::ForwardingTable running = small_table(1, {{"a", "10.77.1.11"}});
  world.run(running);
  world.cores.flows = {flow_of(1, 7, 1)};
  v1::StageResponse previewed;

  ASSERT_TRUE(world.stage(make_delta(nullptr, running).SerializeAsString(), previewed, true).ok());

  EXPECT_EQ(previewed.generation(), 1u);
  EXPECT_GT(previewed.memory_bytes(), 0u);
  EXPECT_EQ(previewed.effects().flows(), 1u);
  EXPECT_EQ(previewed.effects().moved() + previewed.effects().resteered(), 0u);
}

TEST(Service, PreviewTakesNewBackendsForUpAndRefusesWhatStageRefuses) {
  World world;
  v1::ForwardingTable running = small_table(5, {{"a", "10.77.1.11"}});
  world.run(running);
  world.cores.flows = {flow_of(1, 7, 1)};
  v1::ForwardingTable next = small_table(6, {{"b", "10.77.1.12"}});
  add_health(next);
  v1::StageResponse previewed;
  ASSERT_TRUE(world.stage(make_delta(nullptr, next).SerializeAsString(), previewed, true).ok());
  EXPECT_EQ(previewed.effects().moved(), 1u) << "not revoked: b is probed only once it runs";

  next.set_generation(4);
  const grpc::Status older =
      world.stage(make_delta(nullptr, next).SerializeAsString(), previewed, true);
  next.set_generation(7);
  next.mutable_pools(0)->set_table_slots(250);
  const grpc::Status wrong =
      world.stage(make_delta(nullptr, next).SerializeAsString(), previewed, true);

  EXPECT_EQ(older.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(wrong.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(Service, RecallsShowInTheStatusBriefOrNot) {
  World world;
  v1::ForwardingTable table = small_table(1, {{"a", "10.77.1.11"}});
  add_override(table, "", v1::Override::STATE_RECALLED);
  world.run(table);

  for (const bool is_brief : {false, true}) {
    grpc::ClientContext context;
    v1::GetStatusRequest request;
    request.set_brief(is_brief);
    v1::GetStatusResponse status;
    ASSERT_TRUE(world.stub->GetStatus(&context, request, &status).ok());
    ASSERT_EQ(status.recalls_size(), 1);
    EXPECT_EQ(status.recalls(0).pool(), "chat-v1");
  }
}

TEST(Service, ViewsAreListedFromWhereTheReaderStands) {
  World world;
  v1::ForwardingTable table = small_table(1, {{"a", "10.77.1.11"}, {"b", "10.77.1.12"}});
  world.run(table);
  table.set_generation(2);
  add_override(table, "a", v1::Override::STATE_DRAINING);
  world.run(table);
  table.set_generation(3);
  table.mutable_pools(0)->mutable_eligible_until()->set_seconds(1);
  world.run(table);
  const auto views_after = [&](const std::string& incarnation, uint64_t after) {
    grpc::ClientContext context;
    v1::ListViewsRequest request;
    request.set_incarnation(incarnation);
    request.set_after(after);
    v1::ListViewsResponse response;
    EXPECT_TRUE(world.stub->ListViews(&context, request, &response).ok());
    return response;
  };

  const v1::ListViewsResponse all = views_after("", 2);
  ASSERT_EQ(all.views_size(), 3) << "another incarnation's numbers say nothing here";
  EXPECT_EQ(all.views(0).node(), "edge-1");
  EXPECT_EQ(all.views(0).incarnation(), kIncarnation);
  EXPECT_TRUE(all.views(0).is_complete());
  EXPECT_GT(all.views(0).time().seconds(), 0);
  EXPECT_EQ(all.views(1).generation(), 2u);
  EXPECT_EQ(all.views(1).backends(0).state(), v1::BACKEND_STATE_DRAINING);
  EXPECT_EQ(all.views(2).backends(0).state(), v1::BACKEND_STATE_EXPIRED);

  EXPECT_EQ(views_after(kIncarnation, 2).views_size(), 1);
  EXPECT_EQ(views_after(kIncarnation, 3).views_size(), 0);
}

TEST(Service, ViolationsTravelInTheDetail) {
  World world;
  v1::ForwardingTable table = small_table(1, {{"a", "10.77.1.11"}});
  table.mutable_pools(0)->set_table_slots(250);
  v1::StageResponse response;

  const grpc::Status status = world.stage(make_delta(nullptr, table).SerializeAsString(), response);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const v1::ErrorDetail detail = detail_of(status);
  ASSERT_GE(detail.violations_size(), 1);
  EXPECT_FALSE(detail.violations(0).path().empty()) << detail.DebugString();
}

TEST(Service, FlowsAreListedPageByPage) {
  World world;
  world.run(small_table(1, {{"a", "10.77.1.11"}}));
  for (uint64_t i = 1; i <= 25; ++i) {
    world.cores.flows.push_back(flow_of(i, static_cast<uint8_t>(i % 2), 1));
  }
  v1::ListFlowsRequest request;
  request.set_limit(5);
  request.mutable_filter()->set_client_prefix("198.51.100.1");
  request.mutable_filter()->set_backend("a");
  std::vector<uint64_t> seen;
  do {
    grpc::ClientContext context;
    v1::ListFlowsResponse response;
    ASSERT_TRUE(world.stub->ListFlows(&context, request, &response).ok());
    EXPECT_LE(response.flows_size(), 5);
    for (const v1::FlowRecord& flow : response.flows())
      seen.push_back(flow.flow_id());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());

  EXPECT_EQ(seen, (std::vector<uint64_t>{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25}));
}

TEST(Service, WrongListRequestsAreRefused) {
  World world;
  const auto code_of = [&](const v1::ListFlowsRequest& request) {
    grpc::ClientContext context;
    v1::ListFlowsResponse response;
    return world.stub->ListFlows(&context, request, &response).error_code();
  };
  v1::ListFlowsRequest too_many, no_prefix, no_token;
  too_many.set_limit(10'001);
  no_prefix.mutable_filter()->set_client_prefix("somewhere");
  no_token.set_page_token("x");

  EXPECT_EQ(code_of(too_many), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code_of(no_prefix), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code_of(no_token), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(Service, ExplainNamesTheBackendAndTheLiveFlow) {
  World world;
  v1::ExplainRequest request;
  request.set_protocol(6);
  request.set_client_address("198.51.100.7");
  request.set_client_port(40'000);
  request.set_service_address("203.0.113.10");
  request.set_service_port(80);
  v1::ExplainResponse response;
  grpc::ClientContext before;
  EXPECT_EQ(world.stub->Explain(&before, request, &response).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  world.run(small_table(1, {{"a", "10.77.1.11"}}));
  world.cores.flows = {flow_of(1, 8, 1), flow_of(2, 7, 1)};

  grpc::ClientContext context;
  ASSERT_TRUE(world.stub->Explain(&context, request, &response).ok());

  EXPECT_EQ(response.node(), "edge-1");
  EXPECT_EQ(response.backend(), "a");
  EXPECT_EQ(response.flow().flow_id(), 2u);
}

TEST(Service, CountersNameLcoresAndTargets) {
  World world;
  world.run(small_table(1, {{"a", "10.77.1.11"}}));
  grpc::ClientContext context;
  v1::GetCountersResponse response;

  ASSERT_TRUE(world.stub->GetCounters(&context, {}, &response).ok());

  EXPECT_EQ(response.lcores(0).rx(), 7u);
  ASSERT_EQ(response.targets_size(), 1);
  EXPECT_EQ(response.targets(0).route(), "all");
  EXPECT_EQ(response.targets(0).backend(), "a");
}

TEST(Service, CountersAreOneAfterLabelsChanged) {
  World world;
  v1::ForwardingTable table = small_table(1, {{"a", "10.77.1.11"}});
  world.run(table);
  (*table.mutable_pools(0)->mutable_labels())["version"] = "v2";
  table.set_generation(2);
  world.run(table);
  grpc::ClientContext context;
  v1::GetCountersResponse response;

  ASSERT_TRUE(world.stub->GetCounters(&context, {}, &response).ok());

  EXPECT_EQ(world.registry.target_count(), 2u);
  EXPECT_EQ(response.targets_size(), 1);
}

TEST(Service, CountersOfABackendAreOneWithAndWithoutARollout) {
  World world;
  v1::ForwardingTable table = small_table(1, {{"a", "10.77.1.11"}});
  v1::PoolEntry& candidate = *table.add_pools();
  candidate = table.pools(0);
  candidate.set_name("chat-v2");
  candidate.mutable_backends(0)->set_address(IpAddress::parse("10.77.1.21")->to_bytes());
  v1::RouteEntry& route = *table.mutable_routes(0);
  route.add_fallback("chat-v2");
  v1::RolloutSplit& rollout = *route.add_rollouts();
  rollout.set_stable("chat-v1");
  rollout.set_candidate("chat-v2");
  rollout.set_seed("to-v2");
  for (v1::SteeringEntry& row : *table.mutable_steering())
    row.add_eligible_pools("chat-v2");
  world.run(table);
  grpc::ClientContext context;
  v1::GetCountersResponse response;

  ASSERT_TRUE(world.stub->GetCounters(&context, {}, &response).ok());

  EXPECT_EQ(world.registry.target_count(), 3u);
  EXPECT_EQ(response.targets_size(), 2);
}

TEST(Service, RecordsArePulledOnceAcknowledged) {
  World world;
  world.run(small_table(1, {{"a", "10.77.1.11"}}));
  for (uint64_t i = 1; i <= 1500; ++i)
    world.cores.events.push_back(flow_of(i, 7, 1));
  world.cores.observations.assign(3, {});
  {
    const RecordWriter writer(world.cores, world.registry, {"edge-1", kIncarnation}, *world.spool,
                              world.observations);
  }
  EXPECT_EQ(world.spool->pending(), 1500u);
  EXPECT_EQ(world.observations.after(0, 10).events.size(), 3u) << "the same thread carries them";
  const auto pull = [&](uint64_t acknowledged, uint64_t wanted) {
    grpc::ClientContext context;
    const auto stream = world.stub->PullRecords(&context);
    v1::PullRecordsRequest request;
    request.set_incarnation(kIncarnation);
    request.set_acknowledged(acknowledged);
    stream->Write(request);
    uint64_t next = acknowledged + 1;
    v1::PullRecordsResponse response;
    while (next <= wanted && stream->Read(&response)) {
      EXPECT_LE(response.records_size(), 1000);
      for (const v1::FlowRecord& record : response.records())
        EXPECT_EQ(record.sequence(), next++);
      EXPECT_EQ(response.records(0).backend(), "a");
    }
    stream->WritesDone();
    while (stream->Read(&response)) {
    }
    EXPECT_TRUE(stream->Finish().ok());
    return next - 1;
  };

  EXPECT_EQ(pull(0, 1500), 1500u);
  EXPECT_EQ(pull(1400, 1500), 1500u) << "only the last 100 come again";
  EXPECT_EQ(world.spool->pending(), 100u);
}

// What a writer leaves in a small spool that nobody reads, of 10 flows of class eu and then many of
// class unknown.
struct Left {
  uint64_t eu = 0;
  uint64_t unknown = 0;
  uint64_t lost = 0;
};

constexpr uint64_t kEuFlows = 10, kUnknownFlows = 8000;

v1::ForwardingTable table_with_eu(bool must_record_eu) {
  v1::ForwardingTable table = small_table(1, {{"a", "10.77.1.11"}});
  v1::ClientClassEntry& eu = *table.add_client_classes();
  eu.set_name("eu");
  eu.add_prefixes(std::string({'\xc6', '\x33', '\x64', '\x00', '\x18'}));
  v1::SteeringEntry& row = *table.add_steering();
  row = table.steering(0);
  row.set_client_class("eu");
  row.set_audit_fail_closed(must_record_eu);
  return table;
}

Left what_is_left(bool must_record_eu) {
  World world;
  world.run(table_with_eu(must_record_eu));
  const std::shared_ptr<const Table> table = world.forwarding.state()->snapshot->table;
  std::map<std::string, uint32_t> ids;
  for (const ClientClass& each : table->classes)
    ids[each.name] = each.id.value;
  for (uint64_t i = 1; i <= kEuFlows + kUnknownFlows; ++i) {
    FlowEvent event = flow_of(i, 7, 1);
    event.client_class = ids[i <= kEuFlows ? "eu" : "unknown"];
    world.cores.events.push_back(event);
  }
  const auto spool =
      *RecordSpool::open(world.directory.path() + "/small", kIncarnation,
                         {.segment_bytes = 65'536, .total_bytes = 524'288}, world.complaints);
  {
    world.cores.holds_events = true;
    RecordWriter writer(world.cores, world.registry, {"edge-1", kIncarnation}, *spool,
                        world.observations);
    writer.follow(table);
    world.cores.holds_events = false;
  }
  Left left = {.lost = spool->lost()};
  RecordSpool::Cursor cursor;
  for (auto records = *spool->read(cursor, 100); !records.empty();
       records = *spool->read(cursor, 100)) {
    for (const v1::FlowRecord& record : records)
      ++(record.client_class() == "eu" ? left.eu : left.unknown);
  }
  return left;
}

TEST(Service, AFullSpoolKeepsTheRecordsOfFlowsThatMustHaveThem) {
  const Left best_effort = what_is_left(false);
  EXPECT_EQ(best_effort.eu, 0u) << "the oldest go";
  EXPECT_EQ(best_effort.unknown + best_effort.lost, kEuFlows + kUnknownFlows);

  const Left fail_closed = what_is_left(true);
  EXPECT_EQ(fail_closed.eu, kEuFlows);
  EXPECT_EQ(fail_closed.unknown + fail_closed.lost, kUnknownFlows);
}

ObservationEvent observation_of(uint32_t target, uint32_t rollout) {
  return {.start_ns = 1'700'000'000'250'000'000,
          .response_bytes = 5000,
          .client = {198, 51, 100, 7},
          .target = target,
          .rollout = rollout,
          .age_ms = 3000,
          .syn_retransmissions = 1,
          .handshake_us = 20'000,
          .request_bytes = 300,
          .response_us = 50'000,
          .is_candidate = true,
          .was_reset = true,
          .is_reconnect = true};
}

// Asks for observations; the numbers of those that came.
std::vector<uint64_t> observed(World& world, const std::string& incarnation, uint64_t after,
                               uint32_t limit, v1::ListObservationsResponse& response) {
  v1::ListObservationsRequest request;
  request.set_incarnation(incarnation);
  request.set_after(after);
  request.set_limit(limit);
  grpc::ClientContext context;
  EXPECT_TRUE(world.stub->ListObservations(&context, request, &response).ok());
  std::vector<uint64_t> sequences;
  for (const v1::FlowObservation& observation : response.observations())
    sequences.push_back(observation.sequence());
  return sequences;
}

TEST(Service, ObservationsAreNamed) {
  World world;
  world.run(small_table(1, {{"a", "10.77.1.11"}}));
  world.cores.observations = {observation_of(1, world.registry.rollout("chat-v2").value)};
  world.observations.take_from(world.cores);

  v1::ListObservationsResponse response;
  ASSERT_EQ(observed(world, "", 0, 0, response), (std::vector<uint64_t>{1}));

  const v1::FlowObservation& seen = response.observations(0);
  EXPECT_EQ(seen.route(), world.registry.names(TargetId{1})->route);
  EXPECT_EQ(seen.rollout(), "chat-v2");
  EXPECT_EQ(seen.pool(), world.registry.names(TargetId{1})->backend.pool);
  EXPECT_EQ(seen.backend(), "a");
  EXPECT_TRUE(seen.is_candidate());
  EXPECT_EQ(seen.client(), std::string("\xc6\x33\x64\x07"));
  EXPECT_EQ(seen.start_time().seconds(), 1'700'000'000);
  EXPECT_EQ(seen.start_time().nanos(), 250'000'000);
  EXPECT_EQ(seen.age_ms(), 3000u);
  EXPECT_EQ(seen.syn_retransmissions(), 1u);
  EXPECT_EQ(seen.handshake_us(), 20'000u);
  EXPECT_EQ(seen.request_bytes(), 300u);
  EXPECT_EQ(seen.response_us(), 50'000u);
  EXPECT_EQ(seen.response_bytes(), 5000u);
  EXPECT_TRUE(seen.was_reset());
  EXPECT_TRUE(seen.is_reconnect());
}

TEST(Service, ObservationsOfIpv6ClientsNameTheirNetwork) {
  World world;
  ObservationEvent event = observation_of(1, 1);
  event.family = Family::kIpv6;
  event.client = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2};
  world.cores.observations = {event};
  world.observations.take_from(world.cores);

  v1::ListObservationsResponse response;
  observed(world, "", 0, 0, response);

  EXPECT_EQ(response.observations(0).client(), std::string("\x20\x01\x0d\xb8\0\1\0\2", 8));
}

TEST(Service, ObservationsGoOnWhereTheReaderStopped) {
  World world;
  world.cores.observations.assign(10, observation_of(1, 1));
  world.cores.lcores[0].observations_missed = 7;
  world.observations.take_from(world.cores);
  v1::ListObservationsResponse response;

  EXPECT_EQ(observed(world, "", 0, 3, response), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(response.incarnation(), kIncarnation);
  EXPECT_EQ(response.missed(), 7u);
  EXPECT_EQ(observed(world, kIncarnation, 8, 3, response), (std::vector<uint64_t>{9, 10}));
  EXPECT_TRUE(observed(world, kIncarnation, 10, 3, response).empty());
  EXPECT_EQ(observed(world, std::string(32, 'b'), 8, 2, response), (std::vector<uint64_t>{1, 2}))
      << "numbers of another incarnation mean nothing here";
}

TEST(Service, TooManyObservationsAtOnceAreRefused) {
  World world;
  v1::ListObservationsRequest request;
  request.set_limit(10'001);
  grpc::ClientContext context;
  v1::ListObservationsResponse response;

  const grpc::Status status = world.stub->ListObservations(&context, request, &response);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("limit: 10001 is out of range; must be 1..10000"),
            std::string::npos)
      << status.error_message();
}

TEST(Endpoint, LiveSocketIsInUseAndAStaleOneIsRemoved) {
  World world;
  const absl::Status in_use = claim_endpoint(world.settings.listen);
  EXPECT_EQ(in_use.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(in_use.message().find("another server listens there"), std::string::npos);

  const std::string stale = world.directory.path() + "/stale.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(stale.begin(), stale.end(), address.sun_path);
  {
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_TRUE(claim_endpoint("unix:" + stale).ok());
  EXPECT_FALSE(std::filesystem::exists(stale));
}

TEST(Endpoint, PortInUseIsOneClearLine) {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  socklen_t length = sizeof address;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
  const std::string endpoint = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));

  const absl::Status claimed = claim_endpoint(endpoint);

  EXPECT_EQ(claimed.message(), "cannot listen on " + endpoint + ": another server listens there");
}

}  // namespace
}  // namespace sluice::dataplane
