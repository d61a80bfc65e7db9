// SPDX-License-Identifier: Apache-2.0
//
// The packet path, stage by stage.
#include "dataplane/pipeline/pipeline.h"

#include "dataplane/pipeline/classify.h"
#include "dataplane/pipeline/encapsulate.h"
#include "dataplane/pipeline/parse.h"
#include "dataplane/pipeline/steer_fresh.h"
#include "dataplane/pipeline/track.h"

namespace sluice::dataplane {

namespace {

template <Family F>
void run_stages(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept {
  parse(burst, core);                  // frame   -> key
  classify(burst, snapshot, core);     // key     -> service
  track(burst, snapshot, core);        // flow    -> backend, when it is known
  steer_fresh(burst, snapshot, core);  // key     -> backend, when it is not
  encapsulate(burst, core);            // backend -> outer headers, port
}

void count_for(const Account& account, CoreContext& core) noexcept {
  if (account.kind == Account::Kind::kReply) return core.counters.replied.add(1);
  core.counters.forwarded.add(1);
  TargetCounters& target = core.target(account.target);
  target.packets.add(1);
  target.bytes.add(account.bytes);
  if (account.kind == Account::Kind::kUnrecorded) [[unlikely]] {
    target.unrecorded_packets.add(1);
    target.unrecorded_bytes.add(account.bytes);
    target.unrecorded_syns.add(account.is_syn ? 1 : 0);
  } else if (account.event != Account::kNone) [[unlikely]] {
    core.events[account.event].packets += 1;
    core.events[account.event].bytes += account.bytes;
  } else if (account.entry != Account::kNone) {
    const auto add = [&](auto& entry) {
      entry.packets += 1;
      entry.bytes += account.bytes;
    };
    account.family == Family::kIpv4 ? add(core.flows_v4.at(account.entry))
                                    : add(core.flows_v6.at(account.entry));
  }
}

}  // namespace

void run_pipeline(std::span<rte_mbuf* const> mbufs, const Snapshot* snapshot,
                  CoreContext& core) noexcept {
  core.counters.rx.add(mbufs.size());
  if (snapshot == nullptr) [[unlikely]] {
    for (rte_mbuf* const mbuf : mbufs)
      core.drop(mbuf, DropReason::kNoTable);
    return;
  }
  split_by_family(mbufs, core);
  run_stages(core.burst_v4, *snapshot, core);
  run_stages(core.burst_v6, *snapshot, core);
}

void settle(TxBatch& batch, uint16_t accepted, CoreContext& core) noexcept {
  for (uint16_t i = 0; i < accepted; ++i)
    count_for(batch.accounts[i], core);
  for (uint16_t i = accepted; i < batch.count; ++i)
    core.drop(batch.mbufs[i], DropReason::kTxFull);
  batch.count = 0;
}

void finish_burst(CoreContext& core) noexcept {
  core.burst_v4.clear();
  core.burst_v6.clear();
  core.free_drops();
}

}  // namespace sluice::dataplane
