// SPDX-License-Identifier: Apache-2.0
//
// One run of `sluice`, with everything it takes from and gives to the outside.
#pragma once

#include <functional>
#include <istream>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "controlplane/cli/exit_code.h"

namespace sluice::controlplane::cli {

enum class OutputTo { kFile, kTerminal };

struct Invocation {
  std::vector<std::string> arguments;  // without the program's name
  std::map<std::string, std::string>
      environment;  // of it: SLUICE_*, HOME, XDG_CONFIG_HOME, USER, NO_COLOR
  std::istream& in;
  std::ostream& out;  // data
  std::ostream& err;  // talk
  OutputTo output_to = OutputTo::kFile;
  std::function<absl::Time()> clock = absl::Now;
  // Waits between two looks of a watch; false ends the watch.
  std::function<bool(absl::Duration)> pause = [](absl::Duration duration) {
    absl::SleepFor(duration);
    return true;
  };

  // Empty when it is not set.
  std::string variable(const std::string& name) const {
    const auto found = environment.find(name);
    return found == environment.end() ? "" : found->second;
  }
};

// Parses the arguments, runs the verb, reports what went wrong on `err`.
ExitCode run_cli(Invocation& invocation);

}  // namespace sluice::controlplane::cli
