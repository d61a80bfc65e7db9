// SPDX-License-Identifier: Apache-2.0
//
// sluice history: the revisions, newest first.
#include <memory>

#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

struct HistoryOptions {
  uint32_t limit = 20;
  Format format = Format::kTable;
};

ExitCode show_history(Session& session, const HistoryOptions& options) {
  v1::ListRevisionsRequest request;
  request.set_limit(options.limit);
  v1::ListRevisionsResponse response;
  const ExitCode code = session.call(&v1::Control::Stub::ListRevisions, request, response);
  if (code != ExitCode::kOk) return code;
  if (is_document(options.format)) {
    print_document(session.out(), options.format, items_of(response.revisions()));
    return ExitCode::kOk;
  }
  TextTable table({"REVISION", "TIME", "AUTHOR", "OBJECTS", "MESSAGE"});
  for (const v1::RevisionEntry& entry : response.revisions()) {
    const std::string origin =
        entry.rollback_of() == 0 ? "" : fmt::format("rollback to {}", entry.rollback_of());
    const std::string separator = origin.empty() || entry.message().empty() ? "" : ": ";
    table.add({fmt::format("{}", entry.revision()), time_text(entry.time()),
               or_dash(entry.author()),
               fmt::format("+{} ~{} -{}", entry.created(), entry.updated(), entry.deleted()),
               origin + separator + entry.message()});
  }
  table.print(session.out(), session.palette());
  return ExitCode::kOk;
}

}  // namespace

void add_history(Verbs& verbs) {
  const auto options = std::make_shared<HistoryOptions>();
  CLI::App& verb = verbs.add(
      "history", "List the revisions of the policy, newest first", "sluice history --limit 5",
      [options](Session& session) { return show_history(session, *options); });
  verb.add_option("--limit", options->limit, "How many; default 20")->check(positive());
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml});
}

}  // namespace sluice::controlplane::cli
