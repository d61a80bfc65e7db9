// SPDX-License-Identifier: Apache-2.0
//
// sluice audit query: what was recorded about flows.
#include <memory>

#include "controlplane/cli/commands/paging.h"
#include "controlplane/cli/render/flows.h"
#include "controlplane/cli/render/message.h"
#include "controlplane/cli/values.h"
#include "controlplane/cli/verbs.h"

namespace sluice::controlplane::cli {
namespace {

struct QueryOptions {
  v1::FlowFilter filter;
  std::string since;
  std::string until;
  std::string would_refuse;
  bool is_ended_only = false;
  uint32_t limit = 100;
  Format format = Format::kTable;
};

ExitCode set_time(Session& session, const std::string& text,
                  google::protobuf::Timestamp& timestamp) {
  const absl::StatusOr<absl::Time> time = parse_time(text, session.invocation().clock());
  if (!time.ok()) return session.fail(ExitCode::kUsage, time.status());
  const int64_t seconds = absl::ToUnixSeconds(*time);
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(*time - absl::FromUnixSeconds(seconds))));
  return ExitCode::kOk;
}

ExitCode make_request(Session& session, const QueryOptions& options,
                      v1::QueryRecordsRequest& request) {
  *request.mutable_filter() = options.filter;
  request.set_ended_only(options.is_ended_only);
  request.set_would_refuse(options.would_refuse);
  if (!options.since.empty()) {
    const ExitCode code = set_time(session, options.since, *request.mutable_since());
    if (code != ExitCode::kOk) return code;
  }
  return options.until.empty() ? ExitCode::kOk
                               : set_time(session, options.until, *request.mutable_until());
}

ExitCode query(Session& session, const QueryOptions& options) {
  v1::QueryRecordsRequest request;
  if (const ExitCode code = make_request(session, options, request); code != ExitCode::kOk) {
    return code;
  }
  FlowRecords records;
  const ExitCode code = read_pages(options.limit, records, [&](uint32_t limit) {
    request.set_limit(limit);
    v1::QueryRecordsResponse page;
    const ExitCode called = session.call(request, page);
    request.set_page_token(page.next_page_token());
    return Page<v1::FlowRecord>{called, std::move(*page.mutable_records()),
                                !page.next_page_token().empty()};
  });
  if (code != ExitCode::kOk) return code;
  if (is_document(options.format)) {
    print_document(session.out(), options.format, items_of(records));
  } else {
    print_records(session.out(), records, options.format, session.palette());
  }
  return ExitCode::kOk;
}

}  // namespace

void add_audit(Verbs& verbs) {
  CLI::App& audit =
      verbs.add_group("audit", "What was recorded, and that nothing of it was changed");
  const auto options = std::make_shared<QueryOptions>();
  CLI::App& verb =
      verbs.add_below(audit, "query", "List flow records, oldest first",
                      "sluice audit query --class eu --since 10m --ended -o json",
                      [options](Session& session) { return query(session, *options); });
  add_flow_filter(verb, options->filter);
  verb.add_option("--since", options->since, "Begun at or after: RFC 3339, or 10m ago");
  verb.add_option("--until", options->until, "Begun before: RFC 3339, or 10m ago");
  verb.add_option("--would-refuse", options->would_refuse,
                  "Only what this guardrail in monitor mode would have refused")
      ->type_name("GUARDRAIL");
  verb.add_flag("--ended", options->is_ended_only, "Only records of ends");
  verb.add_option("--limit", options->limit, "At most so many; default 100")->check(positive());
  add_format(verb, options->format, {Format::kTable, Format::kWide, Format::kJson, Format::kYaml});
  add_audit_verify(verbs, audit);
}

}  // namespace sluice::controlplane::cli
