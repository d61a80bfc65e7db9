// SPDX-License-Identifier: Apache-2.0
//
// Gives the ids of flow events their names.
#include "dataplane/daemon/flow_record.h"

#include <optional>

namespace sluice::dataplane {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr uint32_t kMicrosecondsPerSecond = 1'000'000;

std::string address_bytes(const std::array<uint8_t, 16>& bytes, Family family) {
  return {reinterpret_cast<const char*>(bytes.data()),
          family == Family::kIpv4 ? size_t{4} : size_t{16}};
}

void set_time(uint64_t nanoseconds, google::protobuf::Timestamp& time) {
  time.set_seconds(static_cast<int64_t>(nanoseconds / kNanosecondsPerSecond));
  time.set_nanos(static_cast<int32_t>(nanoseconds % kNanosecondsPerSecond));
}

void set_names(const FlowEvent& event, const Registry& registry, v1::FlowRecord& record) {
  if (const auto name = registry.name(ClassId{event.client_class})) record.set_client_class(*name);
  const std::optional<TargetNames> names = registry.names(TargetId{event.target});
  if (!names) return;
  record.set_service(names->service);
  record.set_route(names->route);
  record.set_rollout(names->rollout);
  record.set_pool(names->backend.pool);
  record.mutable_pool_labels()->insert(names->pool_labels.begin(), names->pool_labels.end());
  record.set_backend(names->backend.name);
  record.set_backend_address(names->backend.address.to_bytes());
}

}  // namespace

v1::FlowRecord to_record(const FlowEvent& event, const RecordOrigin& origin,
                         const Registry& registry) {
  v1::FlowRecord record;
  record.set_node(origin.node);
  record.set_incarnation(origin.incarnation);
  record.set_lcore(event.lcore);
  record.set_flow_id(event.flow_id);
  record.set_part(event.part);
  record.set_protocol(event.protocol);
  record.set_client_address(address_bytes(event.client, event.family));
  record.set_client_port(event.client_port);
  record.set_service_address(address_bytes(event.service, event.family));
  record.set_service_port(event.service_port);
  set_names(event, registry, record);
  record.set_revision(event.revision);
  record.set_generation(event.generation);
  record.set_view(event.view);
  set_time(event.start_ns, *record.mutable_start_time());
  set_time(event.last_ns, *record.mutable_last_time());
  record.set_packets(event.counts.packets);
  record.set_bytes(event.counts.bytes);
  record.set_tcp_flags(event.tcp_flags);
  if (event.handshake_us != 0) {
    record.mutable_handshake_time()->set_seconds(event.handshake_us / kMicrosecondsPerSecond);
    record.mutable_handshake_time()->set_nanos(
        static_cast<int32_t>(event.handshake_us % kMicrosecondsPerSecond * 1000));
  }
  record.set_opened(static_cast<v1::Opened>(event.opened));
  record.set_end_reason(static_cast<v1::EndReason>(event.end_reason));
  return record;
}

}  // namespace sluice::dataplane
