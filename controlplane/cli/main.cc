// SPDX-License-Identifier: Apache-2.0
//
// Entry of `sluice`.
#include <pwd.h>
#include <unistd.h>

#include <iostream>

#include "controlplane/cli/invocation.h"

namespace {

std::map<std::string, std::string> environment_of(char** variables) {
  std::map<std::string, std::string> environment;
  for (; *variables != nullptr; ++variables) {
    const std::string variable = *variables;
    const size_t equals = variable.find('=');
    if (equals != std::string::npos) {
      environment[variable.substr(0, equals)] = variable.substr(equals + 1);
    }
  }
  // Services and containers run without it, and a change should still name its author.
  if (const passwd* account = getpwuid(geteuid()); account != nullptr) {
    environment.emplace("USER", account->pw_name);
  }
  return environment;
}

}  // namespace

int main(int argument_count, char** arguments) {
  using sluice::controlplane::cli::OutputTo;
  sluice::controlplane::cli::Invocation invocation{
      .arguments = {arguments + 1, arguments + argument_count},
      .environment = environment_of(environ),
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
      .output_to = isatty(STDOUT_FILENO) == 1 ? OutputTo::kTerminal : OutputTo::kFile,
  };
  return static_cast<int>(sluice::controlplane::cli::run_cli(invocation));
}
