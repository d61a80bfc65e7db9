// SPDX-License-Identifier: Apache-2.0
//
// Single values as YAML text, for diffs.
#pragma once

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace sluice::controlplane {

// One scalar, duration or time; `index` of a list's element, or -1 for a field that is no list.
std::string print_value(const google::protobuf::Message& message,
                        const google::protobuf::FieldDescriptor& field, int index);

// Whether the field (or each element of it) is such a value; else it is a message with fields.
bool is_single_value(const google::protobuf::FieldDescriptor& field);

}  // namespace sluice::controlplane
