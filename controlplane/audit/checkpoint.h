// SPDX-License-Identifier: Apache-2.0
//
// What the log commits to at one moment: its size and its root. Pure.
// Source: C2SP tlog-checkpoint, https://c2sp.org/tlog-checkpoint.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controlplane/audit/merkle.h"

namespace sluice::controlplane {

struct Checkpoint {
  std::string origin;  // which log
  uint64_t size = 0;   // leaves
  TreeHash root{};

  // The text that is signed.
  std::string text() const;
  // Lines below the third are passed over.  Errors: INVALID_ARGUMENT.
  static absl::StatusOr<Checkpoint> parse(absl::string_view text);

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

}  // namespace sluice::controlplane
