// SPDX-License-Identifier: Apache-2.0
//
// Objects of the policy as documents that an apply takes.
#pragma once

#include "controlplane/cli/render/document.h"
#include "google/protobuf/message.h"

namespace sluice::controlplane::cli {

// With apiVersion and kind, in the words of the policy language: "monitor", "200ms".
Document object_document(const google::protobuf::Message& object);

}  // namespace sluice::controlplane::cli
