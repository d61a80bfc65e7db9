// SPDX-License-Identifier: Apache-2.0
//
// What one lcore counts: packets by fate, flows, and packets by target.
#pragma once

#include <array>

#include "dataplane/pipeline/counter.h"
#include "dataplane/pipeline/drop_reason.h"

namespace sluice::dataplane {

// Always: rx + handed_in = forwarded + punted + replied + handed_out + held + sum of dropped.
struct alignas(64) LcoreCounters {
  Counter rx, handed_in, forwarded, punted, replied, handed_out, held;
  std::array<Counter, kDropReasonCount> dropped;
  Counter flows;  // now, without those that were cut
  Counter flows_opened, flows_ended, records_lost;
  Counter swept_recall;         // the newest recall after which every flow was looked at
  Counter observations_missed;  // flows of rollouts that nothing will be said about
  Counter audit_refused;        // packets, however the client was told; none of them was forwarded
};

// What one lcore sent to one target. Flows are counted by part.
struct alignas(64) TargetCounters {
  Counter packets, bytes, flows_opened, flows_ended;
  Counter unrecorded_packets, unrecorded_bytes,
      unrecorded_syns;     // no flow entry: part of the above
  Counter flows_recalled;  // part of `flows_ended`
};
static_assert(sizeof(TargetCounters) == 64, "one line per packet");

// How the handshakes of flows that a SYN began at a target go. A line of its own, which known flows
// touch once.
struct alignas(32) HandshakeCounters {
  Counter begun, completed;
  Counter us;  // from the SYN to the client's next segment; the sum over those completed
};

// How long sampled flows of a target waited for their first response.
struct ResponseCounters {
  Counter count;
  Counter us;  // of those that got none, as long as they were looked at
};

}  // namespace sluice::dataplane
