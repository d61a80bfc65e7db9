// SPDX-License-Identifier: Apache-2.0
//
// Where a packet would have gone at an earlier time.
#include "controlplane/service/explain_at.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/store/stored_time.h"
#include "dataplane/table/canonical_from_proto.h"
#include "dataplane/table/explain.h"
#include "dataplane/table/from_proto.h"
#include "dataplane/table/registry.h"
#include "dataplane/table/snapshot.h"

namespace sluice::controlplane {
namespace {

using dataplane::BackendState;

BackendState state_of(v1::BackendState state) {
  switch (state) {
    case v1::BACKEND_STATE_UP:
    case v1::BACKEND_STATE_EXPIRED:  // told apart by `expired`
      return BackendState::kUp;
    case v1::BACKEND_STATE_DRAINING:
      return BackendState::kDraining;
    case v1::BACKEND_STATE_RECALLED:
      return BackendState::kRecalled;
    default:
      return BackendState::kDown;
  }
}

std::vector<dataplane::BackendCondition> conditions_of(const dataplane::Table& table,
                                                       const v1::ViewRecord& view) {
  std::map<std::pair<std::string, std::string>, v1::BackendState> states;
  for (const v1::BackendView& backend : view.backends())
    states[{backend.pool(), backend.backend()}] = backend.state();
  std::vector<dataplane::BackendCondition> conditions(table.backend_capacity);
  for (const dataplane::Pool& pool : table.pools) {
    for (const dataplane::PoolMember& member : pool.members) {
      dataplane::BackendCondition& condition = conditions[member.id.index()];
      const auto known = states.find({pool.name, member.name});
      if (known != states.end()) {
        condition.state = state_of(known->second);
        condition.expired = known->second == v1::BACKEND_STATE_EXPIRED;
      }
      condition.next_hop.resolved = true;
    }
  }
  return conditions;
}

// A view that says nothing of records is one of which they were kept.
dataplane::NodeCondition node_of(const v1::ViewRecord& view) {
  dataplane::NodeCondition node;
  node.can_record = !view.has_can_record() || view.can_record();
  for (const v1::DegradedView& pool : view.degraded())
    node.degraded.emplace(pool.route(), pool.pool());
  return node;
}

absl::StatusOr<v1::ExplainResponse> explain_on(TableArchive& archive, const std::string& node,
                                               const v1::ExplainRequest& request) {
  const absl::Time at = time_of(request.at());
  const absl::StatusOr<v1::ViewRecord> view = archive.view_at(node, at);
  if (!view.ok()) return view.status();
  absl::StatusOr<v1::ForwardingTable> message = archive.table_of(view->generation());
  if (!message.ok()) return message.status();
  dataplane::Registry registry;
  const absl::StatusOr<dataplane::BuiltTable> built =
      dataplane::build_table(dataplane::CanonicalTable(*std::move(message)), nullptr, registry);
  if (!built.ok()) return built.status();
  const auto snapshot =
      dataplane::make_snapshot(built->table, view->view(), conditions_of(*built->table, *view),
                               absl::ToUnixMillis(at), node_of(*view));
  v1::ExplainResponse response;
  if (absl::Status status = dataplane::explain(*snapshot, request, response); !status.ok())
    return status;
  response.set_node(node);
  response.add_reasons(absl::StrCat("as of ",
                                    absl::FormatTime(absl::RFC3339_sec, at, absl::UTCTimeZone()),
                                    ": the table and the view that node ", node,
                                    " had; flows that lived then are in the records"));
  return response;
}

}  // namespace

absl::StatusOr<v1::ExplainResponse> explain_at(TableArchive& archive,
                                               const std::vector<std::string>& nodes,
                                               const v1::ExplainRequest& request) {
  if (const absl::Time at = time_of(request.at()); at > absl::Now()) {
    return absl::InvalidArgumentError(
        absl::StrCat("at: ", absl::FormatTime(absl::RFC3339_sec, at, absl::UTCTimeZone()),
                     " is yet to come; a time that has passed can be explained, or leave it out "
                     "for now"));
  }
  if (!request.node().empty()) {
    if (std::find(nodes.begin(), nodes.end(), request.node()) == nodes.end())
      return absl::NotFoundError(absl::StrCat("there is no node ", request.node()));
    return explain_on(archive, request.node(), request);
  }
  absl::StatusOr<v1::ExplainResponse> response =
      absl::NotFoundError("there is no node whose past is kept");
  for (const std::string& node : nodes) {
    response = explain_on(archive, node, request);
    if (!absl::IsNotFound(response.status())) break;
  }
  return response;
}

}  // namespace sluice::controlplane
