// SPDX-License-Identifier: Apache-2.0
//
// sluice history: the revisions, newest first.
#include <memory>

#include "absl/strings/str_join.h"
#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/plan.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

struct HistoryOptions {
  uint32_t limit = 20;
  bool with_diff = false;
  Format format = Format::kTable;
};

std::string objects_text(const v1::RevisionEntry& entry) {
  return fmt::format("+{} ~{} -{}", entry.created(), entry.updated(), entry.deleted());
}

std::string message_text(const v1::RevisionEntry& entry) {
  const std::string origin =
      entry.rollback_of() == 0 ? "" : fmt::format("rollback to {}", entry.rollback_of());
  const std::string separator = origin.empty() || entry.message().empty() ? "" : ": ";
  return origin + separator + entry.message();
}

void print_with_diffs(Session& session, const v1::ListRevisionsResponse& response) {
  const char* separator = "";
  for (const v1::RevisionEntry& entry : response.revisions()) {
    fmt::print(session.out(), "{}revision {} of {} by {}: {}\n", separator, entry.revision(),
               time_text(entry.time()), or_dash(entry.author()), or_dash(message_text(entry)));
    if (!entry.ticket().empty()) fmt::print(session.out(), "ticket: {}\n", entry.ticket());
    if (!entry.approvers().empty())
      fmt::print(session.out(), "approved by: {}\n", absl::StrJoin(entry.approvers(), ", "));
    v1::PlanResponse as_plan;
    *as_plan.mutable_diff() = entry.diff();
    print_diff(session.out(), as_plan, session.palette());
    separator = "\n";
  }
}

ExitCode show_history(Session& session, const HistoryOptions& options) {
  v1::ListRevisionsRequest request;
  request.set_limit(options.limit);
  request.set_with_diff(options.with_diff);
  v1::ListRevisionsResponse response;
  const ExitCode code = session.call(request, response);
  if (code != ExitCode::kOk) return code;
  if (is_document(options.format)) {
    print_document(session.out(), options.format, items_of(response.revisions()));
    return ExitCode::kOk;
  }
  if (options.with_diff) {
    print_with_diffs(session, response);
    return ExitCode::kOk;
  }
  std::vector<std::string> headers{"REVISION", "TIME", "AUTHOR", "OBJECTS", "MESSAGE"};
  if (options.format == Format::kWide) headers.insert(headers.end(), {"TICKET", "APPROVERS"});
  TextTable table(std::move(headers));
  for (const v1::RevisionEntry& entry : response.revisions()) {
    std::vector<Cell> row{fmt::format("{}", entry.revision()), time_text(entry.time()),
                          or_dash(entry.author()), objects_text(entry), message_text(entry)};
    if (options.format == Format::kWide)
      row.insert(row.end(),
                 {or_dash(entry.ticket()), or_dash(absl::StrJoin(entry.approvers(), ", "))});
    table.add(std::move(row));
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
  verb.add_flag("--diff", options->with_diff, "With what each changed");
  add_format(verb, options->format, {Format::kTable, Format::kWide, Format::kJson, Format::kYaml});
}

}  // namespace sluice::controlplane::cli
