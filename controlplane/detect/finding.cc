// SPDX-License-Identifier: Apache-2.0
//
// The words for what detection says, as events and metrics have them.
#include "controlplane/detect/finding.h"

namespace sluice::controlplane {

std::string_view subject_kind_name(SubjectKind kind) {
  switch (kind) {
    case SubjectKind::kClass:
      return "class";
    case SubjectKind::kService:
      return "service";
    case SubjectKind::kPool:
      return "pool";
    case SubjectKind::kBackend:
      return "backend";
    case SubjectKind::kClientPrefix:
      return "client_prefix";
  }
  return "";
}

std::string_view metric_name(Metric metric) {
  switch (metric) {
    case Metric::kNewFlows:
      return "new_flows";
    case Metric::kBytes:
      return "bytes";
    case Metric::kConcurrentFlows:
      return "concurrent_flows";
    case Metric::kHandshakes:
      return "handshakes";
    case Metric::kResets:
      return "resets";
    case Metric::kRefusals:
      return "refusals";
    case Metric::kShare:
      return "share";
    case Metric::kTopClientShare:
      return "top_client_share";
    case Metric::kSynFlood:
      return "syn_flood";
  }
  return "";
}

std::string_view direction_name(Direction direction) {
  return direction == Direction::kUp ? "up" : "down";
}

}  // namespace sluice::controlplane
