// SPDX-License-Identifier: Apache-2.0
//
// The command line of sluice-dataplane.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>

#include "dataplane/daemon/boot_table.h"
#include "dataplane/daemon/node.h"
#include "dataplane/daemon/settings.h"
#include "dataplane/daemon/stager.h"
#include "dataplane/daemon/status_text.h"
#include "dataplane/log/open_log.h"
#include "dataplane/rpc/keep_freed_memory.h"
#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

constexpr int kExitError = 1;
constexpr int kExitUsage = 3;
constexpr mode_t kFileMask = 0027;  // state and socket are the owner's and the group's
constexpr char kFooter[] =
    "Example:\n"
    "  sluice compile -f policy.yaml -o table.binpb\n"
    "  sluice-dataplane --config dataplane.yaml --table table.binpb\n\n"
    "Without --table the node begins with its last-good table, or waits for a controller.\n"
    "SIGTERM and SIGINT end it. Exit codes: 0 ok, 1 error, 3 usage.";

struct Options {
  std::string config;
  std::string table;
  bool check = false;
};

int fail(const absl::Status& status) {
  fmt::print(stderr, "sluice-dataplane: {}\n", text_of(status));
  return kExitError;
}

// Lines that name their place stand as they are.
int fail_config(const absl::Status& status) {
  if (absl::IsNotFound(status)) return fail(status);
  fmt::print(stderr, "{}\n", text_of(status));
  return kExitError;
}

int check(const Options& options, const std::optional<v1::ForwardingTable>& table) {
  Registry registry;
  if (table) {
    const absl::StatusOr<ReadyTable> ready = make_ready(*table, nullptr, registry);
    if (!ready.ok()) return fail(ready.status());
  }
  fmt::print("{}: the configuration is valid\n", options.config);
  return 0;
}

int run(const Options& options) {
  const absl::StatusOr<NodeSettings> settings = load_settings(options.config);
  if (!settings.ok()) return fail_config(settings.status());
  std::optional<v1::ForwardingTable> table;
  if (!options.table.empty()) {
    absl::StatusOr<v1::ForwardingTable> read = read_table_file(options.table);
    if (!read.ok()) return fail(read.status());
    table = *std::move(read);
  }
  if (options.check) return check(options, table);
  umask(kFileMask);
  keep_freed_memory();
  open_log(settings->log);
  const absl::Status status = run_node(*settings, std::move(table));
  return status.ok() ? 0 : fail(status);
}

}  // namespace
}  // namespace sluice::dataplane

int main(int argc, char** argv) {
  CLI::App app(
      "Forwards packets of AI services to their model servers, as the forwarding table says.",
      "sluice-dataplane");
  sluice::dataplane::Options options;
  app.add_option("--config", options.config, "configuration file (YAML)")->required();
  app.add_option("--table", options.table, "begin with this compiled table");
  app.add_flag("--check", options.check, "validate the configuration and exit");
  app.set_version_flag("--version", "sluice-dataplane " SLUICE_VERSION);
  app.footer(sluice::dataplane::kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : sluice::dataplane::kExitUsage;
  }
  return sluice::dataplane::run(options);
}
