// SPDX-License-Identifier: Apache-2.0
//
// Strict YAML into protobuf messages, by reflection.
#include "dataplane/yaml/read_message.h"

#include <exception>
#include <limits>
#include <optional>

#include "dataplane/yaml/load_documents.h"
#include "dataplane/yaml/nearest_name.h"
#include "dataplane/yaml/scalars.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "yaml-cpp/yaml.h"

namespace sluice {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Past this many nobody reads on, and a hostile document must not cost more memory than it has.
constexpr size_t kProblemsMax = 1'000;

enum class ScalarForm { kPlain, kQuoted };

// Where a value goes: a field of a message, or one more element of a list.
struct Place {
  Message& message;
  const FieldDescriptor& field;
};

class MessageReader {
 public:
  explicit MessageReader(const YamlReader& reader)
      : reader_(reader), problems_before_(reader.problems->size()) {}

  void read_mapping(const YAML::Node& node, const std::string& path, Message& message);

 private:
  void read_field(const YAML::Node& node, const std::string& path, const Place& place);
  void read_list(const YAML::Node& node, const std::string& path, const Place& place);
  void read_map(const YAML::Node& node, const std::string& path, const Place& place);
  void read_value(const YAML::Node& node, const std::string& path, const Place& place);
  void read_submessage(const YAML::Node& node, const std::string& path, const Place& place);
  void read_scalar(const YAML::Node& node, const std::string& path, const Place& place);
  void read_bool(const YAML::Node& node, const std::string& path, const Place& place);
  void read_enum(const YAML::Node& node, const std::string& path, const Place& place);
  void read_string(const YAML::Node& node, const std::string& path, const Place& place);
  void read_integer(const YAML::Node& node, const std::string& path, const Place& place);
  void read_number(const YAML::Node& node, const std::string& path, const Place& place);
  const FieldDescriptor* find_field(const YAML::Node& key, const std::string& path,
                                    const Message& message);
  bool is_oneof_taken(const FieldDescriptor& field, const Message& message, const YAML::Node& key,
                      const std::string& path);
  std::optional<std::string> key_text(const YAML::Node& key, const std::string& path,
                                      std::set<std::string>& seen);
  bool is_scalar(const YAML::Node& node, const std::string& path, std::string_view wanted);

  uint32_t line_of(const YAML::Node& node) const {
    const int line = node.Mark().line;
    return reader_.first_line + static_cast<uint32_t>(line < 0 ? 0 : line);
  }
  void problem(const YAML::Node& node, const std::string& path, std::string message) {
    if (reader_.problems->size() - problems_before_ >= kProblemsMax) return stop();
    reader_.problems->push_back({line_of(node), path, std::move(message)});
  }
  void note(const YAML::Node& node, const std::string& path) {
    if (reader_.on_field) reader_.on_field(path, line_of(node));
  }
  // False once the document turned out to be too much.
  bool admit(const YAML::Node& node, const std::string& path) {
    if (stopped_) return false;
    if (++values_ <= reader_.values_max) return true;
    problem(node, path,
            fmt::format("more than {} values, counting each use of an alias", reader_.values_max));
    stop();
    return false;
  }
  void stop() { stopped_ = true; }

  const YamlReader& reader_;
  size_t problems_before_;
  size_t values_ = 0;
  bool stopped_ = false;
};

std::string join(const std::string& path, std::string_view field) {
  return path.empty() ? std::string(field) : fmt::format("{}.{}", path, field);
}

ScalarForm form_of(const YAML::Node& node) {
  return node.Tag() == "!" ? ScalarForm::kQuoted : ScalarForm::kPlain;
}

bool has_foreign_tag(const YAML::Node& node) {
  const std::string& tag = node.Tag();
  return !tag.empty() && tag != "?" && tag != "!";
}

void MessageReader::read_mapping(const YAML::Node& node, const std::string& path,
                                 Message& message) {
  if (!admit(node, path)) return;
  if (node.IsNull()) return problem(node, path, "has no value; write {} or leave it out");
  if (!node.IsMap()) return problem(node, path, "must be a mapping (field: value)");
  if (has_foreign_tag(node)) return problem(node, path, "tags are not understood here");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (stopped_) return;
    const std::optional<std::string> name = key_text(entry.first, path, seen);
    if (!name) continue;
    const FieldDescriptor* field = find_field(entry.first, path, message);
    if (field == nullptr || is_oneof_taken(*field, message, entry.first, path)) continue;
    note(entry.first, join(path, *name));
    read_field(entry.second, join(path, *name), {message, *field});
  }
}

