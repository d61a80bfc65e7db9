// SPDX-License-Identifier: Apache-2.0
//
// Where each field of each object was written.
#include "controlplane/policy/parse.h"

namespace sluice::controlplane {

void SourceMap::add(std::string path, Location location) {
  locations_.try_emplace(std::move(path), std::move(location));
}

SourceMap::Location SourceMap::find(std::string_view path) const {
  while (!path.empty()) {
    if (const auto found = locations_.find(path); found != locations_.end()) return found->second;
    const size_t end = path.rfind(path.ends_with(']') ? '[' : '.');
    if (end == std::string_view::npos) break;
    path = path.substr(0, end);
  }
  return {};
}

}  // namespace sluice::controlplane
