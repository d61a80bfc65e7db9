// SPDX-License-Identifier: Apache-2.0
//
// sluice rollback: an older revision's policy as a new revision.
#include <memory>

#include "controlplane/cli/commands/apply_terms.h"
#include "controlplane/cli/commands/change.h"

namespace sluice::controlplane::cli {
namespace {

struct RollbackOptions {
  uint64_t revision = 0;
  ApplyTerms terms;
  Format format = Format::kTable;
};

ExitCode roll_back(Session& session, const RollbackOptions& options) {
  v1::RollbackRequest request;
  request.set_revision(options.revision);
  set_terms(options.terms, request);
  v1::ApplyResponse response;
  const ExitCode code = session.call(request, response);
  if (code == ExitCode::kOk) show_applied(session, options.format, response);
  return code;
}

}  // namespace

void add_rollback(Verbs& verbs) {
  const auto options = std::make_shared<RollbackOptions>();
  CLI::App& verb = verbs.add("rollback", "Make an older revision's policy the newest",
                             "sluice rollback 7 -m 'v2 answers slowly'\n"
                             "  sluice rollback 7 --strike --confirm-within 5m && sluice confirm\n"
                             "While a revision waits to be confirmed, sluice rollback ends that "
                             "wait, without terms.",
                             [options](Session& session) { return roll_back(session, *options); });
  verb.add_option("revision", options->revision,
                  "Default: the one before the newest; while one waits to be confirmed, the one "
                  "before that")
      ->check(positive());
  add_terms(verb, options->terms);
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml, Format::kName});
}

}  // namespace sluice::controlplane::cli
