// SPDX-License-Identifier: Apache-2.0
//
// The message of a status in a form that fmt takes.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace sluice::dataplane {

inline std::string text_of(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace sluice::dataplane
