// SPDX-License-Identifier: Apache-2.0
//
// Questions that are asked of a table beside steering.
#include "dataplane/table/table.h"

#include <algorithm>

namespace sluice::dataplane {

bool Table::is_eligible(ServiceIndex service, ClassIndex client_class,
                        PoolIndex pool) const noexcept {
  const std::vector<PoolIndex>& eligible = row(service, client_class).eligible;
  return std::binary_search(eligible.begin(), eligible.end(), pool);
}

}  // namespace sluice::dataplane
