// SPDX-License-Identifier: Apache-2.0
//
// Flow records as a busy fleet's node writes them.
#include "tests/bench/record_source.h"

namespace sluice::bench {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr uint64_t kBetweenStartsNs = 10'000;
constexpr double kMeanSeconds = 4;

void set_time(uint64_t nanoseconds, google::protobuf::Timestamp& time) {
  time.set_seconds(static_cast<int64_t>(nanoseconds / kNanosecondsPerSecond));
  time.set_nanos(static_cast<int32_t>(nanoseconds % kNanosecondsPerSecond));
}

std::string four_bytes(uint32_t address) {
  return {static_cast<char>(address >> 24), static_cast<char>(address >> 16),
          static_cast<char>(address >> 8), static_cast<char>(address)};
}

}  // namespace

std::string client_address(uint32_t client) {
  return four_bytes(0x64400000u + client * 7);
}

v1::FlowRecord RecordSource::start() {
  now_ns_ += random_() % (2 * kBetweenStartsNs);
  const auto client = static_cast<uint32_t>(random_() % kClients);
  const auto service = static_cast<uint32_t>(random_() % kServices);
  const bool is_candidate = random_() % 10 == 0;
  const auto pool = service * 2 + (is_candidate ? 1 : 0);
  const auto backend = static_cast<uint32_t>(random_() % (kBackends / kServices));
  v1::FlowRecord record;
  record.set_node("edge-fra-1");
  record.set_incarnation("5f0c2a710b9d3c44e1aa7d2e9b405a1c");
  record.set_lcore(static_cast<uint32_t>(random_() % 4));
  record.set_flow_id(uint64_t{record.lcore()} << 48 | ++flow_);
  record.set_part(1);
  record.set_protocol(6);
  record.set_client_address(client_address(client));
  record.set_client_port(static_cast<uint32_t>(1024 + random_() % 64'000));
  record.set_service_address(four_bytes(0xcb007100u + service));
  record.set_service_port(443);
  record.set_client_class(client % 3 == 0 ? "eu" : client % 3 == 1 ? "us" : "unknown");
  record.set_service("service-" + std::to_string(service));
  record.set_route("route-" + std::to_string(service));
  record.set_pool("pool-" + std::to_string(pool));
  auto& labels = *record.mutable_pool_labels();
  labels["model"] = "chat-" + std::to_string(service);
  labels["version"] = is_candidate ? "2026-11-01" : "2026-08-15";
  labels["jurisdiction"] = client % 3 == 1 ? "us" : "eu";
  labels["approval"] = "board-2026";
  record.set_backend("backend-" + std::to_string(pool) + "-" + std::to_string(backend));
  record.set_backend_address(four_bytes(0x0a000000u + pool * 256 + backend));
  record.set_revision(71);
  record.set_generation(1204);
  record.set_view(19);
  set_time(now_ns_, *record.mutable_start_time());
  set_time(now_ns_, *record.mutable_last_time());
  record.set_packets(1);
  record.set_bytes(60);
  record.set_tcp_flags(2);
  record.set_opened(v1::OPENED_SYN);
  return record;
}

v1::FlowRecord RecordSource::next() {
  v1::FlowRecord record;
  if (!ends_.empty() && ends_.top().time_ns <= now_ns_) {
    record = ends_.top().record;
    ends_.pop();
  } else {
    record = start();
    v1::FlowRecord end = record;
    const double seconds = std::exponential_distribution<double>(1 / kMeanSeconds)(random_);
    const uint64_t time = now_ns_ + static_cast<uint64_t>(seconds * 1e9);
    set_time(time, *end.mutable_last_time());
    end.set_packets(8 + random_() % 400);
    end.set_bytes(end.packets() * 60 + random_() % 200'000);
    end.set_tcp_flags(0x1b);
    end.mutable_handshake_time()->set_nanos(
        static_cast<int32_t>((500 + random_() % 80'000) * 1000));
    end.set_end_reason(random_() % 50 == 0 ? v1::END_REASON_RESET : v1::END_REASON_FIN);
    ends_.push({time, std::move(end)});
  }
  record.set_sequence(++sequence_);
  return record;
}

}  // namespace sluice::bench
