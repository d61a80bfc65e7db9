// SPDX-License-Identifier: Apache-2.0
//
// Files of cases for `sluice test`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/policy/violation.h"
#include "sluice/v1/cases.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane::cli {

struct WrittenCase {
  v1::TestCase test;
  std::string file;
  uint32_t line = 0;  // where it begins

  std::string place() const;  // "cases.yaml:12"
};

// YAML documents, each a case or a list of cases. Everything that is wrong becomes a violation:
// unknown fields, cases that say too little, names that the policy does not have.
std::vector<WrittenCase> read_cases(const std::string& file, const std::string& text,
                                    const v1::Policy& policy, Violations& violations);

}  // namespace sluice::controlplane::cli
