// SPDX-License-Identifier: Apache-2.0
//
// First stage: from frames to flow keys, with every length and header field checked.
#pragma once

#include <span>

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Sorts frames into the bursts of their families, past one VLAN tag.
// Shape: at most kBurstMax frames; both bursts begin empty.  Drops: kTruncated, kNoBuffer,
// kNotForService (no IP).
void split_by_family(std::span<rte_mbuf* const> mbufs, CoreContext& core) noexcept;

// Reads IP, extension, TCP and UDP headers; cuts off what the link added behind the packet.
// Drops: kTruncated, kMalformed, kBadChecksum.
template <Family F>
void parse(Burst<F>& burst, CoreContext& core) noexcept;

}  // namespace sluice::dataplane
