// SPDX-License-Identifier: Apache-2.0
//
// Writes documents as JSON and YAML text.
#include "controlplane/cli/render/document.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

// Whether YAML readers of every version take the text as text when it stands without quotes.
bool is_plain_yaml(std::string_view text) {
  if (text.empty() || std::isalpha(static_cast<unsigned char>(text.front())) == 0) return false;
  constexpr std::array<std::string_view, 8> kWords{"true", "false", "null", "yes",
                                                   "no",   "on",    "off",  "nan"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (std::find(kWords.begin(), kWords.end(), lower) != kWords.end() || lower.size() == 1) {
    return false;
  }
  const auto is_safe = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/' || c == '+';
  };
  return std::all_of(text.begin(), text.end(), is_safe);
}

std::string yaml_text(std::string_view text) {
  return is_plain_yaml(text) ? std::string(text) : quoted(text);
}

}  // namespace

Document Document::text(std::string_view text) {
  return Document(Kind::kText, std::string(text));
}
Document Document::boolean(bool value) {
  return Document(Kind::kNumber, value ? "true" : "false");
}
Document Document::number(double value) {
  return Document(Kind::kNumber, std::isfinite(value) ? fmt::format("{}", value) : "null");
}
Document Document::number(int32_t value) {
  return Document(Kind::kNumber, fmt::format("{}", value));
}
Document Document::number(uint32_t value) {
  return Document(Kind::kNumber, fmt::format("{}", value));
}
Document Document::number(int64_t value) {
  return Document(Kind::kLongNumber, fmt::format("{}", value));
}
Document Document::number(uint64_t value) {
  return Document(Kind::kLongNumber, fmt::format("{}", value));
}
Document Document::object() {
  return Document(Kind::kObject);
}
Document Document::list() {
  return Document(Kind::kList);
}

Document& Document::add(std::string_view name, Document value) {
  names_.emplace_back(name);
  values_.push_back(std::move(value));
  return *this;
}

Document& Document::append(Document value) {
  values_.push_back(std::move(value));
  return *this;
}

std::string Document::to_json() const {
  std::string out;
  write_json(out, 0);
  return out + "\n";
}

void Document::write_json(std::string& out, size_t depth) const {
  if (is_scalar()) {
    out += kind_ == Kind::kNumber ? scalar_ : quoted(scalar_);
    return;
  }
  const bool is_object = kind_ == Kind::kObject;
  if (is_empty()) {
    out += is_object ? "{}" : "[]";
    return;
  }
  out += is_object ? '{' : '[';
  for (size_t i = 0; i < values_.size(); ++i) {
    out += i == 0 ? "\n" : ",\n";
    out.append(2 * (depth + 1), ' ');
    if (is_object) out += quoted(names_[i]) + ": ";
    values_[i].write_json(out, depth + 1);
  }
  out += '\n';
  out.append(2 * depth, ' ');
  out += is_object ? '}' : ']';
}

std::string Document::to_yaml() const {
  std::string out;
  if (is_scalar() || is_empty()) {
    write_yaml_value(out);
  } else {
    write_yaml(out, 0);
  }
  return out;
}

// A non-empty object or list, its first line without indentation: the caller has written that.
void Document::write_yaml(std::string& out, size_t depth) const {
  for (size_t i = 0; i < values_.size(); ++i) {
    if (i > 0) out.append(2 * depth, ' ');
    if (kind_ == Kind::kList) {
      out += "- ";
      if (values_[i].is_scalar() || values_[i].is_empty()) {
        values_[i].write_yaml_value(out);
      } else {
        values_[i].write_yaml(out, depth + 1);
      }
      continue;
    }
    out += yaml_text(names_[i]) + ':';
    if (values_[i].is_scalar() || values_[i].is_empty()) {
      out += ' ';
      values_[i].write_yaml_value(out);
    } else {
      out += '\n';
      out.append(2 * (depth + 1), ' ');
      values_[i].write_yaml(out, depth + 1);
    }
  }
}

void Document::write_yaml_value(std::string& out) const {
  if (kind_ == Kind::kObject) {
    out += "{}\n";
  } else if (kind_ == Kind::kList) {
    out += "[]\n";
  } else {
    out += (kind_ == Kind::kText ? yaml_text(scalar_) : scalar_) + "\n";
  }
}

}  // namespace sluice::controlplane::cli
