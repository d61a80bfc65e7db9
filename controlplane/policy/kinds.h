// SPDX-License-Identifier: Apache-2.0
//
// The kinds of objects that a policy is made of, by reflection over `v1::Policy`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// "ClientClass", "Pool", … in the order of policy.proto.
const std::vector<std::string>& kinds();

// The field of `v1::Policy` that holds the objects of `kind`; null when there is no such kind.
const google::protobuf::FieldDescriptor* field_of_kind(std::string_view kind);

// metadata.name of an object of any kind.
const std::string& name_of(const google::protobuf::Message& object);

// "Pool/chat-v1-eu", or "Pool[3]" where the name is not of the form that names have.
std::string object_path(std::string_view kind, std::string_view name, int index);

}  // namespace sluice::controlplane
