// SPDX-License-Identifier: Apache-2.0
//
// YAML text becomes the typed policy, or everything that is wrong with it.
#include "controlplane/policy/parse.h"

#include <optional>

#include "controlplane/policy/kinds.h"
#include "dataplane/yaml/load_documents.h"
#include "dataplane/yaml/nearest_name.h"
#include "dataplane/yaml/read_message.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kApiVersion = "sluice/v1";

// Reads the documents of one file into the policy that all files share.
class FileReader {
 public:
  FileReader(const SourceFile& file, ParsedPolicy& parsed, Violations& violations)
      : file_(file), parsed_(parsed), violations_(violations) {}

  void read() {
    std::vector<YamlProblem> problems;
    const std::vector<YamlDocument> documents = load_documents(file_.text, problems);
    for (const YamlProblem& problem : problems)
      add(problem.line, problem.path, problem.message);
    for (const YamlDocument& document : documents)
      read_document(document);
  }

 private:
  // Where the fields of one object were written, not yet under the object's path.
  using Lines = std::vector<std::pair<std::string, uint32_t>>;

  void read_document(const YamlDocument& document);
  void check_api_version(const YamlDocument& document);
  const FieldDescriptor* kind_of(const YamlDocument& document);
  void read_object(const YamlDocument& document, const FieldDescriptor& list);
  bool is_new(const std::string& path, const Message& object, uint32_t line);
  void add(uint32_t line, std::string path, std::string message) {
    violations_.push_back({file_.name, line, std::move(path), std::move(message)});
  }

  const SourceFile& file_;
  ParsedPolicy& parsed_;
  Violations& violations_;
};

uint32_t line_of(const YAML::Node& node, const YamlDocument& document) {
  return document.first_line + static_cast<uint32_t>(std::max(node.Mark().line, 0));
}

// What stands beside metadata and spec belongs to the document, not to the object; so does what the
// controller says of an object in `status`.
bool is_header(const YAML::Node& key) {
  return key.IsScalar() &&
         (key.Scalar() == "apiVersion" || key.Scalar() == "kind" || key.Scalar() == "status");
}

// The value of a key of the document, the last one when it stands there twice.
YAML::Node header_value(const YamlDocument& document, std::string_view key, int& count) {
  YAML::Node value;
  for (const auto& entry : document.root) {
    if (!entry.first.IsScalar() || entry.first.Scalar() != key) continue;
    value.reset(entry.second);
    ++count;
  }
  return value;
}

YAML::Node without_header(const YamlDocument& document) {
  YAML::Node object(YAML::NodeType::Map);
  for (const auto& entry : document.root) {
    if (!is_header(entry.first)) object.force_insert(entry.first, entry.second);
  }
  return object;
}

// {"items": [...]}, as `sluice get -o json` prints several objects.
bool is_list(const YAML::Node& root) {
  if (!root.IsMap() || root.size() != 1) return false;
  const YAML::Node items = root["items"];
  return items && items.IsSequence();
}

void FileReader::read_document(const YamlDocument& document) {
  if (is_list(document.root)) {
    const YAML::Node items = document.root["items"];
    for (const YAML::Node& item : items)
      read_document({item, document.first_line});
    return;
  }
  if (!document.root.IsMap()) {
    return add(line_of(document.root, document), "",
               "an object must be a mapping with kind, metadata and spec");
  }
  check_api_version(document);
  if (const FieldDescriptor* list = kind_of(document)) read_object(document, *list);
}

void FileReader::check_api_version(const YamlDocument& document) {
  int count = 0;
  const YAML::Node value = header_value(document, "apiVersion", count);
  if (count == 0) return;
  const std::string text = value.IsScalar() ? value.Scalar() : "";
  if (count > 1) return add(line_of(value, document), "", "apiVersion stands here twice");
  if (text == kApiVersion) return;
  add(line_of(value, document), "",
      fmt::format("apiVersion must be {}, not {}", kApiVersion, quote(text)));
}

const FieldDescriptor* FileReader::kind_of(const YamlDocument& document) {
  int count = 0;
  const YAML::Node value = header_value(document, "kind", count);
  if (count != 1 || !value.IsScalar()) {
    add(line_of(count > 0 ? value : document.root, document), "",
        fmt::format("an object needs one kind: {}", fmt::join(kinds(), ", ")));
    return nullptr;
  }
  if (const FieldDescriptor* list = field_of_kind(value.Scalar())) return list;
  std::string hint = suggestion(value.Scalar(), kinds());
  if (hint.empty()) hint = fmt::format("; kinds are {}", fmt::join(kinds(), ", "));
  add(line_of(value, document), "", fmt::format("unknown kind {}{}", quote(value.Scalar()), hint));
  return nullptr;
}

void FileReader::read_object(const YamlDocument& document, const FieldDescriptor& list) {
  v1::Policy& policy = parsed_.policy;
  const google::protobuf::Reflection& reflection = *policy.GetReflection();
  const int index = reflection.FieldSize(policy, &list);
  Message& object = *reflection.AddMessage(&policy, &list);
  std::vector<YamlProblem> problems;
  Lines lines;
  read_message(without_header(document), "", object,
               {.problems = &problems,
                .first_line = document.first_line,
                .on_field = [&](const std::string& path, uint32_t line) {
                  lines.emplace_back(path, line);
                }});

  const uint32_t line = line_of(document.root, document);
  const std::string root = object_path(list.message_type()->name(), name_of(object), index);
  for (const YamlProblem& problem : problems) {
    add(problem.line, problem.path.empty() ? root : fmt::format("{}.{}", root, problem.path),
        problem.message);
  }
  if (!is_new(root, object, line)) return reflection.RemoveLast(&policy, &list);
  parsed_.source.add(root, {file_.name, line});
  for (auto& [path, at] : lines)
    parsed_.source.add(fmt::format("{}.{}", root, path), {file_.name, at});
  if (is_object_name(name_of(object))) return;
  const SourceMap::Location at = parsed_.source.find(root + ".metadata.name");
  add(at.line, root + ".metadata.name",
      name_of(object).empty()
          ? "is required"
          : fmt::format("{} is no name; lower-case letters, digits and dashes, at most 63, "
                        "no dash first or last",
                        quote(name_of(object))));
}

bool FileReader::is_new(const std::string& path, const Message& object, uint32_t line) {
  const SourceMap::Location first = parsed_.source.find(path);
  if (!is_object_name(name_of(object)) || first.line == 0) return true;
  add(line, path,
      fmt::format("the name is already taken by the object at {}:{}", first.file, first.line));
  return false;
}

}  // namespace

ParsedPolicy parse_policy(std::span<const SourceFile> files, Violations& violations) {
  ParsedPolicy parsed;
  for (const SourceFile& file : files) {
    try {
      FileReader(file, parsed, violations).read();
    } catch (const YAML::Exception& error) {  // yaml-cpp reports misuse of a node by exceptions
      violations.push_back({file.name, 1, "", fmt::format("cannot be read: {}", error.what())});
    }
  }
  return parsed;
}

void require_objects(std::span<const SourceFile> files, const v1::Policy& policy,
                     Violations& violations) {
  const bool has_object = policy.ByteSizeLong() > 0;
  if (files.empty() || has_object || !violations.empty()) return;
  violations.push_back({files.front().name, 0, "",
                        "holds no object; to delete objects, name them: sluice delete KIND/NAME"});
}

}  // namespace sluice::controlplane
