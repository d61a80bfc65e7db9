// SPDX-License-Identifier: Apache-2.0
//
// One lcore's packet path without threads and ports: frames in, frames out, everything countable in
// between.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/pipeline/core_context.h"
#include "dataplane/table/registry.h"
#include "dataplane/table/snapshot.h"
#include "sluice/v1/table.pb.h"
#include "tests/support/packet_builder.h"

namespace sluice::dataplane {

struct Sent {
  uint16_t port = 0;
  Bytes frame;
  friend bool operator==(const Sent&, const Sent&) = default;
};

// A table, a view and what is derived of them. Several cores may use it.
class TestPolicy {
 public:
  static constexpr Mac kNextHopMac{0x02, 0, 0, 0, 0x0a, 0x01};
  static constexpr Mac kNodeMac{0x02, 0, 0, 0, 0xed, 0x02};
  static constexpr uint8_t kUplink = 1;

  explicit TestPolicy(v1::ForwardingTable message);

  // Builds the message as the next generation. Backends never seen before are up and resolved.
  void push();
  // A new view with the conditions as they are.
  void republish();
  BackendCondition& condition(std::string_view pool, std::string_view backend);
  // "pool/backend" of a backend id or of a target.
  std::string name(BackendId id) const;
  std::string name(TargetId id) const;

  v1::ForwardingTable message;
  int64_t now_unix_ms = 1'800'000'000'000;
  bool can_record = true;
  Registry registry;
  std::shared_ptr<const Table> table;
  std::unique_ptr<const Snapshot> snapshot;
  uint64_t view = 0;
  uint64_t recall = 0;  // the number that the next snapshot carries

 private:
  std::map<std::pair<std::string, std::string>, BackendCondition, std::less<>> conditions_;
};

class TestCore {
 public:
  static constexpr uint16_t kIngress = 0;
  static constexpr uint64_t kStartNs = 5'000'000'000;

  explicit TestCore(uint32_t flow_capacity = 1024, uint8_t lcore = 1);
  ~TestCore();

  // Takes one burst through the pipeline; returns what the ports accepted.
  std::vector<Sent> send(const std::vector<Bytes>& frames, const Snapshot* snapshot);
  std::vector<Sent> send_mbufs(std::vector<rte_mbuf*> mbufs, const Snapshot* snapshot);
  // Lets time pass, with a turn every `turn_ns`; what a snapshot asks for between bursts is done
  // when there is one.
  void pass(uint64_t time_ns, uint64_t turn_ns = 10'000'000, const Snapshot* snapshot = nullptr);

  uint64_t dropped(DropReason reason) const;
  uint64_t dropped_total() const;
  // Whether every packet that came in is accounted for.
  bool is_balanced() const;
  void take_events();

  uint16_t port_accepts = kTxBatchMax;  // of each batch
  std::unique_ptr<CoreContext> core;
  std::vector<FlowEvent> events;
};

}  // namespace sluice::dataplane
