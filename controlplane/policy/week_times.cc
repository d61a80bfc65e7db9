// SPDX-License-Identifier: Apache-2.0
//
// The times of the week at which a route steers.
#include "controlplane/policy/week_times.h"

#include <algorithm>

namespace sluice::controlplane {
namespace {

constexpr size_t kTimeLength = 5;  // "08:30"

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

uint32_t two_digits(std::string_view text) {
  return static_cast<uint32_t>((text[0] - '0') * 10 + (text[1] - '0'));
}

void add_window(uint32_t day, const v1::TimeWindow& window, std::vector<WeekSpan>& spans) {
  const auto from = parse_time_of_day(window.from());
  const auto to = parse_time_of_day(window.to());
  if (!from || !to) return;
  const uint32_t begin = day * kMinutesOfDay + *from;
  const uint32_t end = day * kMinutesOfDay + *to + (*to > *from ? 0 : kMinutesOfDay);
  if (begin < kMinutesOfWeek) spans.push_back({begin, std::min(end, kMinutesOfWeek)});
  if (end > kMinutesOfWeek) spans.push_back({0, end - kMinutesOfWeek});
}

}  // namespace

std::optional<uint32_t> parse_time_of_day(std::string_view text) {
  if (text.size() != kTimeLength || text[2] != ':') return std::nullopt;
  if (!is_digit(text[0]) || !is_digit(text[1]) || !is_digit(text[3]) || !is_digit(text[4]))
    return std::nullopt;
  const uint32_t minute = two_digits(text.substr(3));
  const uint32_t of_day = two_digits(text) * 60 + minute;
  if (minute > 59 || of_day > kMinutesOfDay) return std::nullopt;
  return of_day;
}

std::vector<WeekSpan> week_spans(
    const google::protobuf::RepeatedPtrField<v1::TimeWindow>& windows) {
  std::vector<WeekSpan> spans;
  for (const v1::TimeWindow& window : windows) {
    for (uint32_t day = 0; day < 7; ++day) {
      const auto weekday = static_cast<int>(day) + v1::WEEKDAY_MON;
      const auto& days = window.days();
      if (days.empty() || std::find(days.begin(), days.end(), weekday) != days.end())
        add_window(day, window, spans);
    }
  }
  std::sort(spans.begin(), spans.end(),
            [](const WeekSpan& a, const WeekSpan& b) { return a.begin < b.begin; });
  std::vector<WeekSpan> merged;
  for (const WeekSpan& span : spans) {
    if (!merged.empty() && span.begin <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, span.end);
    } else {
      merged.push_back(span);
    }
  }
  return merged;
}

bool overlap(const std::vector<WeekSpan>& a, const std::vector<WeekSpan>& b) {
  if (a.empty() || b.empty()) return true;
  return std::any_of(a.begin(), a.end(), [&](const WeekSpan& one) {
    return std::any_of(b.begin(), b.end(), [&](const WeekSpan& other) {
      return one.begin < other.end && other.begin < one.end;
    });
  });
}

}  // namespace sluice::controlplane
