// SPDX-License-Identifier: Apache-2.0
//
// YAML text into node trees, so that nothing in the text can end the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/yaml/read_message.h"
#include "yaml-cpp/yaml.h"

namespace sluice {

struct YamlDocument {
  YAML::Node root;
  uint32_t first_line = 1;  // for `YamlReader`
};

// More is refused unread: a policy of 500,000 prefixes has about 20 MiB.
inline constexpr size_t kYamlBytesMax = 64 << 20;

// Every document of `text` that holds anything. A document with a syntax error is a problem and is
// left out, the others are loaded all the same.
std::vector<YamlDocument> load_documents(const std::string& text,
                                         std::vector<YamlProblem>& problems);

}  // namespace sluice
