// SPDX-License-Identifier: Apache-2.0
//
// Suggestions for misspelt names.
#include "dataplane/yaml/nearest_name.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <vector>

#include "fmt/format.h"

namespace sluice {
namespace {

constexpr size_t kWordMax = 64;    // nobody misspells more
constexpr size_t kQuotedMax = 64;  // bytes of input that a message repeats

std::string bare(std::string_view word) {
  std::string letters;
  for (const char c : word) {
    if (c != '_' && c != '-') {
      letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return letters;
}

// Levenshtein's distance, with neighbours swapped as one step.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace

std::string suggestion(std::string_view word, std::span<const std::string> names) {
  if (word.empty() || word.size() > kWordMax) return "";
  const std::string letters = bare(word);
  const std::string* nearest = nullptr;
  size_t best = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& name : names) {
    if (name.size() > kWordMax) continue;
    const size_t steps = bare(name) == letters ? 0 : distance(word, name);
    if (steps >= best) continue;
    best = steps;
    nearest = &name;
  }
  return nearest == nullptr ? "" : fmt::format("; did you mean {}?", *nearest);
}

std::string quote(std::string_view text) {
  size_t end = std::min(text.size(), kQuotedMax);
  while (end < text.size() && end > 0 && is_continuation(text[end]))
    --end;
  std::string escaped;
  for (const char c : text.substr(0, end)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      escaped += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      escaped += fmt::format("\\x{:02x}", byte);
    } else {
      escaped += c;
    }
  }
  return fmt::format("\"{}{}\"", escaped, end < text.size() ? "…" : "");
}

}  // namespace sluice
