// SPDX-License-Identifier: Apache-2.0
//
// The name of exactly one plan.
#include "controlplane/planner/digest.h"

#include <map>

#include "controlplane/policy/kinds.h"
#include "dataplane/table/canonical_from_proto.h"
#include "dataplane/table/deterministic_from_proto.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::Message;

}  // namespace

std::string plan_digest(uint64_t base_revision, const v1::Policy& desired,
                        const ObjectNames& touched, Forbidden forbidden) {
  // Every part says its length first, so that no two policies have the same text.
  std::string text = fmt::format("sluice plan\nbase {}\nstrike {}\n", base_revision,
                                 forbidden == Forbidden::kStrike ? 1 : 0);
  for (const auto& [kind, names] : touched) {
    const google::protobuf::FieldDescriptor* list = field_of_kind(kind);
    std::map<std::string, std::string> objects;  // empty: it is deleted
    for (const std::string& name : names)
      objects[name];
    for (int i = 0; i < desired.GetReflection()->FieldSize(desired, list); ++i) {
      const Message& object = desired.GetReflection()->GetRepeatedMessage(desired, list, i);
      const auto found = objects.find(name_of(object));
      if (found != objects.end()) found->second = dataplane::deterministic_bytes(object);
    }
    for (const auto& [name, bytes] : objects)
      text += fmt::format("{}/{} {}\n{}", kind, name, bytes.size(), bytes);
  }
  return dataplane::sha256(text);
}

}  // namespace sluice::controlplane
