// SPDX-License-Identifier: Apache-2.0
//
// From arguments to the verb, and what to say when they make no sense.
#include <algorithm>
#include <array>

#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "controlplane/cli/version.h"
#include "dataplane/yaml/nearest_name.h"
#include "dataplane/yaml/scalars.h"
#include "fmt/format.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

constexpr char kAbout[] = "sluice: governs where AI traffic goes. A client of sluice-controller.";
constexpr char kExitCodes[] =
    "Exit codes: 0 ok, 1 error (guardrail refusals included), 2 changes present (plan, diff),\n"
    "3 usage, 4 not found, 5 not permitted or needs approval, 6 conflict, 7 timeout,\n"
    "8 server unreachable, 9 verification failed.";

constexpr std::array<std::string_view, 3> kOptionsWithValue{"--server", "--context", "--timeout"};

void add_verbs(Verbs& verbs) {
  add_apply(verbs);
  add_delete(verbs);
  add_plan(verbs);
  add_validate(verbs);
  add_compile(verbs);
  add_test(verbs);
  add_get(verbs);
  add_describe(verbs);
  add_history(verbs);
  add_rollback(verbs);
  add_confirm(verbs);
  add_approve(verbs);
  add_drain(verbs);
  add_recall(verbs);
  add_rollout(verbs);
  add_explain(verbs);
  add_flows(verbs);
  add_top(verbs);
  add_shares(verbs);
  add_nodes(verbs);
  add_events(verbs);
  add_audit(verbs);
  add_backup(verbs);
  add_version(verbs);
  add_completion(verbs);
}

void add_server_options(CLI::App& app, ServerOptions& options) {
  app.add_option(
      "--server", options.server,
      "The controller: unix:PATH or HOST:PORT; default $SLUICE_SERVER, then the context");
  app.add_option("--context", options.context, "A context of ~/.config/sluice/config.yaml");
  add_duration(app, "--timeout", options.timeout, "For each answer of the controller; default 30s");
  app.set_version_flag("--version", fmt::format("sluice {}", kVersion));
}

// The first argument that is neither an option nor its value: what was meant as the verb.
std::string first_word(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (std::find(kOptionsWithValue.begin(), kOptionsWithValue.end(), arguments[i]) !=
        kOptionsWithValue.end()) {
      ++i;
    } else if (arguments[i].rfind('-', 0) != 0) {
      return arguments[i];
    }
  }
  return "";
}

// "nodes", or "audit query" for a verb below a noun.
std::string chosen_words(const CLI::App& verb) {
  const std::vector<const CLI::App*> below =
      verb.get_subcommands([](const CLI::App* one) { return one->parsed(); });
  return below.empty() ? verb.get_name() : verb.get_name() + " " + chosen_words(*below.front());
}

ExitCode report_usage(const CLI::App& app, const Invocation& invocation, const char* message) {
  const std::string word = first_word(invocation.arguments);
  if (!app.get_subcommands().empty()) {
    fmt::print(invocation.err, "error: {}\nSee sluice {} --help\n", message,
               chosen_words(*app.get_subcommands().front()));
    return ExitCode::kUsage;
  }
  if (word.empty()) {
    fmt::print(invocation.err, "error: {}\nSee sluice --help\n", message);
    return ExitCode::kUsage;
  }
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands(nullptr))
    names.push_back(verb->get_name());
  const std::string near = suggestion(word, names);
  fmt::print(invocation.err, "error: {} is no verb{}\n", quote(word),
             near.empty() ? "; see sluice --help" : near);
  return ExitCode::kUsage;
}

}  // namespace

ExitCode run_cli(Invocation& invocation) {
  CLI::App app(kAbout, "sluice");
  app.footer(kExitCodes);
  app.require_subcommand(1);
  app.fallthrough();
  ServerOptions options;
  add_server_options(app, options);
  Verbs verbs(app);
  add_verbs(verbs);

  for (const std::string& argument : invocation.arguments) {
    if (is_utf8(argument)) continue;
    fmt::print(invocation.err, "error: an argument is not UTF-8: {}\n", printable(argument));
    return ExitCode::kUsage;
  }
  std::vector<std::string> reversed(invocation.arguments.rbegin(), invocation.arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::Success& asked) {  // --help, --version
    app.exit(asked, invocation.out, invocation.err);
    return ExitCode::kOk;
  } catch (const CLI::ParseError& error) {
    return report_usage(app, invocation, error.what());
  }
  Session session(invocation, options);
  const ExitCode code = verbs.chosen()(session);
  if (!invocation.out.flush()) {
    return session.fail(ExitCode::kError, "cannot write to standard output");
  }
  return code;
}

}  // namespace sluice::controlplane::cli
