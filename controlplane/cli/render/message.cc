// SPDX-License-Identifier: Apache-2.0
//
// Walks messages by reflection and builds documents of them.
#include "controlplane/cli/render/message.h"

#include <map>
#include <string>
#include <vector>

#include "controlplane/cli/render/text.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/time_util.h"

namespace sluice::controlplane::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::TimeUtil;

// What one field of one message holds: `index` < 0 is the field itself, else an element of it.
struct FieldValue {
  const Message& message;
  const FieldDescriptor& field;
  int index;
};

template <class Single, class Repeated>
auto read(const FieldValue& value, Single single, Repeated repeated) {
  const Reflection& reflection = *value.message.GetReflection();
  return value.index < 0 ? (reflection.*single)(value.message, &value.field)
                         : (reflection.*repeated)(value.message, &value.field, value.index);
}

const Message& message_in(const FieldValue& value) {
  const Reflection& reflection = *value.message.GetReflection();
  return value.index < 0 ? reflection.GetMessage(value.message, &value.field)
                         : reflection.GetRepeatedMessage(value.message, &value.field, value.index);
}

std::string bytes_text(const FieldDescriptor& field, const std::string& bytes) {
  const std::string& name = field.name();
  if (name.find("address") != std::string::npos) return address_text(bytes);
  if (name.find("prefix") != std::string::npos) return prefix_text(bytes);
  return hexadecimal(bytes);
}

std::string enum_name(const FieldValue& value) {
  const auto* named = read(value, &Reflection::GetEnum, &Reflection::GetRepeatedEnum);
  return named->name();
}

Document document_of_message(const Message& message, Unset unset) {
  if (message.GetDescriptor() == google::protobuf::Timestamp::descriptor()) {
    return Document::text(
        TimeUtil::ToString(static_cast<const google::protobuf::Timestamp&>(message)));
  }
  if (message.GetDescriptor() == google::protobuf::Duration::descriptor()) {
    return Document::text(
        TimeUtil::ToString(static_cast<const google::protobuf::Duration&>(message)));
  }
  return document_of(message, unset);
}

Document document_of_value(const FieldValue& value, Unset unset) {
  switch (value.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Document::number(read(value, &Reflection::GetInt32, &Reflection::GetRepeatedInt32));
    case FieldDescriptor::CPPTYPE_UINT32:
      return Document::number(read(value, &Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
    case FieldDescriptor::CPPTYPE_INT64:
      return Document::number(
          int64_t{read(value, &Reflection::GetInt64, &Reflection::GetRepeatedInt64)});
    case FieldDescriptor::CPPTYPE_UINT64:
      return Document::number(
          uint64_t{read(value, &Reflection::GetUInt64, &Reflection::GetRepeatedUInt64)});
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Document::number(read(value, &Reflection::GetDouble, &Reflection::GetRepeatedDouble));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Document::number(
          double{read(value, &Reflection::GetFloat, &Reflection::GetRepeatedFloat)});
    case FieldDescriptor::CPPTYPE_BOOL:
      return Document::boolean(read(value, &Reflection::GetBool, &Reflection::GetRepeatedBool));
    case FieldDescriptor::CPPTYPE_ENUM:
      return Document::text(enum_name(value));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return document_of_message(message_in(value), unset);
    case FieldDescriptor::CPPTYPE_STRING:
      break;
  }
  const std::string text = read(value, &Reflection::GetString, &Reflection::GetRepeatedString);
  const bool is_bytes = value.field.type() == FieldDescriptor::TYPE_BYTES;
  return Document::text(is_bytes ? bytes_text(value.field, text) : text);
}

Document document_of_map(const Message& message, const FieldDescriptor& field, Unset unset) {
  std::map<std::string, Document> sorted;
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    const FieldDescriptor& key = *field.message_type()->map_key();
    const FieldDescriptor& value = *field.message_type()->map_value();
    sorted.emplace(entry.GetReflection()->GetString(entry, &key),
                   document_of_value({entry, value, -1}, unset));
  }
  Document object = Document::object();
  for (const auto& [name, value] : sorted)
    object.add(name, value);
  return object;
}

Document document_of_list(const Message& message, const FieldDescriptor& field, Unset unset) {
  Document list = Document::list();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    list.append(document_of_value({message, field, i}, unset));
  }
  return list;
}

bool is_written(const Message& message, const FieldDescriptor& field, Unset unset) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    return unset == Unset::kWrite || reflection.FieldSize(message, &field) > 0;
  }
  return reflection.HasField(message, &field) || (unset == Unset::kWrite && !field.has_presence());
}

}  // namespace

Document document_of(const Message& message, Unset unset) {
  Document object = Document::object();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (!is_written(message, field, unset)) continue;
    if (field.is_map()) {
      object.add(field.name(), document_of_map(message, field, unset));
    } else if (field.is_repeated()) {
      object.add(field.name(), document_of_list(message, field, unset));
    } else {
      object.add(field.name(), document_of_value({message, field, -1}, unset));
    }
  }
  return object;
}

}  // namespace sluice::controlplane::cli
