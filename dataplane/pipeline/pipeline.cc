// SPDX-License-Identifier: Apache-2.0
//
// The packet path, stage by stage.
#include "dataplane/pipeline/pipeline.h"

#include "dataplane/pipeline/classify.h"
#include "dataplane/pipeline/encapsulate.h"
#include "dataplane/pipeline/hash_keys.h"
#include "dataplane/pipeline/parse.h"
#include "dataplane/pipeline/steer_fresh.h"
#include "dataplane/pipeline/track.h"

namespace sluice::dataplane {

namespace {

template <Family F>
void run_stages(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept {
  if (burst.all().empty()) return;
  hash_keys(burst, core);              // key     -> hash
  track(burst, snapshot, core);        // hash    -> flow and backend, when it is known
  classify(burst, snapshot, core);     // key     -> service, when it is not
  steer_fresh(burst, snapshot, core);  // service -> backend, flow
  encapsulate(burst, core);            // backend -> outer headers, port
}

// Counts what belongs to no flow entry, beside its target.
void count_unrecorded(const Account& account) noexcept {
  TargetCounters& target = *account.target;
  target.unrecorded_packets.add(1);
  target.unrecorded_bytes.add(account.bytes);
  target.unrecorded_syns.add(account.is_syn ? 1 : 0);
}

void count_one(const Account& account) noexcept {
  account.target->packets.add(1);
  account.target->bytes.add(account.bytes);
  if (account.counts != nullptr) [[likely]] {
    account.counts->packets += 1;
    account.counts->bytes += account.bytes;
  } else if (account.kind == Account::Kind::kUnrecorded) {
    count_unrecorded(account);
  }
}

void drop_unsent(rte_mbuf* mbuf, const Account& account, CoreContext& core) noexcept {
  if (account.kind == Account::Kind::kExtra) [[unlikely]]
    return rte_pktmbuf_free(mbuf);
  core.drop(mbuf, DropReason::kTxFull);
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
  parse(mbufs, core);  // frame -> key, by family
  run_stages(core.burst_v4, *snapshot, core);
  run_stages(core.burst_v6, *snapshot, core);
}

void settle(TxBatch& batch, uint16_t accepted, CoreContext& core) noexcept {
  uint64_t replied = 0, extra = 0;
  for (uint32_t i = 0; i < accepted; ++i) {
    const Account& account = *batch.accounts[i];
    if (account.kind >= Account::Kind::kReply) [[unlikely]] {
      ++(account.kind == Account::Kind::kReply ? replied : extra);
    } else {
      count_one(account);
    }
  }
  core.counters.forwarded.add(accepted - replied - extra);
  core.counters.replied.add(replied);
  for (uint32_t i = accepted; i < batch.count; ++i)
    drop_unsent(batch.mbufs[i], *batch.accounts[i], core);
  batch.count = 0;
}

void finish_burst(CoreContext& core) noexcept {
  core.burst_v4.clear();
  core.burst_v6.clear();
  core.free_drops();
}

}  // namespace sluice::dataplane
