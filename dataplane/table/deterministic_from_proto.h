// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a message that digests and signatures are made of.
#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace sluice::dataplane {

// Protobuf's deterministic serialization: equal messages have equal bytes, whatever the order of
// their maps.
std::string deterministic_bytes(const google::protobuf::Message& message);

}  // namespace sluice::dataplane
