// SPDX-License-Identifier: Apache-2.0
//
// Builds a `Table` from the pushed message and proves it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
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
// builds Maglev tables and splits, taking unchanged ones from `previous` (may be null). Thread:
// control.  Errors: INVALID_ARGUMENT, all violations joined by newlines as "path: what is wrong";
// RESOURCE_EXHAUSTED (more backends or targets than the node can number).
absl::StatusOr<BuiltTable> build_table(const v1::ForwardingTable& message, const Table* previous,
                                       Registry& registry);

// SHA-256 of the canonical bytes; 32 bytes.
std::string table_digest(const v1::ForwardingTable& message);

// `base` with the delta applied.  Errors: FAILED_PRECONDITION (base digest differs),
// INVALID_ARGUMENT (the result's digest is not the delta's target).
absl::StatusOr<v1::ForwardingTable> apply_delta(const v1::ForwardingTable& base,
                                                const v1::TableDelta& delta);

// The delta with apply_delta(base, delta) == target; from an empty base when `base` is null.
v1::TableDelta make_delta(const v1::ForwardingTable* base, const v1::ForwardingTable& target);

}  // namespace sluice::dataplane
