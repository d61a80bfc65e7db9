// SPDX-License-Identifier: Apache-2.0
//
// Judges the answer to an HTTP probe, as far as it has come.
#pragma once

#include <string>
#include <string_view>

#include "sluice/v1/policy.pb.h"

namespace sluice::dataplane {

enum class ProbeProgress : uint8_t { kWaiting, kSuccess, kFailure };

struct ProbeVerdict {
  ProbeProgress progress = ProbeProgress::kWaiting;
  std::string failure;  // for people: "status 503"
};

enum class StreamEnd : uint8_t { kOpen, kClosed };

// The request that this probe sends; `address` is the Host unless the probe names one.
std::string http_request(const v1::HttpProbe& probe, const std::string& address);

// `received` is everything from the start of the connection; no more of it than
// `kHttpAnswerBytesMax` is needed.
inline constexpr size_t kHttpAnswerBytesMax =
    (64 + 32) * 1024;  // 64 KiB of body, headers, chunk sizes
ProbeVerdict judge_http_answer(const v1::HttpProbe& probe, std::string_view received,
                               StreamEnd end);

}  // namespace sluice::dataplane
