// SPDX-License-Identifier: Apache-2.0
//
// What detection found, as an event with its evidence.
#include "controlplane/service/pattern_event.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "controlplane/service/step_event.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

constexpr size_t kTopShown = 3;

struct Words {
  const char* what;
  bool is_ratio;
};

Words words_of(Metric metric) {
  switch (metric) {
    case Metric::kNewFlows:
      return {"new flows", false};
    case Metric::kBytes:
      return {"bytes", false};
    case Metric::kConcurrentFlows:
      return {"flows at a time", false};
    case Metric::kHandshakes:
      return {"completed handshakes", true};
    case Metric::kResets:
      return {"resets by clients", true};
    case Metric::kRefusals:
      return {"refused flows", true};
    case Metric::kShare:
      return {"the share of its routes' flows", true};
    case Metric::kTopClientShare:
      return {"the share of one client prefix", true};
    case Metric::kSynFlood:
      return {"SYNs that nobody completes", false};
  }
  return {"", false};
}

std::string value_text(double value, bool is_ratio) {
  return is_ratio ? fmt::format("{:.1f} %", 100 * value) : fmt::format("{:.0f}", value);
}

std::string time_text(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%MZ", time, absl::UTCTimeZone());
}

std::string end_text(Edge edge) {
  switch (edge) {
    case Edge::kEnd:
      return "as usual again";
    case Edge::kNewLevel:
      return "what lasted so long is usual now";
    default:
      return "not seen any more";
  }
}

std::string begin_text(const Finding& finding, const Words& words) {
  const Point& last = finding.recent.back();
  std::string text =
      fmt::format("{} than usual since {}: {}{}, where {} is usual ({} to {})",
                  finding.change.direction == Direction::kUp ? "more" : "less",
                  time_text(finding.change.since), value_text(last.value, words.is_ratio),
                  words.is_ratio ? "" : " a minute", value_text(last.expected, words.is_ratio),
                  value_text(last.low, words.is_ratio), value_text(last.high, words.is_ratio));
  const char* separator = "; most flows from ";
  for (size_t i = 0; i < std::min(kTopShown, finding.top_clients.size()); ++i) {
    const HeavyHitter& client = finding.top_clients[i];
    absl::StrAppend(&text, separator, client.key, " (", client.guaranteed(), ")");
    separator = ", ";
  }
  return text;
}

// "value/usual" of each minute, oldest first.
std::string series_text(const Finding& finding) {
  std::string text;
  for (const Point& point : finding.recent)
    text += fmt::format("{}{:.4g}/{:.4g}", text.empty() ? "" : " ", point.value, point.expected);
  return text;
}

}  // namespace

v1::Event pattern_event(const Finding& finding) {
  const Words words = words_of(finding.metric);
  const bool is_begin = finding.change.edge == Edge::kBegin;
  const bool has_point = !finding.recent.empty();
  v1::Event event = step_event(is_begin ? "pattern.begin" : "pattern.end", kController,
                               absl::StrCat(words.what, ": ",
                                            is_begin && has_point ? begin_text(finding, words)
                                                                  : end_text(finding.change.edge)));
  event.set_target(
      fmt::format("{}/{}", subject_kind_name(finding.subject.kind), finding.subject.name));
  auto& details = *event.mutable_details();
  details["metric"] = metric_name(finding.metric);
  details["direction"] = direction_name(finding.change.direction);
  details["since"] = time_text(finding.change.since);
  details["mean_deviation"] = fmt::format("{:.4g}", finding.change.size);
  if (!has_point) return event;
  details["value"] = fmt::format("{:.4g}", finding.recent.back().value);
  details["usual"] = fmt::format("{:.4g}", finding.recent.back().expected);
  details["series"] = series_text(finding);
  for (const HeavyHitter& client : finding.top_clients)
    details[absl::StrCat("top/", client.key)] = absl::StrCat(client.guaranteed());
  return event;
}

}  // namespace sluice::controlplane
