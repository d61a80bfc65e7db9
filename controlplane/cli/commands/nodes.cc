// SPDX-License-Identifier: Apache-2.0
//
// sluice nodes: the edge nodes and what they run.
#include <algorithm>
#include <memory>

#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

struct NodesOptions {
  WatchOptions watch;
  Format format = Format::kTable;
};

Cell generation_cell(const v1::NodeEntry& node) {
  const uint64_t running = node.status().generation();
  const bool has_target = node.target_generation() != 0;  // the controller has a table
  if (!has_target || running == node.target_generation()) return {fmt::format("{}", running)};
  return {fmt::format("{} (should be {})", running, node.target_generation()), Colour::kYellow};
}

Cell backends_cell(const v1::GetStatusResponse& status) {
  const auto up = std::count_if(
      status.backends().begin(), status.backends().end(),
      [](const v1::BackendStatus& backend) { return backend.state() == v1::BACKEND_STATE_UP; });
  const bool are_all_up = up == status.backends_size();
  return {fmt::format("{}/{}", up, status.backends_size()),
          are_all_up ? Colour::kGreen : Colour::kYellow};
}

// What should not happen: records lost, flows refused because they could not be recorded.
Cell count_cell(uint64_t count) {
  return {count_text(static_cast<double>(count)), count == 0 ? Colour::kNone : Colour::kYellow};
}

std::vector<Cell> row_of(const v1::NodeEntry& node, absl::Time now, Format format) {
  std::vector<Cell> row{
      node.name(),
      {node.connected() ? "yes" : "no", node.connected() ? Colour::kGreen : Colour::kRed}};
  const v1::GetStatusResponse& status = node.status();
  if (node.has_status()) {
    row.insert(row.end(), {fmt::format("{}", status.revision()), generation_cell(node),
                           fmt::format("{}", status.view()),
                           count_text(static_cast<double>(status.flows())), backends_cell(status)});
  } else {
    row.insert(row.end(), 5, Cell("-"));
  }
  row.emplace_back(node.has_last_seen() ? age_text(now - time_of(node.last_seen())) + " ago"
                                        : "never");
  if (format == Format::kWide) {
    row.insert(row.end(), {count_cell(status.records_lost()), count_cell(status.audit_refused()),
                           node.address(), or_dash(status.version()), or_dash(status.incarnation()),
                           or_dash(node.error())});
  }
  return row;
}

void print_nodes_table(Session& session, const v1::ListNodesResponse& response, Format format) {
  std::vector<std::string> headers{"NAME", "CONNECTED", "REVISION", "GENERATION",
                                   "VIEW", "FLOWS",     "BACKENDS", "LAST SEEN"};
  if (format == Format::kWide) {
    headers.insert(headers.end(),
                   {"LOST", "REFUSED", "ADDRESS", "VERSION", "INCARNATION", "ERROR"});
  }
  TextTable table(std::move(headers));
  for (const v1::NodeEntry& node : response.nodes()) {
    table.add(row_of(node, session.invocation().clock(), format));
  }
  table.print(session.out(), session.palette());
}

}  // namespace

ExitCode show_nodes(Session& session, Format format, const std::string& name) {
  v1::ListNodesResponse all;
  const ExitCode code = session.call(v1::ListNodesRequest(), all);
  if (code != ExitCode::kOk) return code;
  v1::ListNodesResponse response;
  for (v1::NodeEntry& node : *all.mutable_nodes()) {
    if (name.empty() || node.name() == name) *response.add_nodes() = std::move(node);
  }
  if (!name.empty() && response.nodes().empty()) {
    return session.fail(ExitCode::kNotFound, "there is no node " + name);
  }
  if (is_document(format)) {
    print_document(session.out(), format, items_of(response.nodes()));
  } else if (format == Format::kName) {
    for (const v1::NodeEntry& node : response.nodes())
      session.out() << node.name() << '\n';
  } else {
    print_nodes_table(session, response, format);
  }
  return ExitCode::kOk;
}

void add_nodes(Verbs& verbs) {
  const auto options = std::make_shared<NodesOptions>();
  CLI::App& verb = verbs.add("nodes", "List the nodes and what they run", "sluice nodes -o wide",
                             [options](Session& session) {
                               return watch(session, options->watch, [&] {
                                 return show_nodes(session, options->format, "");
                               });
                             });
  add_watch(verb, options->watch);
  add_format(verb, options->format,
             {Format::kTable, Format::kWide, Format::kJson, Format::kYaml, Format::kName});
}

}  // namespace sluice::controlplane::cli
