// SPDX-License-Identifier: Apache-2.0
//
// sluice-controller: compiles policy into forwarding tables, pushes them, pulls flow records.
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "controlplane/daemon/controller.h"
#include "controlplane/daemon/settings.h"
#include "controlplane/store/backup.h"
#include "dataplane/log/open_log.h"
#include "dataplane/rpc/keep_freed_memory.h"

namespace sluice::controlplane {
namespace {

constexpr int kOk = 0;
constexpr int kError = 1;
constexpr int kUsage = 3;
constexpr mode_t kFileMask = 0027;  // stores and socket are the owner's and the group's

constexpr char kExample[] = R"(Example of a configuration:
  listen: unix:/run/sluice/controller.sock
  nodes:
    - {name: edge-1, address: "unix:/run/sluice/dataplane.sock"}
  store: sqlite:/var/lib/sluice/controller.db
  audit: {directory: /var/lib/sluice/audit, retention: 190d}
Then:
  sluice-controller --config controller.yaml --check
  sluice-controller --config controller.yaml
After the loss of the store:
  sluice-controller --config controller.yaml --restore backup.db
)";

enum class Purpose { kServe, kCheck, kRestore };

struct Options {
  std::string config;
  std::string backup;  // of kRestore
  Purpose purpose = Purpose::kServe;
};

int fail(const absl::Status& status) {
  fmt::print(stderr, "sluice-controller: {}\n", std::string(status.message()));
  return kError;
}

// Returns the signal that ended the wait.
int wait_for_end(const sigset_t& signals) {
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  return signal_number;
}

int serve(const ControllerSettings& settings) {
  keep_freed_memory();
  // Blocked before any thread exists, so that only `wait_for_end` gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  umask(kFileMask);

  open_log(settings.log);
  for (const std::string& notice : settings.notices)
    spdlog::warn("{}", notice);
  absl::StatusOr<std::unique_ptr<Controller>> controller = Controller::start(settings);
  if (!controller.ok()) return fail(controller.status());
  const int signal_number = wait_for_end(signals);
  spdlog::info("signal {}: stopping", signal_number);
  controller->reset();
  spdlog::info("stopped");
  return kOk;
}

int restore(const ControllerSettings& settings, const std::string& backup) {
  umask(kFileMask);
  const absl::StatusOr<Restored> restored = restore_store(backup, settings.store_path);
  if (!restored.ok()) return fail(restored.status());
  fmt::print("{}: revision {} is restored as term {}; nodes take it when the controller starts\n",
             settings.store_path, restored->revision, restored->term);
  return kOk;
}

int run(const Options& options) {
  const absl::StatusOr<ControllerSettings> settings = load_settings(options.config);
  if (!settings.ok()) {
    fmt::print(stderr, "{}\n", std::string(settings.status().message()));
    return kError;
  }
  if (options.purpose == Purpose::kServe) return serve(*settings);
  if (options.purpose == Purpose::kRestore) return restore(*settings, options.backup);
  for (const std::string& notice : settings->notices)
    fmt::print(stderr, "{}\n", notice);
  fmt::print("{}: the configuration is valid\n", options.config);
  return kOk;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app(
      "Compiles policy into forwarding tables, pushes them to the nodes, keeps the records.",
      "sluice-controller");
  Options options;
  app.footer(kExample);
  app.add_option("--config", options.config, "configuration file")->required();
  app.add_flag_callback(
      "--check", [&options] { options.purpose = Purpose::kCheck; },
      "validate the configuration and exit");
  app.add_option_function<std::string>(
         "--restore",
         [&options](const std::string& backup) {
           options.purpose = Purpose::kRestore;
           options.backup = backup;
         },
         "make the store of the configuration from a file that sluice backup wrote, and exit; a "
         "store that is there is never overwritten")
      ->type_name("FILE")
      ->excludes("--check");
  app.set_version_flag("--version", std::string("sluice-controller ") + SLUICE_VERSION,
                       "print the version and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  return run(options);
}

}  // namespace
}  // namespace sluice::controlplane

int main(int argc, char** argv) {
  return sluice::controlplane::parse_and_run(argc, argv);
}
