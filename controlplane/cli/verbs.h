// SPDX-License-Identifier: Apache-2.0
//
// How verbs declare themselves to the argument parser.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "controlplane/cli/render/document.h"
#include "controlplane/cli/render/format.h"
#include "controlplane/cli/session.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice::controlplane::cli {

class Verbs {
 public:
  using Action = std::function<ExitCode(Session&)>;

  explicit Verbs(CLI::App& app) : app_(app) {}

  CLI::App& app() { return app_; }
  // `action` runs after everything was parsed. `example` ends the verb's --help.
  CLI::App& add(const std::string& name, const std::string& about, const std::string& example,
                Action action) {
    return add_below(app_, name, about, example, std::move(action));
  }
  // A noun that needs one of the verbs below it.
  CLI::App& add_group(const std::string& name, const std::string& about);
  CLI::App& add_below(CLI::App& parent, const std::string& name, const std::string& about,
                      const std::string& example, Action action);
  // Empty: no verb was given.
  const Action& chosen() const { return chosen_; }

 private:
  CLI::App& app_;
  Action chosen_;
};

// -o with the forms that this verb has.
void add_format(CLI::App& verb, Format& format, const std::vector<Format>& allowed);
// --client --client-port --service --class --route --pool --backend --node --flow
void add_flow_filter(CLI::App& verb, v1::FlowFilter& filter);
// -m and --author
void add_authorship(CLI::App& verb, std::string& author, std::string& message);

// A check of options that count from 1.
CLI::Validator positive();
CLI::Validator whole_number();  // 0 included

struct WatchOptions {
  bool is_wanted = false;
  absl::Duration interval = absl::Seconds(2);
};
void add_watch(CLI::App& verb, WatchOptions& options);
// Calls `show` once, or until it fails or the watch ends.
ExitCode watch(Session& session, const WatchOptions& options,
               const std::function<ExitCode()>& show);

// A value that parse_duration reads.
CLI::Option* add_duration(CLI::App& verb, const std::string& name, absl::Duration& value,
                          const std::string& about);

// What `sluice nodes` and `sluice get nodes` show; `name` empty: every node.
ExitCode show_nodes(Session& session, Format format, const std::string& name);

// What `sluice get changes` shows; `name` empty: those that wait.
ExitCode show_changes(Session& session, Format format, const std::string& name);
// What `sluice get recalls` shows.
ExitCode show_recalls(Session& session, Format format);

// Prints `document` as JSON or YAML; `format` is one of the two.
void print_document(std::ostream& out, Format format, const Document& document);

// The verbs, in the order of --help.
void add_apply(Verbs& verbs);
void add_delete(Verbs& verbs);
void add_plan(Verbs& verbs);
void add_validate(Verbs& verbs);
void add_compile(Verbs& verbs);
void add_test(Verbs& verbs);
void add_get(Verbs& verbs);
void add_describe(Verbs& verbs);
void add_history(Verbs& verbs);
void add_rollback(Verbs& verbs);
void add_confirm(Verbs& verbs);
void add_approve(Verbs& verbs);
void add_drain(Verbs& verbs);
void add_recall(Verbs& verbs);
void add_rollout(Verbs& verbs);
void add_explain(Verbs& verbs);
void add_flows(Verbs& verbs);
void add_top(Verbs& verbs);
void add_shares(Verbs& verbs);
void add_nodes(Verbs& verbs);
void add_events(Verbs& verbs);
void add_audit(Verbs& verbs);
void add_audit_verify(Verbs& verbs, CLI::App& audit);
void add_backup(Verbs& verbs);
void add_version(Verbs& verbs);
void add_completion(Verbs& verbs);

}  // namespace sluice::controlplane::cli
