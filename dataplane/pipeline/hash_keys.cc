// SPDX-License-Identifier: Apache-2.0
//
// Hashing by columns.
#include "dataplane/pipeline/hash_keys.h"

namespace sluice::dataplane {

template <Family F>
void hash_keys(Burst<F>& burst, const CoreContext& core) noexcept {
  size_t count = 0;
  for (const Packet<F>& packet : burst.all())
    burst.columns.set(count++, packet.key);

  HashColumn column;
  const FlowTable<F>& flows = core.flows<F>();
  flows.hash(burst.columns, count, column);
  const uint64_t* hash = column.hashes.data();
  for (Packet<F>& packet : burst.all()) {
    packet.hash = *hash;
    flows.prefetch_bucket(*hash++);
  }
}

template void hash_keys(Burst<Family::kIpv4>&, const CoreContext&) noexcept;
template void hash_keys(Burst<Family::kIpv6>&, const CoreContext&) noexcept;

}  // namespace sluice::dataplane
