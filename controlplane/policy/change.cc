// SPDX-License-Identifier: Apache-2.0
//
// The policy that results from a change.
#include "controlplane/policy/change.h"

#include <map>

#include "controlplane/policy/kinds.h"
#include "dataplane/yaml/nearest_name.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Objects = std::map<std::string, const Message*>;  // by name

void collect(const v1::Policy& policy, const FieldDescriptor& list, Objects& objects) {
  const Reflection& reflection = *policy.GetReflection();
  for (int i = 0; i < reflection.FieldSize(policy, &list); ++i) {
    const Message& object = reflection.GetRepeatedMessage(policy, &list, i);
    objects[name_of(object)] = &object;
  }
}

std::vector<std::string> names_of(const Objects& objects) {
  std::vector<std::string> names;
  for (const auto& [name, object] : objects)
    names.push_back(name);
  return names;
}

void remove(const std::string& deletion, std::map<std::string, Objects>& by_kind,
            Violations& violations) {
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
  if (objects->second.erase(name) > 0) return;
  violations.push_back({"", 0, deletion,
                        fmt::format("cannot be deleted: no {} has this name{}", kind,
                                    suggestion(name, names_of(objects->second)))});
}

}  // namespace

v1::Policy apply_change(const v1::Policy& running, const v1::Policy& change, Prune prune,
                        const std::vector<std::string>& deletions, Violations& violations) {
  std::map<std::string, Objects> by_kind;
  for (const std::string& kind : kinds()) {
    const FieldDescriptor& list = *field_of_kind(kind);
    Objects& objects = by_kind[kind];
    if (prune == Prune::kNo) collect(running, list, objects);
    collect(change, list, objects);
  }
  for (const std::string& deletion : deletions)
    remove(deletion, by_kind, violations);
  v1::Policy result;
  for (const auto& [kind, objects] : by_kind) {
    for (const auto& [name, object] : objects) {
      result.GetReflection()->AddMessage(&result, field_of_kind(kind))->CopyFrom(*object);
    }
  }
  return result;
}

}  // namespace sluice::controlplane
