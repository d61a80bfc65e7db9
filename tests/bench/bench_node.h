// SPDX-License-Identifier: Apache-2.0
//
// The shipped worker loop over blocks of mbufs instead of a port.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/runtime/lcore_loop.h"
#include "sluice/v1/table.pb.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {

// One service on 203.0.113.10 and 2001:db8:f::10, one pool of 100 backends whose addresses are of
// family `outer`, one route for all clients.
v1::ForwardingTable bench_table(v1::Forwarding forwarding, Family outer);

class BenchNode {
 public:
  BenchNode(const v1::ForwardingTable& table, uint32_t flow_capacity);

  // Takes the block through the loop of a worker lcore: bursts, records, expiry, clock, quiescence.
  void forward(std::span<rte_mbuf*> block) noexcept;
  // Takes the records from their ring, as the daemon's record thread does.  How many there were.
  uint64_t take_records();
  // Ends every flow, unrecorded.
  void forget_flows();

  const LcoreCounters& counters() const { return worker_->core->counters; }
  uint64_t flows() const { return counters().flows.read(); }
  // Packets that left the pipeline otherwise than forwarded.
  uint64_t strayed() const;

 private:
  TestPolicy policy_;
  SnapshotPublisher publisher_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace sluice::dataplane
