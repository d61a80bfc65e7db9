// SPDX-License-Identifier: Apache-2.0
//
// What the log commits to at one moment.
#include "controlplane/audit/checkpoint.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace sluice::controlplane {

std::string Checkpoint::text() const {
  const absl::string_view bytes(reinterpret_cast<const char*>(root.data()), root.size());
  return absl::StrCat(origin, "\n", size, "\n", absl::Base64Escape(bytes), "\n");
}

absl::StatusOr<Checkpoint> Checkpoint::parse(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  Checkpoint checkpoint;
  std::string root;
  const bool has_form =
      lines.size() >= 4 && lines.back().empty() && !lines[0].empty() &&
      absl::SimpleAtoi(lines[1], &checkpoint.size) && lines[1] == std::to_string(checkpoint.size) &&
      absl::Base64Unescape(lines[2], &root) && root.size() == checkpoint.root.size();
  if (!has_form) {
    return absl::InvalidArgumentError(
        "no checkpoint: lines of origin, size and root (SHA-256 in base64)");
  }
  checkpoint.origin = std::string(lines[0]);
  std::copy_n(reinterpret_cast<const uint8_t*>(root.data()), root.size(), checkpoint.root.begin());
  return checkpoint;
}

}  // namespace sluice::controlplane
