// SPDX-License-Identifier: Apache-2.0
//
// sluice approve, sluice reject, sluice get changes: changes that wait for the approval of others.
#include <memory>

#include "absl/strings/numbers.h"
#include "controlplane/cli/commands/change.h"
#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/plan.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "controlplane/planner/terms.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

struct DecideOptions {
  uint64_t id = 0;
  std::string message;
  std::string digest;  // hexadecimal; empty: that of the plan which is shown now
};

std::string state_text(const v1::PendingChange& change) {
  return short_enum_text(v1::PendingChange::State_Name(change.state()), "STATE_");
}

std::string approvers_text(const v1::PendingChange& change) {
  std::string names;
  for (const v1::Approval& approval : change.approvals())
    names += (names.empty() ? "" : ", ") + approval.approver();
  return fmt::format("{} of {}{}", change.approvals_size(), change.plan().approvals(),
                     names.empty() ? "" : ": " + names);
}

ExitCode find_change(Session& session, uint64_t id, v1::PendingChange& change) {
  v1::ListChangesRequest request;
  request.set_id(id);
  v1::ListChangesResponse response;
  const ExitCode code = session.call(request, response);
  if (code != ExitCode::kOk) return code;
  for (v1::PendingChange& each : *response.mutable_changes()) {
    if (each.id() != id) continue;
    change = std::move(each);
    return ExitCode::kOk;
  }
  return session.fail(ExitCode::kNotFound, fmt::format("there is no change {}", id));
}

void print_change(Session& session, const v1::PendingChange& change) {
  std::ostream& out = session.out();
  fmt::print(out, "change {} by {}, {}, for revision {}: {}\n", change.id(),
             or_dash(printable(change.request().author())), state_text(change),
             change.plan().base_revision(), or_dash(printable(change.request().message())));
  if (!change.request().ticket().empty())
    fmt::print(out, "ticket: {}\n", printable(change.request().ticket()));
  if (!change.reason().empty()) fmt::print(out, "reason: {}\n", printable(change.reason()));
  const std::string terms = terms_text(change.request());
  fmt::print(out, "terms: {}\napprovals: {}\nexpires: {}\nplan digest: {}\n\n",
             terms.empty() ? "none" : terms, approvers_text(change), time_text(change.expires()),
             hexadecimal(change.plan().digest()));
  print_diff(out, change.plan(), session.palette());
  print_shares(out, change.plan(), session.palette());
  print_governance(out, change.plan());
}

ExitCode decide(Session& session, const DecideOptions& options, bool rejects) {
  v1::PendingChange change;
  const ExitCode found = find_change(session, options.id, change);
  if (found != ExitCode::kOk) return found;
  print_change(session, change);
  const std::string shown = hexadecimal(change.plan().digest());
  if (!options.digest.empty() && options.digest != shown) {
    return session.fail(ExitCode::kConflict, fmt::format("change {} has the plan digest {}, not {}",
                                                         options.id, shown, options.digest));
  }
  v1::DecideChangeRequest request;
  request.set_id(options.id);
  request.set_reject(rejects);
  request.set_plan_digest(change.plan().digest());
  request.set_message(options.message);
  v1::DecideChangeResponse response;
  const ExitCode code = session.call(request, response);
  if (code != ExitCode::kOk) return code;
  fmt::print(session.out(), "\nchange {} is {}\n", options.id, state_text(response.change()));
  if (response.has_applied()) {
    show_applied(session, Format::kTable, response.applied());
  } else if (!rejects) {
    fmt::print(session.out(), "approvals: {}\n", approvers_text(response.change()));
  }
  return ExitCode::kOk;
}

}  // namespace

ExitCode show_changes(Session& session, Format format, const std::string& name) {
  v1::ListChangesResponse response;
  if (!name.empty()) {
    uint64_t id = 0;
    if (!absl::SimpleAtoi(name, &id) || id == 0)
      return session.fail(ExitCode::kNotFound, fmt::format("there is no change {}", name));
    v1::PendingChange& change = *response.add_changes();
    const ExitCode code = find_change(session, id, change);
    if (code != ExitCode::kOk) return code;
    if (!is_document(format)) {
      print_change(session, change);
      return ExitCode::kOk;
    }
  } else {
    v1::ListChangesRequest request;
    request.set_all(true);
    const ExitCode code = session.call(request, response);
    if (code != ExitCode::kOk) return code;
  }
  if (is_document(format)) {
    print_document(session.out(), format, items_of(response.changes()));
    return ExitCode::kOk;
  }
  TextTable table(
      {"CHANGE", "STATE", "AUTHOR", "REVISION", "APPROVALS", "EXPIRES", "TERMS", "MESSAGE"});
  for (const v1::PendingChange& change : response.changes()) {
    table.add({fmt::format("{}", change.id()), state_text(change),
               or_dash(printable(change.request().author())),
               fmt::format("{}", change.plan().base_revision()), approvers_text(change),
               time_text(change.expires()), or_dash(terms_text(change.request())),
               or_dash(printable(change.request().message()))});
  }
  table.print(session.out(), session.palette());
  return ExitCode::kOk;
}

void add_approve(Verbs& verbs) {
  const auto approval = std::make_shared<DecideOptions>();
  CLI::App& approve = verbs.add(
      "approve", "Approve a change that waits for others than its author; the last one applies it",
      "sluice get changes && sluice approve 3 -m 'as discussed'",
      [approval](Session& session) { return decide(session, *approval, false); });
  approve.add_option("change", approval->id, "Its number")->required()->check(positive());
  approve.add_option("-m,--message", approval->message, "Why, for the events");
  approve
      .add_option(
          "--digest", approval->digest,
          "Only if its plan and terms still have this digest, as sluice get changes/3 shows it")
      ->type_name("HEX");

  const auto rejection = std::make_shared<DecideOptions>();
  CLI::App& reject = verbs.add(
      "reject", "Reject a change that waits for approvals", "sluice reject 3 -m 'not today'",
      [rejection](Session& session) { return decide(session, *rejection, true); });
  reject.add_option("change", rejection->id, "Its number")->required()->check(positive());
  reject.add_option("-m,--message", rejection->message, "Why, for the author and the events")
      ->required();
}

}  // namespace sluice::controlplane::cli
