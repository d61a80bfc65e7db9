// SPDX-License-Identifier: Apache-2.0
//
// Protobuf messages as documents: protobuf JSON with the field names of the proto files.
#pragma once

#include "controlplane/cli/render/document.h"
#include "google/protobuf/message.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace sluice::controlplane::cli {

enum class Unset {
  kOmit,   // only what is set
  kWrite,  // fields without presence are always there, so that programs need no defaults
};

// Bytes are written as text: addresses and prefixes as such, everything else in hexadecimal digits.
Document document_of(const google::protobuf::Message& message, Unset unset = Unset::kWrite);

// {"items": [...]}, the form of every list.
template <class Message>
Document items_of(const google::protobuf::RepeatedPtrField<Message>& messages) {
  Document items = Document::list();
  for (const Message& message : messages)
    items.append(document_of(message));
  Document document = Document::object();
  document.add("items", std::move(items));
  return document;
}

}  // namespace sluice::controlplane::cli
