// SPDX-License-Identifier: Apache-2.0
//
// Labels and the selectors over them, as in Kubernetes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "google/protobuf/map.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

using Labels = std::map<std::string, std::string, std::less<>>;

Labels to_labels(const google::protobuf::Map<std::string, std::string>& labels);
// `over` wins per key.
Labels overlaid(const Labels& base, const google::protobuf::Map<std::string, std::string>& over);

// Why the labels do not satisfy the selector: `label jurisdiction is "us", must be in [eu]`.
// Nothing when they do.
std::optional<std::string> mismatch(const v1::LabelSelector& selector, const Labels& labels);
bool matches(const v1::LabelSelector& selector, const Labels& labels);

// Whether the selector is unset or {}: it matches everything.
bool matches_all(const v1::LabelSelector& selector);

}  // namespace sluice::controlplane
