// SPDX-License-Identifier: Apache-2.0
//
// Reads the configuration file of the CLI.
#include "controlplane/cli/settings.h"

#include <filesystem>
#include <optional>

#include "absl/strings/str_join.h"
#include "controlplane/cli/input_files.h"
#include "dataplane/yaml/read_message.h"
#include "fmt/format.h"
#include "sluice/v1/config.pb.h"

namespace sluice::controlplane::cli {
namespace {

namespace fs = std::filesystem;

// Whether the operator named the file: then it has to be there.
struct ConfigFile {
  fs::path path;
  bool is_named = false;
};

std::optional<ConfigFile> config_file(const Invocation& invocation) {
  if (const std::string named = invocation.variable("SLUICE_CONFIG"); !named.empty()) {
    return ConfigFile{named, true};
  }
  if (const std::string base = invocation.variable("XDG_CONFIG_HOME"); !base.empty()) {
    return ConfigFile{fs::path(base) / "sluice/config.yaml"};
  }
  const std::string home = invocation.variable("HOME");
  if (home.empty()) return std::nullopt;
  return ConfigFile{fs::path(home) / ".config/sluice/config.yaml"};
}

absl::StatusOr<v1::CliConfig> read_config(const ConfigFile& file) {
  v1::CliConfig config;
  std::error_code unreadable;
  if (!file.is_named && !fs::exists(file.path, unreadable)) return config;

  const absl::StatusOr<std::string> text = read_file(file.path.string());
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  if (text->find_first_not_of(" \t\r\n") == std::string::npos) return config;
  std::vector<YamlProblem> problems;
  read_document(*text, config, {.problems = &problems, .on_field = {}});
  if (problems.empty()) return config;
  const YamlProblem& first = problems.front();
  return absl::InvalidArgumentError(
      fmt::format("{}:{}: {}: {}", file.path.string(), first.line, first.path, first.message));
}

// Relative paths of TLS files start at the configuration file, wherever `sluice` runs.
std::string beside(const fs::path& config, const std::string& path) {
  return path.empty() ? path : (config.parent_path() / path).string();
}

}  // namespace

absl::StatusOr<ServerSettings> find_server(const Invocation& invocation, const std::string& server,
                                           const std::string& context) {
  ServerSettings settings;
  const std::optional<ConfigFile> file = config_file(invocation);
  absl::StatusOr<v1::CliConfig> config = file ? read_config(*file) : v1::CliConfig();
  if (!config.ok()) return config.status();

  const std::string name = context.empty() ? config->current_context() : context;
  if (!name.empty()) {
    std::vector<std::string> known;
    const v1::CliContext* found = nullptr;
    for (const v1::CliContext& candidate : config->contexts()) {
      known.push_back(candidate.name());
      if (candidate.name() == name) found = &candidate;
    }
    if (found == nullptr) {
      return absl::NotFoundError(fmt::format("no context \"{}\" in {}; it has: {}", name,
                                             file ? file->path.string() : "any configuration file",
                                             known.empty() ? "none" : absl::StrJoin(known, ", ")));
    }
    settings = {found->server(),
                {beside(file->path, found->tls().certificate()),
                 beside(file->path, found->tls().key()), beside(file->path, found->tls().ca())}};
  }
  const std::string from_environment = invocation.variable("SLUICE_SERVER");
  if (!server.empty()) {
    settings.address = server;
  } else if (!from_environment.empty() && context.empty()) {
    settings.address = from_environment;
  } else if (settings.address.empty()) {
    settings.address = kDefaultServer;
  }
  return settings;
}

}  // namespace sluice::controlplane::cli
