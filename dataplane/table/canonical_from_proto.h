// SPDX-License-Identifier: Apache-2.0
//
// The canonical form of a forwarding table.
#pragma once

#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

// The same table with every list in its canonical order.
v1::ForwardingTable canonical(v1::ForwardingTable message);

}  // namespace sluice::dataplane
