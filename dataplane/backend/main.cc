// SPDX-License-Identifier: Apache-2.0
//
// sluice-backend: reads the command line and runs what it asks for.
#include <fmt/core.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "dataplane/backend/decapsulation.h"
#include "dataplane/backend/serve.h"
#include "dataplane/bpf/interface_claim.h"

namespace sluice::dataplane {
namespace {

struct Options {
  DecapsulationConfig decapsulation;
  std::vector<std::string> from;
  std::string mode = "auto";
  uint32_t interval_seconds = 0;
  bool status = false;
  bool check = false;
};

void declare(CLI::App& app, Options& options) {
  app.set_version_flag("--version", "sluice-backend " SLUICE_VERSION);
  app.add_option("--interface", options.decapsulation.interface,
                 "interface where the tunnels arrive")
      ->required();
  app.add_option("--from", options.from, "open only tunnels from these prefixes (repeatable)");
  app.add_option("--mode", options.mode, "where XDP runs: auto, native, generic")
      ->check(CLI::IsMember({"auto", "native", "generic"}));
  app.add_option("--interval", options.interval_seconds,
                 "print the counters every so many seconds; 0: only at the end");
  app.add_flag("--status", options.status, "print the counters of the running program and exit");
  app.add_flag("--check", options.check, "validate the arguments and exit");
}

absl::Status complete(Options& options) {
  if (options.mode == "native") options.decapsulation.mode = XdpMode::kNative;
  if (options.mode == "generic") options.decapsulation.mode = XdpMode::kGeneric;
  for (const std::string& text : options.from) {
    const auto prefix = IpPrefix::parse(text);
    if (!prefix) {
      return absl::InvalidArgumentError(
          fmt::format("--from {}: not a prefix such as 10.77.1.0/24 or 2001:db8::/64 (host bits "
                      "must be zero)",
                      text));
    }
    options.decapsulation.sources.push_back(*prefix);
  }
  return absl::OkStatus();
}

absl::Status print_status(const std::string& interface) {
  const auto counts = running_counts(interface);
  if (!counts.ok()) return counts.status();
  print_counts(*counts);
  return absl::OkStatus();
}

absl::Status check(const Options& options) {
  const auto index = interface_index(options.decapsulation.interface);
  if (!index.ok()) return index.status();
  if (const auto object = find_bpf_object("decap.bpf.o"); !object.ok()) return object.status();
  fmt::print("ok\n");
  return absl::OkStatus();
}

absl::Status decapsulate(const Options& options) {
  const std::string& interface = options.decapsulation.interface;
  const auto claim = InterfaceClaim::take("backend", interface);
  if (!claim.ok()) return claim.status();
  const OwnedFd stop = catch_stop_signals();
  auto decapsulation = Decapsulation::attach(options.decapsulation);
  if (!decapsulation.ok()) return decapsulation.status();
  spdlog::info("decapsulating on {} ({} XDP, {} addresses)", interface,
               decapsulation->program().mode == XdpMode::kGeneric ? "generic" : "native",
               decapsulation->address_count());
  const absl::Status served =
      serve(*decapsulation, stop, std::chrono::seconds(options.interval_seconds));
  const auto counts = decapsulation->counts();
  const absl::Status detached = decapsulation->detach();
  if (counts.ok()) print_counts(*counts);
  return served.ok() ? detached : served;
}

absl::Status run(Options& options) {
  if (const absl::Status parsed = complete(options); !parsed.ok()) return parsed;
  if (options.check) return check(options);
  if (options.status) return print_status(options.decapsulation.interface);
  return decapsulate(options);
}

}  // namespace
}  // namespace sluice::dataplane

int main(int argc, char** argv) {
  constexpr int kUsage = 3;
  spdlog::set_default_logger(spdlog::stderr_color_mt("sluice-backend"));
  CLI::App app("Takes tunnelled packets of Sluice out of their tunnel on a model server's host.",
               "sluice-backend");
  sluice::dataplane::Options options;
  sluice::dataplane::declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "sluice-backend: {} (see --help)\n", error.what());
    return kUsage;
  }
  const absl::Status status = sluice::dataplane::run(options);
  if (status.ok()) return 0;
  fmt::print(stderr, "sluice-backend: {}\n", std::string(status.message()));
  return 1;
}
