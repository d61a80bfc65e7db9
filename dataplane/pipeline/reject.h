// SPDX-License-Identifier: Apache-2.0
//
// Tells a client that it is not served: the packet becomes its own answer.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Answers by TCP reset (RFC 9293 section 3.5.2) or ICMP administratively prohibited, out of the
// port it came from, to the MAC address it came from. A reset is never answered. Drops: `reason`
// when no answer is due, kRejectLimited, kNoBuffer.
template <Family F>
void reject(Packet<F>& packet, RejectKind kind, DropReason reason, CoreContext& core) noexcept;

// The same without the limit on replies, for packets that their sender alone could send.
// Drops: `reason`, kNoBuffer.
template <Family F>
void answer(Packet<F>& packet, RejectKind kind, DropReason reason, CoreContext& core) noexcept;

}  // namespace sluice::dataplane
