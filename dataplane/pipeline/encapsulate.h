// SPDX-License-Identifier: Apache-2.0
//
// Last stage: puts each packet on its way to its backend.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// IPIP (RFC 2003, RFC 2473) with ECN by RFC 6040, or new MAC addresses alone (L2 direct server
// return). The inner packet stays as it came, byte for byte; a VLAN tag is kept.
// Shape: what is `live` is queued in `CoreContext::tx`.  Drops: kNoNeighbor, kTooBig, kNoBuffer.
template <Family F>
void encapsulate(Burst<F>& burst, CoreContext& core) noexcept;

// Puts the backend's headers in front of one packet, which is sent to the line's port.
// Shape: `mbuf`, `l2_bytes` and `account.bytes` are set.  Errors: kTooBig, kNoNeighbor, kNoBuffer;
// kCount when there is none.
template <Family F>
DropReason encapsulate_one(const Packet<F>& packet, const BackendLine& line) noexcept;

}  // namespace sluice::dataplane
