// SPDX-License-Identifier: Apache-2.0
//
// Objects of one kind of a policy by their names.
#pragma once

#include <string_view>
#include <unordered_map>

#include "google/protobuf/repeated_field.h"

namespace sluice::controlplane {

// Refers to the list, which outlives it.
template <typename Object>
class ObjectsByName {
 public:
  explicit ObjectsByName(const google::protobuf::RepeatedPtrField<Object>& objects) {
    objects_.reserve(static_cast<size_t>(objects.size()));
    for (const Object& object : objects)
      objects_.emplace(object.metadata().name(), &object);
  }

  // Null when there is none.
  const Object* find(std::string_view name) const {
    const auto found = objects_.find(name);
    return found == objects_.end() ? nullptr : found->second;
  }

 private:
  std::unordered_map<std::string_view, const Object*> objects_;  // names are the objects'
};

// The same list before and after a change.
template <typename Object>
struct TwoVersions {
  ObjectsByName<Object> before;
  ObjectsByName<Object> after;
};

}  // namespace sluice::controlplane
