// SPDX-License-Identifier: Apache-2.0
//
// The shipped loop of worker lcores over blocks of mbufs instead of a port.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/runtime/lcore_loop.h"
#include "sluice/v1/table.pb.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {

// One service on 203.0.113.10 and 2001:db8:f::10, one pool of 100 backends whose addresses are of
// family `outer`, one route for all clients.
v1::ForwardingTable bench_table(v1::Forwarding forwarding, Family outer);

class BenchNode {
 public:
  // Shape: each worker has room for `flow_capacity` flows of each family.
  BenchNode(const v1::ForwardingTable& table, uint32_t flow_capacity, uint16_t workers = 1);

  // Takes the block through the loop of a worker lcore: bursts, records, expiry, clock, quiescence.
  // Thread: one for each worker.
  void forward(std::span<rte_mbuf*> block, uint16_t worker = 0) noexcept;
  // Takes the records from their ring, as the daemon's record thread does.  How many there were.
  uint64_t take_records();
  // Ends every flow, unrecorded.
  void forget_flows();

  uint64_t forwarded(uint16_t worker = 0) const;
  uint64_t flows(uint16_t worker = 0) const;
  // Packets that left the pipeline otherwise than forwarded, and lost records.
  uint64_t strayed(uint16_t worker = 0) const;

 private:
  TestPolicy policy_;
  SnapshotPublisher publisher_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace sluice::dataplane
