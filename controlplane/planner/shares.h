// SPDX-License-Identifier: Apache-2.0
//
// Whom a new table moves: each pool's share of each (service, client class), exactly as nodes
// split.
#pragma once

#include <vector>

#include "sluice/v1/control.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// Only shares that differ, sorted by service, class and pool. Both tables are canonical; an empty
// one has no shares. Cost: a sticky split per route that differs.
std::vector<v1::ShareChange> share_changes(const v1::ForwardingTable& before,
                                           const v1::ForwardingTable& after);

}  // namespace sluice::controlplane
