// SPDX-License-Identifier: Apache-2.0
//
// Builds a `Table` from the pushed message and proves it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/table/canonical_from_proto.h"
#include "dataplane/table/registry.h"
#include "dataplane/table/table.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

struct BuildReport {
  uint64_t pools_built = 0;
  uint64_t pools_shared = 0;
  uint64_t memory_bytes = 0;
  std::vector<std::string> warnings;
};

struct BuiltTable {
  std::shared_ptr<const Table> table;
  BuildReport report;
};

// Checks every field and reference, that every pool a client can reach is in its eligible set, and
// builds Maglev tables and splits. What did not change is taken from `previous` (may be null): what
// was built of it, and the proof that prefixes are sound. Thread: control.  Shape: `registry` has
// not released the backends of `previous`.  Errors: INVALID_ARGUMENT, all violations joined by
// newlines as "path: what is wrong"; RESOURCE_EXHAUSTED (more backends or targets than the node can
// number).
absl::StatusOr<BuiltTable> build_table(const CanonicalTable& table, const Table* previous,
                                       Registry& registry);

// `base` with the delta applied; a null one is empty.  Errors: FAILED_PRECONDITION (base digest
// differs), INVALID_ARGUMENT (the result's digest is not the delta's target).
absl::StatusOr<CanonicalTable> apply_delta(const CanonicalTable* base, const v1::TableDelta& delta);

// The delta with apply_delta(base, delta) == target; from an empty base when `base` is null.
v1::TableDelta make_delta(const CanonicalTable* base, const CanonicalTable& target);

}  // namespace sluice::dataplane
