// SPDX-License-Identifier: Apache-2.0
//
// Finds kinds and objects by what operators type.
#include "controlplane/cli/kinds.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "dataplane/yaml/nearest_name.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"

namespace sluice::controlplane::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

}  // namespace

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{{"ClientClass", "clientclasses", "cc", "client_classes"},
                                     {"Pool", "pools", "po", "pools"},
                                     {"Service", "services", "svc", "services"},
                                     {"Route", "routes", "rt", "routes"},
                                     {"Guardrail", "guardrails", "gr", "guardrails"},
                                     {"Rollout", "rollouts", "ro", "rollouts"}};
  return all;
}

const Kind* find_kind(std::string_view word) {
  for (const Kind& kind : kinds()) {
    for (const char* known : {kind.name, kind.plural, kind.alias, kind.field}) {
      if (absl::EqualsIgnoreCase(std::string(word), known)) return &kind;
    }
  }
  return nullptr;
}

absl::Status unknown_kind(std::string_view word) {
  std::vector<std::string> known{"backends", "nodes"};
  for (const Kind& kind : kinds())
    known.insert(known.end(), {absl::AsciiStrToLower(kind.name), kind.plural});
  const std::string near = suggestion(word, known);
  return absl::InvalidArgumentError(
      fmt::format("{} is no kind{}", quote(word),
                  near.empty() ? "; known are clientclasses, pools, services, routes, guardrails, "
                                 "rollouts, backends and nodes"
                               : near));
}

absl::StatusOr<ObjectName> parse_object_name(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" names no object; write KIND/NAME, as pool/chat-v1", text));
  }
  const Kind* kind = find_kind(text.substr(0, slash));
  if (kind == nullptr) return unknown_kind(text.substr(0, slash));
  return ObjectName{kind, std::string(text.substr(slash + 1))};
}

std::vector<const Message*> objects_of(const v1::Policy& policy, const Kind& kind) {
  const FieldDescriptor* field = v1::Policy::descriptor()->FindFieldByName(kind.field);
  std::vector<const Message*> objects;
  for (int i = 0; i < policy.GetReflection()->FieldSize(policy, field); ++i) {
    objects.push_back(&policy.GetReflection()->GetRepeatedMessage(policy, field, i));
  }
  return objects;
}

std::string name_of(const Message& object) {
  const FieldDescriptor* field = object.GetDescriptor()->FindFieldByName("metadata");
  return static_cast<const v1::Metadata&>(object.GetReflection()->GetMessage(object, field)).name();
}

const Message* find_object(const v1::Policy& policy, const ObjectName& name) {
  for (const Message* object : objects_of(policy, *name.kind)) {
    if (name_of(*object) == name.name) return object;
  }
  return nullptr;
}

}  // namespace sluice::controlplane::cli
