// SPDX-License-Identifier: Apache-2.0
//
// Runs `sluice` in this process against a fake controller.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "controlplane/cli/invocation.h"
#include "tests/support/fake_control.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane::cli {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

class Cli : public ::testing::Test {
 protected:
  // The clock stands at 2027-01-15T08:00:00Z; a watch ends after two looks.
  Outcome run(std::vector<std::string> arguments, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    int pauses = 0;
    Invocation invocation{.arguments = std::move(arguments),
                          .environment = environment_,
                          .in = in,
                          .out = out,
                          .err = err};
    invocation.clock = [] { return absl::FromUnixSeconds(1'800'000'000); };
    invocation.pause = [&pauses](absl::Duration) { return ++pauses < 2; };
    const ExitCode code = run_cli(invocation);
    return {static_cast<int>(code), out.str(), err.str()};
  }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path(name), std::ios::binary) << text;
    return folder_.path(name);
  }
  std::string read(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(folder_.path(name), std::ios::binary).rdbuf();
    return text.str();
  }

  sluice::testing::TemporaryDirectory folder_;
  sluice::testing::FakeControl control_{folder_.path("controller.sock")};
  std::map<std::string, std::string> environment_{{"SLUICE_SERVER", control_.address()},
                                                  {"USER", "ada"}};
};

}  // namespace sluice::controlplane::cli
