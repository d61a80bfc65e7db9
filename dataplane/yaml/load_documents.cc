// SPDX-License-Identifier: Apache-2.0
//
// YAML text into node trees, so that nothing in the text can end the process.
#include "dataplane/yaml/load_documents.h"

#include <algorithm>
#include <exception>
#include <sstream>
#include <string_view>

#include "dataplane/yaml/scalars.h"
#include "fmt/format.h"
#include "yaml-cpp/eventhandler.h"

namespace sluice {
namespace {

uint32_t count_lines(std::string_view text) {
  return static_cast<uint32_t>(std::count(text.begin(), text.end(), '\n'));
}

bool is_marker(std::string_view rest, std::string_view marker) {
  if (!rest.starts_with(marker)) return false;
  rest.remove_prefix(marker.size());
  return rest.empty() || std::string_view(" \t\r\n").find(rest[0]) != std::string_view::npos;
}

// Where the document that begins at `from` ends: before a line that begins with "---", after one
// that begins with
// "...". YAML reserves both, they cannot stand in a text.
size_t end_of_document(std::string_view text, size_t from) {
  while (true) {
    const bool last = is_marker(text.substr(from), "...");
    const size_t newline = text.find('\n', from);
    if (newline == std::string_view::npos) return text.size();
    from = newline + 1;
    if (last || is_marker(text.substr(from), "---")) return from;
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

// Learns only where documents begin.
class StartListener : public YAML::EventHandler {
 public:
  int line() const { return line_; }  // of the newest document, from 0

  void OnDocumentStart(const YAML::Mark& mark) override { line_ = mark.line; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int line_ = 0;
};

// The line of what stands after the end of the first value, as in "{a: 1} {b: 2}" or "a: 1\n]"; -1:
// nothing. YAML::Load leaves it out silently, and YAML::LoadAll never ends where it begins with ','
// or ']'.
int line_of_rest(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  StartListener listener;
  const bool has_rest = parser.HandleNextDocument(listener) && parser.HandleNextDocument(listener);
  return has_rest ? listener.line() : -1;
}

void load_one(const std::string& text, uint32_t first_line, std::vector<YamlDocument>& documents,
              std::vector<YamlProblem>& problems) {
  const auto add = [&](int line, std::string_view reason) {
    problems.push_back({first_line + static_cast<uint32_t>(std::max(line, 0)), "",
                        fmt::format("no valid YAML: {}", reason)});
  };
  try {
    const int rest = line_of_rest(text);
    if (rest >= 0) return add(rest, "the document has ended; what stands here belongs to nothing");
    const YAML::Node root = YAML::Load(text);
    if (root.IsDefined() && !root.IsNull()) documents.push_back({root, first_line});
  } catch (const YAML::Exception& error) {
    add(error.mark.is_null() ? 0 : error.mark.line, error.msg);
  } catch (const std::exception& error) {  // yaml-cpp lets some of the standard library's through
    add(0, error.what());
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
    const size_t end = end_of_document(text, start);
    const std::string part = text.substr(start, end - start);
    load_one(part, first_line, documents, problems);
    first_line += count_lines(part);
    start = end;
  }
  return documents;
}

}  // namespace sluice
