// SPDX-License-Identifier: Apache-2.0
//
// YAML text into node trees, so that nothing in the text can end the process.
#include "dataplane/yaml/load_documents.h"

#include <algorithm>
#include <exception>
#include <string_view>

#include "dataplane/yaml/scalars.h"
#include "fmt/format.h"

namespace sluice {
namespace {

uint32_t count_lines(std::string_view text) {
  return static_cast<uint32_t>(std::count(text.begin(), text.end(), '\n'));
}

bool is_marker(std::string_view rest) {
  if (!rest.starts_with("---")) return false;
  return rest.size() == 3 || std::string_view(" \t\r\n").find(rest[3]) != std::string_view::npos;
}

// The start of the next line that begins with "---", which YAML reserves for the start of a
// document; else the end.
size_t next_document(std::string_view text, size_t from) {
  while (true) {
    const size_t newline = text.find('\n', from);
    if (newline == std::string_view::npos) return text.size();
    from = newline + 1;
    if (is_marker(text.substr(from))) return from;
  }
}

// yaml-cpp takes 0x04 for the end of the text and guesses encodings: neither may happen silently.
bool check_characters(std::string_view text, std::vector<YamlProblem>& problems) {
  uint32_t line = 1;
  while (!text.empty()) {
    const size_t length = std::min(text.find('\n'), text.size() - 1) + 1;
    std::string_view written = text.substr(0, length);
    if (written.ends_with("\r\n")) written.remove_suffix(2);
    if (!is_plain_text(written)) {
      problems.push_back({line, "", "the line is no UTF-8 text, or has control characters"});
      return false;
    }
    text.remove_prefix(length);
    ++line;
  }
  return true;
}

void load_one(const std::string& text, uint32_t first_line, std::vector<YamlDocument>& documents,
              std::vector<YamlProblem>& problems) {
  try {
    for (const YAML::Node& root : YAML::LoadAll(text)) {
      if (root.IsDefined() && !root.IsNull()) documents.push_back({root, first_line});
    }
  } catch (const YAML::Exception& error) {
    const int line = error.mark.is_null() ? 0 : error.mark.line;
    problems.push_back({first_line + static_cast<uint32_t>(std::max(line, 0)), "",
                        fmt::format("no valid YAML: {}", error.msg)});
  } catch (const std::exception& error) {  // yaml-cpp lets some of the standard library's through
    problems.push_back({first_line, "", fmt::format("no valid YAML: {}", error.what())});
  }
}

}  // namespace

std::vector<YamlDocument> load_documents(const std::string& text,
                                         std::vector<YamlProblem>& problems) {
  std::vector<YamlDocument> documents;
  if (text.size() > kYamlBytesMax) {
    problems.push_back(
        {1, "",
         fmt::format("the text has {} bytes, at most {} are read", text.size(), kYamlBytesMax)});
    return documents;
  }
  if (!check_characters(text, problems)) return documents;
  uint32_t first_line = 1;
  for (size_t start = 0; start < text.size();) {
    const size_t end = next_document(text, start);
    const std::string part = text.substr(start, end - start);
    load_one(part, first_line, documents, problems);
    first_line += count_lines(part);
    start = end;
  }
  return documents;
}

}  // namespace sluice
