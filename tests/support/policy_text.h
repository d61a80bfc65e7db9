// SPDX-License-Identifier: Apache-2.0
//
// Policies in tests: YAML text in, policy or violations out.
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "controlplane/policy/parse.h"
#include "controlplane/policy/validate.h"

namespace sluice::controlplane {

inline std::vector<std::string> to_strings(const Violations& violations) {
  std::vector<std::string> lines;
  for (const Violation& violation : violations)
    lines.push_back(violation.to_string());
  return lines;
}

inline ParsedPolicy parse_text(const std::string& text, Violations& violations) {
  const SourceFile file{"p.yaml", text};
  return parse_policy({&file, 1}, violations);
}

// Everything that parsing and validation find.
inline std::vector<std::string> violations_of(const std::string& text) {
  Violations violations;
  const ParsedPolicy parsed = parse_text(text, violations);
  validate_policy(parsed.policy, client_sets(parsed.policy), parsed.source, violations);
  return to_strings(violations);
}

inline std::string example_policy() {
  std::ifstream file(SLUICE_EXAMPLE_POLICY);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace sluice::controlplane
