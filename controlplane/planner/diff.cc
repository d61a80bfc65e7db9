// SPDX-License-Identifier: Apache-2.0
//
// The difference between two policies, by reflection.
#include "controlplane/planner/diff.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "controlplane/policy/kinds.h"
#include "controlplane/policy/print_value.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kNotRepeated = -1;

// The same message before and after; null: absent.
struct Versions {
  const Message* before;
  const Message* after;
  const Message& any() const { return before != nullptr ? *before : *after; }
};

class FieldDiffer {
 public:
  std::vector<v1::FieldDiff> run(const Versions& object) {
    diff_fields(object, "");
    std::sort(diffs_.begin(), diffs_.end(),
              [](const v1::FieldDiff& a, const v1::FieldDiff& b) { return a.path() < b.path(); });
    return std::move(diffs_);
  }

 private:
  void diff_fields(const Versions& versions, const std::string& path);
  void diff_single(const Versions& versions, const FieldDescriptor& field, const std::string& path);
  void diff_message(const Versions& versions, const std::string& path);
  void diff_words(const Versions& versions, const FieldDescriptor& field, const std::string& path);
  void diff_elements(const Versions& versions, const FieldDescriptor& field,
                     const std::string& path);

  void add(const std::string& path, const std::string& before, const std::string& after) {
    if (before == after) return;
    v1::FieldDiff& diff = diffs_.emplace_back();
    diff.set_path(path);
    diff.set_before(before);
    diff.set_after(after);
  }

  std::vector<v1::FieldDiff> diffs_;
};

int size_of(const Message* message, const FieldDescriptor& field) {
  return message == nullptr ? 0 : message->GetReflection()->FieldSize(*message, &field);
}

const Message* submessage(const Message* message, const FieldDescriptor& field) {
  if (message == nullptr || !message->GetReflection()->HasField(*message, &field)) return nullptr;
  return &message->GetReflection()->GetMessage(*message, &field);
}

void FieldDiffer::diff_fields(const Versions& versions, const std::string& path) {
  const google::protobuf::Descriptor& type = *versions.any().GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string field_path =
        path.empty() ? field.name() : fmt::format("{}.{}", path, field.name());
    if (field.is_repeated() && is_single_value(field)) {
      diff_words(versions, field, field_path);
    } else if (field.is_repeated()) {
      diff_elements(versions, field, field_path);
    } else if (is_single_value(field)) {
      diff_single(versions, field, field_path);
    } else {
      diff_message({submessage(versions.before, field), submessage(versions.after, field)},
                   field_path);
    }
  }
}

void FieldDiffer::diff_single(const Versions& versions, const FieldDescriptor& field,
                              const std::string& path) {
  const auto text = [&](const Message* message) -> std::string {
    if (message == nullptr || !message->GetReflection()->HasField(*message, &field)) return "";
    return print_value(*message, field, kNotRepeated);
  };
  add(path, text(versions.before), text(versions.after));
}

void FieldDiffer::diff_message(const Versions& versions, const std::string& path) {
  if (versions.before == nullptr && versions.after == nullptr) return;
  const size_t count = diffs_.size();
  diff_fields(versions, path);
  if (diffs_.size() > count) return;  // else an empty message came or went, if anything
  add(path, versions.before == nullptr ? "" : "{}", versions.after == nullptr ? "" : "{}");
}

std::vector<std::string> words_of(const Message* message, const FieldDescriptor& field) {
  std::vector<std::string> words;
  for (int i = 0; i < size_of(message, field); ++i)
    words.push_back(print_value(*message, field, i));
  return words;
}

std::vector<std::string> kept(const std::vector<std::string>& words,
                              const std::set<std::string>& others) {
  std::vector<std::string> kept;
  std::copy_if(words.begin(), words.end(), std::back_inserter(kept),
               [&](const std::string& word) { return others.contains(word); });
  return kept;
}

// Words that came and went one by one, and the whole list when those that stayed changed their
// order.
void FieldDiffer::diff_words(const Versions& versions, const FieldDescriptor& field,
                             const std::string& path) {
  const std::vector<std::string> before = words_of(versions.before, field);
  const std::vector<std::string> after = words_of(versions.after, field);
  const std::set<std::string> old(before.begin(), before.end());
  const std::set<std::string> current(after.begin(), after.end());
  for (const std::string& word : old) {
    if (!current.contains(word)) add(fmt::format("{}[{}]", path, word), word, "");
  }
  for (const std::string& word : current) {
    if (!old.contains(word)) add(fmt::format("{}[{}]", path, word), "", word);
  }
  if (kept(before, current) == kept(after, old)) return;
  add(path, fmt::format("[{}]", fmt::join(before, ", ")),
      fmt::format("[{}]", fmt::join(after, ", ")));
}

