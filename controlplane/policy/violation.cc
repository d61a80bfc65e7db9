// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a policy, as an operator can act on it.
#include "controlplane/policy/violation.h"

#include "fmt/format.h"

namespace sluice::controlplane {

std::string Violation::to_string() const {
  std::string text;
  if (!file.empty())
    text += line > 0 ? fmt::format("{}:{}: ", file, line) : fmt::format("{}: ", file);
  if (!path.empty()) text += path + ": ";
  return text + message;
}

}  // namespace sluice::controlplane
