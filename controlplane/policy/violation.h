// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a policy, as an operator can act on it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::controlplane {

struct Violation {
  std::string file;   // empty: not from a file
  uint32_t line = 0;  // from 1; 0: unknown
  std::string path;   // "Pool/chat-v1-eu.spec.table_slots"
  std::string message;

  std::string to_string()
      const;  // "policy.yaml:31: Pool/chat-v1-eu.spec.table_slots: 65536 is no prime; …"
};

using Violations = std::vector<Violation>;

}  // namespace sluice::controlplane
