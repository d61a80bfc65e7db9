// SPDX-License-Identifier: Apache-2.0
//
// The typed policy as YAML text that `parse_policy` reads back to the same policy.
#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace sluice::controlplane {

// `object` is one of the kinds of policy.proto. The text begins with apiVersion and kind and has no
// "---".
std::string print_object(const google::protobuf::Message& object);

}  // namespace sluice::controlplane
