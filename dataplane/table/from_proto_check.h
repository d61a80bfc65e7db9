// SPDX-License-Identifier: Apache-2.0
//
// Proof that a pushed table is whole, before anything is built from it.
#pragma once

#include <string>
#include <vector>

#include "dataplane/table/canonical_from_proto.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

// Whether the prefixes of all client classes were found sound before, and in one class each.
enum class Prefixes : uint8_t { kUnproved, kProved };

// What is wrong with the table, all of it, as "path: what is wrong"; empty: every field is in
// range, every reference is met, and no client can reach a pool outside its eligible set. Shape:
// `table` may be anything that parses.
std::vector<std::string> violations_of(const CanonicalTable& table, Prefixes prefixes);

// What works but deserves a look.  Shape: `message` has no violations.
std::vector<std::string> warnings_of(const v1::ForwardingTable& message);

}  // namespace sluice::dataplane
