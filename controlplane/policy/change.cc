// SPDX-License-Identifier: Apache-2.0
//
// The policy that results from a change.
#include "controlplane/policy/change.h"

#include <map>
#include <string_view>

#include "controlplane/policy/kinds.h"
#include "dataplane/yaml/nearest_name.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "google/protobuf/arena.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Objects = std::map<std::string_view, const Message*>;  // by name, which is the object's

void collect(const v1::Policy& policy, const FieldDescriptor& list, Objects& objects) {
  const Reflection& reflection = *policy.GetReflection();
  for (int i = 0; i < reflection.FieldSize(policy, &list); ++i) {
    const Message& object = reflection.GetRepeatedMessage(policy, &list, i);
    objects.insert_or_assign(objects.end(), name_of(object), &object);
  }
}

std::vector<std::string> names_of(const Objects& objects) {
  std::vector<std::string> names;
  for (const auto& [name, object] : objects)
    names.emplace_back(name);
  return names;
}

void remove(const std::string& deletion, std::map<std::string, Objects>& by_kind,
            ObjectNames& touched, Violations& violations) {
  const size_t slash = deletion.find('/');
  const std::string kind = deletion.substr(0, slash);
  const std::string name = slash == std::string::npos ? "" : deletion.substr(slash + 1);
  const auto objects = by_kind.find(kind);
  if (slash == std::string::npos || objects == by_kind.end()) {
    const std::string hint = slash == std::string::npos ? "" : suggestion(kind, kinds());
    violations.push_back(
        {"", 0, "",
         fmt::format("{} cannot be deleted: name it as KIND/NAME with one of the kinds {}{}",
                     quote(deletion), fmt::join(kinds(), ", "), hint)});
    return;
  }
  touched[kind].insert(name);
  if (objects->second.erase(name) > 0) return;
  violations.push_back({"", 0, deletion,
                        fmt::format("cannot be deleted: no {} has this name{}", kind,
                                    suggestion(name, names_of(objects->second)))});
}

// A policy is made, and dropped, as a whole: on an arena neither takes a call for each object.
struct PolicyOnArena {
  static google::protobuf::ArenaOptions large_blocks() {
    google::protobuf::ArenaOptions options;
    options.start_block_size = options.max_block_size = size_t{1} << 20;
    return options;
  }
  google::protobuf::Arena arena{large_blocks()};
  v1::Policy& policy = *google::protobuf::Arena::CreateMessage<v1::Policy>(&arena);
};

}  // namespace

ObjectNames all_objects(const v1::Policy& policy) {
  ObjectNames names;
  for (const std::string& kind : kinds()) {
    Objects objects;
    collect(policy, *field_of_kind(kind), objects);
    for (const auto& [name, object] : objects)
      names[kind].emplace(name);
  }
  return names;
}

ChangedPolicy apply_change(const v1::Policy& running, const v1::Policy& change, Prune prune,
                           const std::vector<std::string>& deletions, Violations& violations) {
  ChangedPolicy result{.policy = nullptr, .touched = all_objects(change)};
  if (prune == Prune::kYes) add_names(all_objects(running), result.touched);
  std::map<std::string, Objects> by_kind;
  for (const std::string& kind : kinds()) {
    const FieldDescriptor& list = *field_of_kind(kind);
    Objects& objects = by_kind[kind];
    if (prune == Prune::kNo) collect(running, list, objects);
    collect(change, list, objects);
  }
  for (const std::string& deletion : deletions)
    remove(deletion, by_kind, result.touched, violations);
  const auto made = std::make_shared<PolicyOnArena>();
  v1::Policy& policy = made->policy;
  for (const auto& [kind, objects] : by_kind) {
    for (const auto& [name, object] : objects) {
      policy.GetReflection()->AddMessage(&policy, field_of_kind(kind))->CopyFrom(*object);
    }
  }
  result.policy = std::shared_ptr<const v1::Policy>(made, &policy);
  return result;
}

void add_names(const ObjectNames& more, ObjectNames& names) {
  for (const auto& [kind, added] : more)
    names[kind].insert(added.begin(), added.end());
}

}  // namespace sluice::controlplane
