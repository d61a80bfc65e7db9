// SPDX-License-Identifier: Apache-2.0
//
// Reads policy from files, directories and standard input.
#include "controlplane/cli/input_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_split.h"
#include "controlplane/cli/render/text.h"
#include "dataplane/yaml/scalars.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

namespace fs = std::filesystem;

std::string text_of(std::istream& in) {
  std::ostringstream text;
  if (in.peek() != std::istream::traits_type::eof()) text << in.rdbuf();
  return text.str();
}

absl::StatusOr<std::vector<std::string>> files_below(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    const bool is_hidden = at->path().filename().string().starts_with('.');
    if (is_hidden && at->is_directory(failed)) at.disable_recursion_pending();
    const fs::path extension = at->path().extension();
    const bool is_policy = extension == ".yaml" || extension == ".yml";
    if (is_policy && at->is_regular_file(failed)) files.push_back(at->path().string());
  }
  if (failed) {
    return absl::InvalidArgumentError(fmt::format("cannot read {}: {}", folder, failed.message()));
  }
  if (files.empty()) {
    return absl::InvalidArgumentError(fmt::format("{} holds no *.yaml or *.yml file", folder));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Errors: INVALID_ARGUMENT, with the line that is no UTF-8.
absl::StatusOr<v1::PolicyFile> policy_file(const std::string& name, std::string text) {
  if (!is_utf8(name)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: the name of the file is not UTF-8", printable(name)));
  }
  size_t number = 1;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    if (!is_utf8(line)) {
      return absl::InvalidArgumentError(
          fmt::format("{}:{}: is not UTF-8: {}", name, number, printable(line)));
    }
    ++number;
  }
  v1::PolicyFile file;
  file.set_name(name);
  file.set_yaml(std::move(text));
  return file;
}

}  // namespace

absl::StatusOr<std::string> read_file(const std::string& name) {
  errno = 0;
  std::ifstream stream(name, std::ios::binary);
  if (!stream) {
    const std::string text = fmt::format("cannot read {}: {}", name, std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(text) : absl::InvalidArgumentError(text);
  }
  std::string text = text_of(stream);
  if (stream.bad()) return absl::InvalidArgumentError(fmt::format("cannot read {}", name));
  return text;
}

absl::StatusOr<std::vector<v1::PolicyFile>> read_policy_files(const std::vector<std::string>& names,
                                                              std::istream& in) {
  std::vector<v1::PolicyFile> result;
  for (const std::string& name : names) {
    if (name == "-") {
      absl::StatusOr<v1::PolicyFile> file = policy_file("-", text_of(in));
      if (!file.ok()) return file.status();
      result.push_back(*std::move(file));
      continue;
    }
    std::vector<std::string> paths{name};
    if (std::error_code failed; fs::is_directory(name, failed)) {
      absl::StatusOr<std::vector<std::string>> below = files_below(name);
      if (!below.ok()) return below.status();
      paths = *std::move(below);
    }
    for (const std::string& path : paths) {
      absl::StatusOr<std::string> text = read_file(path);
      if (!text.ok()) return text.status();
      absl::StatusOr<v1::PolicyFile> file = policy_file(path, *std::move(text));
      if (!file.ok()) return file.status();
      result.push_back(*std::move(file));
    }
  }
  return result;
}

absl::Status write_file(const std::string& name, const std::string& content, std::ostream& out) {
  if (name == "-") {
    out << content << std::flush;
    return absl::OkStatus();
  }
  std::ofstream stream(name, std::ios::binary | std::ios::trunc);
  if (!stream || !(stream << content) || !stream.flush()) {
    return absl::InvalidArgumentError(
        fmt::format("cannot write {}: {}", name, std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace sluice::controlplane::cli