std::optional<std::string> MessageReader::key_text(const YAML::Node& key, const std::string& path,
                                                   std::set<std::string>& seen) {
  if (!key.IsScalar() || has_foreign_tag(key) || !is_plain_text(key.Scalar())) {
    problem(key, path, "a key must be plain text");
    return std::nullopt;
  }
  if (!seen.insert(key.Scalar()).second) {
    problem(key, path, fmt::format("{} stands here twice", quote(key.Scalar())));
    return std::nullopt;
  }
  return key.Scalar();
}

const FieldDescriptor* MessageReader::find_field(const YAML::Node& key, const std::string& path,
                                                 const Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  if (const FieldDescriptor* field = type.FindFieldByName(key.Scalar())) return field;
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i)
    names.push_back(type.field(i)->name());
  std::string hint = suggestion(key.Scalar(), names);
  if (hint.empty()) hint = fmt::format("; fields here: {}", fmt::join(names, ", "));
  problem(key, path, fmt::format("unknown field {}{}", quote(key.Scalar()), hint));
  return nullptr;
}

bool MessageReader::is_oneof_taken(const FieldDescriptor& field, const Message& message,
                                   const YAML::Node& key, const std::string& path) {
  const google::protobuf::OneofDescriptor* oneof = field.real_containing_oneof();
  if (oneof == nullptr || !message.GetReflection()->HasOneof(message, oneof)) return false;
  const FieldDescriptor* other = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  problem(key, join(path, field.name()),
          fmt::format("stands beside {}; only one {} can be given", other->name(), oneof->name()));
  return true;
}

void MessageReader::read_field(const YAML::Node& node, const std::string& path,
                               const Place& place) {
  if (place.field.is_map()) return read_map(node, path, place);
  if (place.field.is_repeated()) return read_list(node, path, place);
  read_value(node, path, place);
}

// The name by which an element's path calls it; empty when it has none.
std::string name_of_element(const YAML::Node& element, const FieldDescriptor& field) {
  if (field.message_type() == nullptr || !element.IsMap()) return "";
  const FieldDescriptor* name = field.message_type()->FindFieldByName("name");
  if (name == nullptr || name->type() != FieldDescriptor::TYPE_STRING) return "";
  const YAML::Node written = element["name"];
  return written.IsDefined() && written.IsScalar() ? written.Scalar() : "";
}

void MessageReader::read_list(const YAML::Node& node, const std::string& path, const Place& place) {
  if (!admit(node, path)) return;
  if (node.IsNull()) return problem(node, path, "has no value; write [] or leave it out");
  if (!node.IsSequence())
    return problem(node, path, "must be a list ([a, b], or lines that begin with -)");
  if (has_foreign_tag(node)) return problem(node, path, "tags are not understood here");
  std::set<std::string> seen;
  size_t index = 0;
  for (const YAML::Node& element : node) {
    if (stopped_) return;
    const std::string key = element_key(name_of_element(element, place.field), index++, seen);
    const std::string element_path = fmt::format("{}[{}]", path, key);
    // An element on the list's own line is found by the list's path.
    if (line_of(element) != line_of(node) || element.IsMap()) note(element, element_path);
    read_value(element, element_path, place);
  }
}

void MessageReader::read_map(const YAML::Node& node, const std::string& path, const Place& place) {
  if (!admit(node, path)) return;
  if (node.IsNull()) return problem(node, path, "has no value; write {} or leave it out");
  if (!node.IsMap()) return problem(node, path, "must be a mapping (key: value)");
  if (has_foreign_tag(node)) return problem(node, path, "tags are not understood here");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (stopped_) return;
    const std::optional<std::string> key = key_text(entry.first, path, seen);
    if (!key) continue;
    const std::string entry_path = fmt::format("{}[{}]", path, *key);
    note(entry.first, entry_path);
    Message* added = place.message.GetReflection()->AddMessage(&place.message, &place.field);
    const google::protobuf::Descriptor& type = *place.field.message_type();
    added->GetReflection()->SetString(added, type.map_key(), *key);
    read_value(entry.second, entry_path, {*added, *type.map_value()});
  }
}

void MessageReader::read_value(const YAML::Node& node, const std::string& path,
                               const Place& place) {
  if (place.field.message_type() != nullptr) return read_submessage(node, path, place);
  if (admit(node, path)) read_scalar(node, path, place);
}

