// SPDX-License-Identifier: Apache-2.0
//
// First stage: from frames to flow keys, with every length and header field checked.
#pragma once

#include <span>

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Sorts packets into the bursts of their families: past one VLAN tag, through IP, extension, TCP
// and UDP headers; cuts off what the link added behind the packet. Shape: at most kBurstMax frames;
// both bursts begin empty.  Drops: kTruncated, kMalformed, kBadChecksum, kNoBuffer, kNotForService
// (no IP).
void parse(std::span<rte_mbuf* const> mbufs, CoreContext& core) noexcept;

}  // namespace sluice::dataplane
