// SPDX-License-Identifier: Apache-2.0
//
// Parses what get and describe are asked for.
#include "controlplane/cli/commands/target.h"

#include "absl/strings/ascii.h"

namespace sluice::controlplane::cli {

absl::StatusOr<Target> parse_target(const std::vector<std::string>& words) {
  Target target;
  std::string kind = words.front();
  if (const size_t slash = kind.find('/'); slash != std::string::npos) {
    target.name = kind.substr(slash + 1);
    kind.resize(slash);
    if (words.size() > 1 || target.name.empty()) {
      return absl::InvalidArgumentError("write either KIND/NAME or KIND NAME");
    }
  } else if (words.size() > 1) {
    target.name = words[1];
  }
  const std::string lower = absl::AsciiStrToLower(kind);
  if (lower == "all" || lower == "policy") {
    target.what = TargetKind::kAll;
  } else if (lower == "backend" || lower == "backends" || lower == "be") {
    target.what = TargetKind::kBackends;
  } else if (lower == "node" || lower == "nodes") {
    target.what = TargetKind::kNodes;
  } else if (lower == "change" || lower == "changes") {
    target.what = TargetKind::kChanges;
  } else if (lower == "recall" || lower == "recalls") {
    target.what = TargetKind::kRecalls;
  } else if (const Kind* found = find_kind(kind); found != nullptr) {
    target.kind = found;
  } else {
    return unknown_kind(kind);
  }
  return target;
}

}  // namespace sluice::controlplane::cli
