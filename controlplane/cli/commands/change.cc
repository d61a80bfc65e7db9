// SPDX-License-Identifier: Apache-2.0
//
// Builds changes from options.
#include "controlplane/cli/commands/change.h"

#include "controlplane/cli/input_files.h"
#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/plan.h"
#include "controlplane/cli/render/text.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {

void add_files(CLI::App& verb, std::vector<std::string>& files) {
  verb.add_option("-f,--filename", files,
                  "Policy: a file, a directory (*.yaml and *.yml in it) or -; repeatable")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

void add_change(CLI::App& verb, ChangeOptions& options) {
  add_files(verb, options.files);
  verb.add_flag("--prune", options.prune,
                "The files are the whole policy: what they do not name is deleted");
  verb.add_option("--base", options.base, "The change is for this revision only")
      ->check(whole_number())
      ->type_name("REVISION");
}

ExitCode read_files(Session& session, const std::vector<std::string>& names,
                    std::vector<v1::PolicyFile>& files) {
  absl::StatusOr<std::vector<v1::PolicyFile>> read = read_policy_files(names, session.in());
  if (!read.ok()) return session.fail(ExitCode::kError, read.status());
  files = *std::move(read);
  return ExitCode::kOk;
}

ExitCode read_change(Session& session, const ChangeOptions& options, v1::Change& change) {
  std::vector<v1::PolicyFile> files;
  if (const ExitCode code = read_files(session, options.files, files); code != ExitCode::kOk) {
    return code;
  }
  for (v1::PolicyFile& file : files)
    *change.add_files() = std::move(file);
  change.set_prune(options.prune);
  if (options.base) change.set_base_revision(*options.base);
  return ExitCode::kOk;
}

void show_applied(Session& session, Format format, const v1::ApplyResponse& response) {
  print_warnings(session.err(), response.plan());
  if (is_document(format)) {
    print_document(session.out(), format, document_of(response));
  } else if (format == Format::kName) {
    print_names(session.out(), response.plan());
  } else {
    print_applied(session.out(), response, session.palette());
  }
  if (response.has_reverts_at()) {
    fmt::print(session.err(),
               "revision {} reverts by itself at {}; sluice rollback ends it sooner\n",
               response.revision(), time_text(response.reverts_at()));
  }
}

}  // namespace sluice::controlplane::cli
