// SPDX-License-Identifier: Apache-2.0
//
// sluice flows: the flows that nodes know now.
#include "controlplane/cli/render/flows.h"

#include <memory>

#include "controlplane/cli/commands/paging.h"
#include "controlplane/cli/render/message.h"
#include "controlplane/cli/verbs.h"

namespace sluice::controlplane::cli {
namespace {

struct FlowsOptions {
  v1::FlowFilter filter;
  uint32_t limit = 100;
  WatchOptions watch;
  Format format = Format::kTable;
};

ExitCode show_flows(Session& session, const FlowsOptions& options) {
  v1::ListFlowsResponse all;
  v1::ListFlowsRequest request;
  *request.mutable_filter() = options.filter;
  const ExitCode code = read_pages(options.limit, *all.mutable_flows(), [&](uint32_t limit) {
    request.set_limit(limit);
    v1::ListFlowsResponse page;
    const ExitCode called = session.call(request, page);
    request.set_page_token(page.next_page_token());
    return Page<v1::FlowRecord>{called, std::move(*page.mutable_flows()),
                                !page.next_page_token().empty()};
  });
  if (code != ExitCode::kOk) return code;
  if (is_document(options.format)) {
    print_document(session.out(), options.format, items_of(all.flows()));
  } else {
    print_flows(session.out(), all.flows(), session.invocation().clock(), options.format,
                session.palette());
  }
  return ExitCode::kOk;
}

}  // namespace

void add_flows(Verbs& verbs) {
  const auto options = std::make_shared<FlowsOptions>();
  CLI::App& verb = verbs.add(
      "flows", "List live flows", "sluice flows --client 198.51.100.0/24 --pool chat-v1-eu",
      [options](Session& session) {
        return watch(session, options->watch, [&] { return show_flows(session, *options); });
      });
  add_flow_filter(verb, options->filter);
  verb.add_option("--limit", options->limit, "At most so many; default 100")->check(positive());
  add_watch(verb, options->watch);
  add_format(verb, options->format, {Format::kTable, Format::kWide, Format::kJson, Format::kYaml});
}

}  // namespace sluice::controlplane::cli
