// SPDX-License-Identifier: Apache-2.0
//
// The pools and backends that drain and recall name.
#include "controlplane/cli/commands/override_target.h"

#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "controlplane/cli/kinds.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {

absl::StatusOr<v1::Override> parse_override_target(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  v1::Override target;
  const Kind* kind = find_kind(parts[0]);
  const bool is_pool = kind != nullptr && std::string_view(kind->name) == "Pool";
  const bool is_backend = parts[0] == "backend" || parts[0] == "backends";
  if (is_pool && parts.size() == 2 && !parts[1].empty()) {
    target.set_pool(parts[1]);
    return target;
  }
  if (is_backend && parts.size() == 3 && !parts[1].empty() && !parts[2].empty()) {
    target.set_pool(parts[1]);
    target.set_backend(parts[2]);
    return target;
  }
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is no pool and no backend; write pool/NAME or backend/POOL/NAME", text));
}

std::string text_of(const v1::Override& target) {
  return target.backend().empty() ? "pool/" + target.pool()
                                  : "backend/" + target.pool() + "/" + target.backend();
}

}  // namespace sluice::controlplane::cli
