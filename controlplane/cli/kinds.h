// SPDX-License-Identifier: Apache-2.0
//
// The kinds of policy objects and the names that operators use for them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane::cli {

struct Kind {
  const char* name;    // "ClientClass"
  const char* plural;  // "clientclasses"
  const char* alias;   // "cc"
  const char* field;   // of v1::Policy
};

// In the order in which a policy is printed.
const std::vector<Kind>& kinds();
// By kind, plural or alias, in any case. nullptr: no such kind.
const Kind* find_kind(std::string_view word);

struct ObjectName {
  const Kind* kind = nullptr;
  std::string name;

  std::string to_string() const { return std::string(kind->name) + "/" + name; }
};

// "KIND/NAME" in any of the kind's names. Errors: INVALID_ARGUMENT with the nearest kind.
absl::StatusOr<ObjectName> parse_object_name(std::string_view text);
absl::Status unknown_kind(std::string_view word);

// The objects of one kind, as they stand in the policy.
std::vector<const google::protobuf::Message*> objects_of(const v1::Policy& policy,
                                                         const Kind& kind);
std::string name_of(const google::protobuf::Message& object);
// nullptr: no such object.
const google::protobuf::Message* find_object(const v1::Policy& policy, const ObjectName& name);

}  // namespace sluice::controlplane::cli
