// SPDX-License-Identifier: Apache-2.0
//
// The kinds of objects that a policy is made of, by reflection over `v1::Policy`.
#include "controlplane/policy/kinds.h"

#include "dataplane/yaml/read_message.h"
#include "fmt/format.h"

namespace sluice::controlplane {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    const Descriptor& policy = *v1::Policy::descriptor();
    for (int i = 0; i < policy.field_count(); ++i)
      all.push_back(policy.field(i)->message_type()->name());
    return all;
  }();
  return names;
}

const FieldDescriptor* field_of_kind(std::string_view kind) {
  const Descriptor& policy = *v1::Policy::descriptor();
  for (int i = 0; i < policy.field_count(); ++i) {
    if (policy.field(i)->message_type()->name() == kind) return policy.field(i);
  }
  return nullptr;
}

const std::string& name_of(const Message& object) {
  const FieldDescriptor* metadata = object.GetDescriptor()->field(0);  // of every kind
  const Message& held = object.GetReflection()->GetMessage(object, metadata);
  return static_cast<const v1::Metadata&>(held).name();
}

std::string object_path(std::string_view kind, std::string_view name, int index) {
  return is_object_name(name) ? fmt::format("{}/{}", kind, name)
                              : fmt::format("{}[{}]", kind, index);
}

}  // namespace sluice::controlplane