void MessageReader::read_submessage(const YAML::Node& node, const std::string& path,
                                    const Place& place) {
  const Reflection& reflection = *place.message.GetReflection();
  Message& target = place.field.is_repeated()
                        ? *reflection.AddMessage(&place.message, &place.field)
                        : *reflection.MutableMessage(&place.message, &place.field);
  if (target.GetDescriptor() == google::protobuf::Duration::descriptor()) {
    if (!admit(node, path) || !is_scalar(node, path, "a duration such as 1m30s")) return;
    const std::optional<int64_t> nanoseconds = parse_duration(node.Scalar());
    if (!nanoseconds) {
      return problem(
          node, path,
          fmt::format("{} is no duration; write it like 1d2h3m4s500ms200us", quote(node.Scalar())));
    }
    auto& duration = static_cast<google::protobuf::Duration&>(target);
    duration.set_seconds(*nanoseconds / 1'000'000'000);
    duration.set_nanos(static_cast<int32_t>(*nanoseconds % 1'000'000'000));
    return;
  }
  if (target.GetDescriptor() == google::protobuf::Timestamp::descriptor()) {
    if (!admit(node, path) || !is_scalar(node, path, "a time such as 2031-01-01T00:00:00Z")) return;
    const std::optional<UnixTime> time = parse_timestamp(node.Scalar());
    if (!time) {
      return problem(
          node, path,
          fmt::format("{} is no time; write it like 2031-01-01T00:00:00Z", quote(node.Scalar())));
    }
    auto& timestamp = static_cast<google::protobuf::Timestamp&>(target);
    timestamp.set_seconds(time->seconds);
    timestamp.set_nanos(time->nanoseconds);
    return;
  }
  read_mapping(node, path, target);
}

bool MessageReader::is_scalar(const YAML::Node& node, const std::string& path,
                              std::string_view wanted) {
  if (node.IsNull()) {
    problem(node, path, fmt::format("has no value; it must be {}, or left out", wanted));
  } else if (!node.IsScalar()) {
    problem(node, path, fmt::format("must be {}", wanted));
  } else if (has_foreign_tag(node)) {
    problem(node, path, "tags are not understood here");
  } else {
    return true;
  }
  return false;
}

void MessageReader::read_scalar(const YAML::Node& node, const std::string& path,
                                const Place& place) {
  switch (place.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return read_bool(node, path, place);
    case FieldDescriptor::CPPTYPE_ENUM:
      return read_enum(node, path, place);
    case FieldDescriptor::CPPTYPE_STRING:
      return read_string(node, path, place);
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
      return read_integer(node, path, place);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return read_number(node, path, place);
    default:
      return problem(node, path, "cannot be written in YAML");
  }
}

void MessageReader::read_bool(const YAML::Node& node, const std::string& path, const Place& place) {
  if (!is_scalar(node, path, "true or false")) return;
  const std::string& text = node.Scalar();
  if (form_of(node) == ScalarForm::kQuoted || (text != "true" && text != "false")) {
    return problem(node, path, fmt::format("must be true or false, not {}", quote(text)));
  }
  const Reflection& reflection = *place.message.GetReflection();
  if (place.field.is_repeated())
    return reflection.AddBool(&place.message, &place.field, text == "true");
  reflection.SetBool(&place.message, &place.field, text == "true");
}

void MessageReader::read_enum(const YAML::Node& node, const std::string& path, const Place& place) {
  const google::protobuf::EnumDescriptor& type = *place.field.enum_type();
  const std::vector<std::string> texts = enum_texts(type);
  const std::string wanted = fmt::format("one of {}", fmt::join(texts, ", "));
  if (!is_scalar(node, path, wanted)) return;
  const Reflection& reflection = *place.message.GetReflection();
  for (int i = 0; i < type.value_count(); ++i) {
    const google::protobuf::EnumValueDescriptor* value = type.value(i);
    if (value->number() == 0 || enum_text(*value) != node.Scalar()) continue;
    if (place.field.is_repeated()) return reflection.AddEnum(&place.message, &place.field, value);
    return reflection.SetEnum(&place.message, &place.field, value);
  }
  problem(node, path,
          fmt::format("must be {}, not {}{}", wanted, quote(node.Scalar()),
                      suggestion(node.Scalar(), texts)));
}

void MessageReader::read_string(const YAML::Node& node, const std::string& path,
                                const Place& place) {
  if (!is_scalar(node, path, "text (\"null\" in quotes for that word)")) return;
  if (!is_plain_text(node.Scalar())) {
    return problem(node, path, fmt::format("{} has control characters", quote(node.Scalar())));
  }
  const Reflection& reflection = *place.message.GetReflection();
  if (place.field.is_repeated()) {
    return reflection.AddString(&place.message, &place.field, node.Scalar());
  }
  reflection.SetString(&place.message, &place.field, node.Scalar());
}

void MessageReader::read_number(const YAML::Node& node, const std::string& path,
                                const Place& place) {
  if (!is_scalar(node, path, "a number")) return;
  const std::optional<double> value = parse_number(node.Scalar());
  if (form_of(node) == ScalarForm::kQuoted || !value) {
    return problem(
        node, path,
        fmt::format("must be a number such as 0.05, without quotes, not {}", quote(node.Scalar())));
  }
  const Reflection& reflection = *place.message.GetReflection();
  if (place.field.is_repeated()) return reflection.AddDouble(&place.message, &place.field, *value);
  reflection.SetDouble(&place.message, &place.field, *value);
}

template <typename T>
struct IntegerField;
template <>
struct IntegerField<int32_t> {
  static constexpr auto set = &Reflection::SetInt32;
  static constexpr auto add = &Reflection::AddInt32;
};
template <>
struct IntegerField<int64_t> {
  static constexpr auto set = &Reflection::SetInt64;
  static constexpr auto add = &Reflection::AddInt64;
};
template <>
struct IntegerField<uint32_t> {
  static constexpr auto set = &Reflection::SetUInt32;
  static constexpr auto add = &Reflection::AddUInt32;
};
template <>
struct IntegerField<uint64_t> {
  static constexpr auto set = &Reflection::SetUInt64;
  static constexpr auto add = &Reflection::AddUInt64;
};

// Errors: what would be right, when `text` is no number of this type.
template <typename T>
std::optional<std::string> store_integer(const std::string& text, const Place& place) {
  using Limits = std::numeric_limits<T>;
  std::optional<T> value;
  if constexpr (Limits::is_signed) {
    if (const auto number = parse_signed(text, Limits::min(), Limits::max()))
      value = static_cast<T>(*number);
  } else {
    if (const auto number = parse_unsigned(text, Limits::max())) value = static_cast<T>(*number);
  }
  if (!value) return fmt::format("a whole number in {}..{}", Limits::min(), Limits::max());
  const Reflection& reflection = *place.message.GetReflection();
  if (place.field.is_repeated()) {
    (reflection.*IntegerField<T>::add)(&place.message, &place.field, *value);
  } else {
    (reflection.*IntegerField<T>::set)(&place.message, &place.field, *value);
  }
  return std::nullopt;
}

void MessageReader::read_integer(const YAML::Node& node, const std::string& path,
                                 const Place& place) {
  if (!is_scalar(node, path, "a whole number")) return;
  const std::string& text = node.Scalar();
  if (form_of(node) == ScalarForm::kQuoted) {
    return problem(node, path, fmt::format("must be a number without quotes, not {}", quote(text)));
  }
  std::optional<std::string> wanted;
  switch (place.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      wanted = store_integer<int32_t>(text, place);
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      wanted = store_integer<uint32_t>(text, place);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      wanted = store_integer<int64_t>(text, place);
      break;
    default:
      wanted = store_integer<uint64_t>(text, place);
      break;
  }
  if (wanted) problem(node, path, fmt::format("must be {}, not {}", *wanted, quote(text)));
}

}  // namespace

void read_message(const YAML::Node& node, const std::string& path, Message& message,
                  const YamlReader& reader) {
  try {
    MessageReader(reader).read_mapping(node, path, message);
  } catch (const std::exception& error) {  // yaml-cpp reports misuse of a node by exceptions
    reader.problems->push_back(
        {reader.first_line, path, fmt::format("cannot be read: {}", error.what())});
  }
}

void read_document(const std::string& text, Message& message, const YamlReader& reader) {
  const size_t problems_before = reader.problems->size();
  const std::vector<YamlDocument> documents = load_documents(text, *reader.problems);
  if (documents.size() > 1) {
    reader.problems->push_back(
        {documents[1].first_line, "", "a second document begins here; the file holds one"});
  }
  if (documents.empty()) {
    if (reader.problems->size() == problems_before)
      reader.problems->push_back({1, "", "the file is empty"});
    return;
  }
  YamlReader first = reader;
  first.first_line = documents[0].first_line;
  read_message(documents[0].root, "", message, first);
}

bool is_object_name(std::string_view text) {
  constexpr size_t kNameMax = 63;
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  if (text.empty() || text.size() > kNameMax) return false;
  if (!is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  for (const char c : text) {
    if (!is_alphanumeric(c) && c != '-') return false;
  }
  return true;
}

std::string element_key(std::string_view name, size_t index, std::set<std::string>& seen) {
  if (is_object_name(name) && seen.insert(std::string(name)).second) return std::string(name);
  return fmt::format("{}", index);
}

}  // namespace sluice