// The field by which an operator tells elements apart; null: by position.
const FieldDescriptor* key_field(const FieldDescriptor& list) {
  if (list.is_map()) return list.message_type()->map_key();
  for (const char* name : {"name", "pool"}) {
    const FieldDescriptor* key = list.message_type()->FindFieldByName(name);
    if (key != nullptr && key->type() == FieldDescriptor::TYPE_STRING) return key;
  }
  return nullptr;
}

std::map<std::string, const Message*> elements_of(const Message* message,
                                                  const FieldDescriptor& list) {
  std::map<std::string, const Message*> elements;
  const FieldDescriptor* key = key_field(list);
  for (int i = 0; i < size_of(message, list); ++i) {
    const Message& element = message->GetReflection()->GetRepeatedMessage(*message, &list, i);
    elements[key == nullptr ? std::to_string(i)
                            : element.GetReflection()->GetString(element, key)] = &element;
  }
  return elements;
}

void FieldDiffer::diff_elements(const Versions& versions, const FieldDescriptor& field,
                                const std::string& path) {
  std::map<std::string, Versions> elements;
  for (const auto& [key, element] : elements_of(versions.before, field))
    elements[key] = {element, nullptr};
  for (const auto& [key, element] : elements_of(versions.after, field)) {
    elements.try_emplace(key, Versions{nullptr, nullptr}).first->second.after = element;
  }
  for (const auto& [key, element] : elements) {
    const std::string element_path = fmt::format("{}[{}]", path, key);
    if (field.is_map()) {
      diff_single(element, *field.message_type()->map_value(), element_path);
    } else {
      diff_message(element, element_path);
    }
  }
}

using Objects = std::map<std::string_view, const Message*>;  // by name, which is the policy's

Objects objects_of(const v1::Policy& policy, const FieldDescriptor& list) {
  Objects objects;
  for (int i = 0; i < size_of(&policy, list); ++i) {
    const Message& object = policy.GetReflection()->GetRepeatedMessage(policy, &list, i);
    objects.emplace_hint(objects.end(), name_of(object), &object);
  }
  return objects;
}

const Message* find(const Objects& objects, const std::string& name) {
  const auto found = objects.find(name);
  return found == objects.end() ? nullptr : found->second;
}

// Found out faster than field by field. Maps have no order, so that equal objects may still have
// different bytes.
bool is_unchanged(const Versions& object) {
  if (object.before == nullptr || object.after == nullptr) return object.before == object.after;
  return object.before->SerializeAsString() == object.after->SerializeAsString();
}

v1::ObjectDiff diff_object(const std::string& kind, const std::string& name,
                           const Versions& object) {
  v1::ObjectDiff diff;
  diff.set_kind(kind);
  diff.set_name(name);
  if (object.before == nullptr) {
    diff.set_action(v1::ObjectDiff::ACTION_CREATE);
  } else if (object.after == nullptr) {
    diff.set_action(v1::ObjectDiff::ACTION_DELETE);
  } else {
    diff.set_action(v1::ObjectDiff::ACTION_UPDATE);
    for (v1::FieldDiff& field : FieldDiffer().run(object))
      *diff.add_fields() = std::move(field);
  }
  return diff;
}

}  // namespace

std::vector<v1::ObjectDiff> diff_policies(const v1::Policy& before, const v1::Policy& after,
                                          const ObjectNames& touched) {
  std::vector<v1::ObjectDiff> diffs;
  for (const auto& [kind, names] : touched) {
    const FieldDescriptor& list = *field_of_kind(kind);
    const Objects old = objects_of(before, list);
    const Objects current = objects_of(after, list);
    for (const std::string& name : names) {
      const Versions object{find(old, name), find(current, name)};
      if (is_unchanged(object)) continue;
      v1::ObjectDiff diff = diff_object(kind, name, object);
      const bool changed = diff.action() != v1::ObjectDiff::ACTION_UPDATE || !diff.fields().empty();
      if (changed) diffs.push_back(std::move(diff));
    }
  }
  return diffs;
}

}  // namespace sluice::controlplane
