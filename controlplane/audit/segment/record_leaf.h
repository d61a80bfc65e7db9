// SPDX-License-Identifier: Apache-2.0
//
// The leaf of a flow record in its segment's tree.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "controlplane/audit/segment/dictionaries.h"
#include "controlplane/audit/segment/record_wire.h"
#include "controlplane/audit/sha256.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane {

using Salt = std::array<uint8_t, 16>;

// SHA-256(salt || address || port, big endian).  Shape: port < 65536.
TreeHash client_commitment(const Salt& salt, std::string_view address, uint64_t port);

// Appends the record's deterministic bytes without client address and port.
// Shape: the indexes in `row` are in `dictionaries`.
void append_public_record(const RowValues& row, const Dictionaries& dictionaries, std::string& out);

// Hash of the leaf: the public bytes, then the commitment.
TreeHash record_leaf_hash(std::string_view public_record, const TreeHash& commitment);

}  // namespace sluice::controlplane
