// SPDX-License-Identifier: Apache-2.0
//
// Cutting known flows: what their clients, and the backends that they had, are told.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Ends the packet's flow for `reason`, or refuses what its client still sends when it was cut
// before (`reason` is then not read). The client is answered: TCP by a reset, else by ICMP. The
// backend that TCP leaves is reset too, with a packet made beside this one, unless the client may
// no longer reach it (kRevoked); where that fails, the client's next packet tries again.
// Drops: kRecalled or kRevoked when no answer is due, kRejectLimited, kNoBuffer.
template <Family F>
void cut(Packet<F>& packet, FlowEntry<F>& entry, EndReason reason, const Snapshot& snapshot,
         CoreContext& core) noexcept;

}  // namespace sluice::dataplane
