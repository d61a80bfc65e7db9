// SPDX-License-Identifier: Apache-2.0
//
// The typed policy as YAML text.
#include "controlplane/policy/print.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "controlplane/policy/print_value.h"
#include "dataplane/yaml/read_message.h"
#include "dataplane/yaml/scalars.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Timestamp;

constexpr size_t kFlowWidthMax = 80;  // longer lists and mappings take a line per element
constexpr int kNotRepeated = -1;

bool is_reserved_word(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower({text.data(), text.size()});
  for (const char* word : {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}) {
    if (lower == word) return true;
  }
  return false;
}

// Whether every YAML reader takes the bare text for exactly this string; ours does for more.
bool is_plain_everywhere(std::string_view text) {
  constexpr std::string_view kMarks = "_./-";
  if (text.empty() || is_reserved_word(text)) return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && kMarks.find(c) == kMarks.npos)
      return false;
  }
  if (absl::ascii_isalpha(static_cast<unsigned char>(text[0])) || text[0] == '/') return true;
  const bool is_address =
      std::count(text.begin(), text.end(), '.') >= 2 || text.find('/') != text.npos;
  return absl::ascii_isdigit(static_cast<unsigned char>(text[0])) && is_address;
}

std::string print_text(std::string_view text) {
  if (is_plain_everywhere(text)) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string print_timestamp(const Timestamp& time) {
  const absl::Time at = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return fmt::format("\"{}\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", at, absl::UTCTimeZone()));
}

// One value of a field: the element at `index`, or the field itself for kNotRepeated.
struct Value {
  const Message& message;
  const FieldDescriptor& field;
  int index = kNotRepeated;

  template <typename T>
  T get(T (Reflection::*one)(const Message&, const FieldDescriptor*) const,
        T (Reflection::*element)(const Message&, const FieldDescriptor*, int) const) const {
    const Reflection& reflection = *message.GetReflection();
    return index == kNotRepeated ? (reflection.*one)(message, &field)
                                 : (reflection.*element)(message, &field, index);
  }
  const Message& submessage() const {
    const Reflection& reflection = *message.GetReflection();
    return index == kNotRepeated ? reflection.GetMessage(message, &field)
                                 : reflection.GetRepeatedMessage(message, &field, index);
  }
};

std::string print_scalar(const Value& value) {
  switch (value.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return value.get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_INT32:
      return std::to_string(value.get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(value.get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(value.get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64));
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(value.get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64));
    case FieldDescriptor::CPPTYPE_DOUBLE:  // as short as reads back to the same
      return fmt::format("{}", value.get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble));
    case FieldDescriptor::CPPTYPE_ENUM:
      return enum_text(*value.get(&Reflection::GetEnum, &Reflection::GetRepeatedEnum));
    default:
      return print_text(value.get(&Reflection::GetString, &Reflection::GetRepeatedString));
  }
}

std::string print_word(const Value& value) {
  if (value.field.message_type() == Duration::descriptor()) {
    const auto& duration = static_cast<const Duration&>(value.submessage());
    return format_duration(duration.seconds() * 1'000'000'000 + duration.nanos());
  }
  if (value.field.message_type() == Timestamp::descriptor()) {
    return print_timestamp(static_cast<const Timestamp&>(value.submessage()));
  }
  return print_scalar(value);
}

std::string indented(int depth) {
  return std::string(static_cast<size_t>(depth) * 2, ' ');
}

void print_fields(const Message& message, int depth, std::string& text);

// ": [a, b]", or one line per element when that is too long.
void print_words(const std::vector<std::string>& words, std::string_view brackets, int depth,
                 std::string& text) {
  const std::string flow = fmt::format("{}{}{}", brackets[0], fmt::join(words, ", "), brackets[1]);
  if (flow.size() <= kFlowWidthMax) {
    text += fmt::format(" {}\n", flow);
    return;
  }
  text += "\n";
  for (const std::string& word : words) {
    text += fmt::format("{}{}{}\n", indented(depth + 1), brackets[0] == '[' ? "- " : "", word);
  }
}

void print_map(const Message& message, const FieldDescriptor& field, int depth, std::string& text) {
  std::map<std::string, std::string> sorted;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    const Message& entry = message.GetReflection()->GetRepeatedMessage(message, &field, i);
    const google::protobuf::Descriptor& type = *field.message_type();
    sorted[entry.GetReflection()->GetString(entry, type.map_key())] =
        print_word({entry, *type.map_value()});
  }
  std::vector<std::string> words;
  for (const auto& [key, value] : sorted)
    words.push_back(fmt::format("{}: {}", print_text(key), value));
  print_words(words, "{}", depth, text);
}

void print_list(const Message& message, const FieldDescriptor& field, int depth,
                std::string& text) {
  const int count = message.GetReflection()->FieldSize(message, &field);
  if (is_single_value(field)) {
    std::vector<std::string> words;
    for (int i = 0; i < count; ++i)
      words.push_back(print_word({message, field, i}));
    return print_words(words, "[]", depth, text);
  }
  text += "\n";
  for (int i = 0; i < count; ++i) {
    std::string element;
    print_fields(message.GetReflection()->GetRepeatedMessage(message, &field, i), depth + 2,
                 element);
    const std::string_view body =
        element.empty() ? "{}\n" : std::string_view(element).substr(indented(depth + 2).size());
    text += fmt::format("{}- {}", indented(depth + 1), body);
  }
}

void print_field(const Message& message, const FieldDescriptor& field, int depth,
                 std::string& text) {
  text += fmt::format("{}{}:", indented(depth), field.name());
  if (field.is_map()) return print_map(message, field, depth, text);
  if (field.is_repeated()) return print_list(message, field, depth, text);
  if (is_single_value(field)) {
    text += fmt::format(" {}\n", print_word({message, field}));
    return;
  }
  std::string body;
  print_fields(message.GetReflection()->GetMessage(message, &field), depth + 1, body);
  text += body.empty() ? " {}\n" : "\n" + body;
}

void print_fields(const Message& message, int depth, std::string& text) {
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  for (const FieldDescriptor* field : set)
    print_field(message, *field, depth, text);
}

}  // namespace

std::string print_object(const Message& object) {
  std::string text =
      fmt::format("apiVersion: sluice/v1\nkind: {}\n", object.GetDescriptor()->name());
  print_fields(object, 0, text);
  return text;
}

bool is_single_value(const FieldDescriptor& field) {
  return field.message_type() == nullptr || field.message_type() == Duration::descriptor() ||
         field.message_type() == Timestamp::descriptor();
}

std::string print_value(const Message& message, const FieldDescriptor& field, int index) {
  return print_word({message, field, index});
}

}  // namespace sluice::controlplane
