// SPDX-License-Identifier: Apache-2.0
//
// The packet path: a burst in, batches to send out.
#pragma once

#include <span>

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Takes a burst through all stages. `core.tx` then holds what is to be sent, per port; the caller
// sends it and says how much the port took with `settle`, then calls `finish_burst`. Shape: at most
// kBurstMax mbufs, owned by the pipeline from here; `core.tx` is empty; `snapshot` null means that
// no table is there yet.  Thread: lcore.  Alloc: none.  Drops: every reason but kTxFull.
void run_pipeline(std::span<rte_mbuf* const> mbufs, const Snapshot* snapshot,
                  CoreContext& core) noexcept;

// Counts what the port accepted, the first `accepted` of the batch, for its flows and targets, and
// empties the batch. Drops: kTxFull.
void settle(TxBatch& batch, uint16_t accepted, CoreContext& core) noexcept;

// Empties the bursts and frees what was dropped. Nothing points at events or accounts from here.
void finish_burst(CoreContext& core) noexcept;

}  // namespace sluice::dataplane
