// SPDX-License-Identifier: Apache-2.0
//
// Objects of the policy as documents that an apply takes.
#include "controlplane/cli/render/object.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "controlplane/policy/print_value.h"

namespace sluice::controlplane::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kApiVersion[] = "sluice/v1";
constexpr int kNotRepeated = -1;

void add_fields(const Message& message, Document& document);

// What `print_value` writes, without its quotes.
std::string words_of(const Message& message, const FieldDescriptor& field, int index) {
  const std::string text = print_value(message, field, index);
  const bool is_quoted = text.size() >= 2 && text.front() == '"';
  return is_quoted ? text.substr(1, text.size() - 2) : text;
}

Document document_of_value(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool is_element = index != kNotRepeated;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return Document::text(is_element ? reflection.GetRepeatedString(message, &field, index)
                                       : reflection.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return Document::text(words_of(message, field, index));
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      if (is_single_value(field)) return Document::text(words_of(message, field, index));
      Document object = Document::object();
      add_fields(is_element ? reflection.GetRepeatedMessage(message, &field, index)
                            : reflection.GetMessage(message, &field),
                 object);
      return object;
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      return Document::boolean(print_value(message, field, index) == "true");
    default: {  // no policy holds a number that a double does not
      double number = 0;
      static_cast<void>(absl::SimpleAtod(print_value(message, field, index), &number));
      return Document::number(number);
    }
  }
}

Document document_of_map(const Message& message, const FieldDescriptor& field) {
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  std::map<std::string, Document> sorted;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    const Message& entry = message.GetReflection()->GetRepeatedMessage(message, &field, i);
    sorted.emplace(entry.GetReflection()->GetString(entry, &key),
                   document_of_value(entry, value, kNotRepeated));
  }
  Document object = Document::object();
  for (const auto& [name, one] : sorted)
    object.add(name, one);
  return object;
}

Document document_of_list(const Message& message, const FieldDescriptor& field) {
  Document list = Document::list();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i)
    list.append(document_of_value(message, field, i));
  return list;
}

void add_fields(const Message& message, Document& document) {
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  for (const FieldDescriptor* field : set) {
    document.add(field->name(), field->is_map() ? document_of_map(message, *field)
                                : field->is_repeated()
                                    ? document_of_list(message, *field)
                                    : document_of_value(message, *field, kNotRepeated));
  }
}

}  // namespace

Document object_document(const Message& object) {
  Document document = Document::object();
  document.add("apiVersion", Document::text(kApiVersion));
  document.add("kind", Document::text(object.GetDescriptor()->name()));
  add_fields(object, document);
  return document;
}

}  // namespace sluice::controlplane::cli
