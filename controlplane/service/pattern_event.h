// SPDX-License-Identifier: Apache-2.0
//
// What detection found, as an event with its evidence.
#pragma once

#include "controlplane/detect/finding.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane {

// "pattern.begin" or "pattern.end", of "service/chat", in words; its details have the numbers.
v1::Event pattern_event(const Finding& finding);

}  // namespace sluice::controlplane
