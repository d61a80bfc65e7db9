// SPDX-License-Identifier: Apache-2.0
//
// All nodes: one table for everybody, and the questions that only nodes can answer.
#include "controlplane/fleet/fleet.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/fleet/flow_pages.h"
#include "grpcpp/create_channel.h"

namespace sluice::controlplane {
namespace {

constexpr int kReceiveBytesMax = 64 << 20;  // 10,000 flows or backends fit many times
constexpr int kReconnectMs = 1000;          // a node that returns is found within a second

grpc::ChannelArguments channel_arguments(const std::string& address) {
  grpc::ChannelArguments arguments;
  // The path of a local socket is no host name.
  if (address.rfind("unix:", 0) == 0) {
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  }
  arguments.SetMaxReceiveMessageSize(kReceiveBytesMax);
  // Violations come in the trailing metadata, of which gRPC takes 8 KiB unless told otherwise.
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kReceiveBytesMax);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs / 10);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs / 10);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMs);
  // Proxies of the environment are for the outside world, not for our nodes.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

// Runs `work(0)` to `work(count - 1)` at once.
template <typename Work>
void in_parallel(size_t count, const Work& work) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < count; ++i)
    threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads)
    thread.join();
}

void set_result(v1::NodeResult& result, const absl::Status& status) {
  result.set_committed(status.ok());
  if (!status.ok()) result.set_message(std::string(status.message()));
}

}  // namespace

StagedTable::StagedTable(Fleet& fleet, Target target)
    : fleet_(&fleet),
      target_(std::move(target)),
      passage_(std::make_unique<RightOfWay::Passage>(fleet.right_of_way_)) {}

StagedTable::StagedTable(StagedTable&& other) noexcept
    : fleet_(std::exchange(other.fleet_, nullptr)),
      target_(std::move(other.target_)),
      results_(std::move(other.results_)),
      staged_(std::move(other.staged_)),
      passage_(std::move(other.passage_)) {}

StagedTable::~StagedTable() {
  if (fleet_ == nullptr) return;
  in_parallel(staged_.size(), [this](size_t i) {
    if (staged_[i] != nullptr) staged_[i]->abort(*passage_);
  });
}

std::vector<v1::NodeResult> StagedTable::commit() {
  Fleet* fleet = std::exchange(fleet_, nullptr);
  if (fleet == nullptr) return {};
  for (const Fleet::Member& member : fleet->members_)
    member.session->aim(target_);
  in_parallel(staged_.size(), [this](size_t i) {
    if (staged_[i] != nullptr) set_result(results_[i], staged_[i]->commit(*target_, *passage_));
  });
  fleet->history_.remember(std::move(target_));
  return std::move(results_);
}

absl::StatusOr<std::unique_ptr<Fleet>> Fleet::make(const FleetOptions& options,
                                                   RecordStore& records) {
  std::unique_ptr<Fleet> fleet(new Fleet());
  fleet->interval_ = options.interval;
  for (const NodeAddress& node : options.nodes) {
    if (absl::Status status = fleet->add(node, options, records); !status.ok()) return status;
  }
  return fleet;
}

absl::Status Fleet::add(const NodeAddress& node, const FleetOptions& options,
                        RecordStore& records) {
  const auto credentials = channel_credentials(node.address, options.tls);
  if (!credentials.ok()) return credentials.status();
  const auto client = std::make_shared<NodeClient>(
      grpc::CreateCustomChannel(node.address, *credentials, channel_arguments(node.address)),
      options.timeouts);
  Member& member = members_.emplace_back();
  member.session = std::make_unique<NodeSession>(node, client, history_);
  member.puller = std::make_unique<RecordPuller>(
      node.name, client, records, options.mark_record, options.on_records,
      [session = member.session.get()] { return session->is_connected(); });
  member.session->call_when_away([puller = member.puller.get()] { puller->cancel(); });
  return absl::OkStatus();
}

Fleet::~Fleet() {
  stop();
}

void Fleet::aim(const Target& running) {
  if (running != nullptr) history_.remember(running);
  for (const Member& member : members_)
    member.session->aim(running);
}

void Fleet::call_when_refused(const OnRefusal& on_refusal) {
  for (const Member& member : members_)
    member.session->call_when_refused(on_refusal);
}

void Fleet::give_recalls_to(const TakeRecalls& take_recalls) {
  for (const Member& member : members_)
    member.session->give_recalls_to(take_recalls);
}

void Fleet::start() {
  for (const Member& member : members_) {
    member.session->start(interval_);
    member.puller->start(interval_);
  }
}

void Fleet::stop() {
  in_parallel(members_.size(), [this](size_t i) {
    members_[i].session->stop();
    members_[i].puller->stop();
  });
}

absl::StatusOr<StagedTable> Fleet::stage(Target target) {
  StagedTable staged(*this, std::move(target));
  staged.results_.resize(members_.size());
  staged.staged_.resize(members_.size(), nullptr);
  std::vector<absl::Status> statuses(members_.size());
  in_parallel(members_.size(), [&](size_t i) {
    NodeSession& session = *members_[i].session;
    statuses[i] = session.stage(*staged.target_, *staged.passage_);
    if (statuses[i].ok()) staged.staged_[i] = &session;
    staged.results_[i].set_node(session.name());
    set_result(staged.results_[i], statuses[i]);
  });

  if (staged.is_over()) return given_way();
  std::vector<std::string> refusals;
  for (size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i].ok() || absl::IsUnavailable(statuses[i])) continue;
    refusals.push_back(
        absl::StrCat("node ", members_[i].session->name(), " refused: ", statuses[i].message()));
  }
  if (!refusals.empty()) return absl::FailedPreconditionError(absl::StrJoin(refusals, "\n"));
  return staged;
}

std::vector<v1::NodeEffect> Fleet::preview(const v1::ForwardingTable& table) {
  const auto copy = dataplane::make_table();
  *copy = table;
  const dataplane::CanonicalTable target(copy);
  std::vector<v1::NodeEffect> all(members_.size());
  in_parallel(members_.size(), [&](size_t i) {
    if (members_[i].session->is_connected()) all[i] = members_[i].session->preview(target);
  });
  std::vector<v1::NodeEffect> known;
  for (v1::NodeEffect& effect : all) {
    if (!effect.node().empty()) known.push_back(std::move(effect));
  }
  return known;
}

void Fleet::order(Target target) {
  for (const Member& member : members_)
    member.session->aim(target);
  history_.remember(std::move(target));
  for (const Member& member : members_)
    member.session->hurry();
}

std::vector<v1::NodeResult> Fleet::results(absl::Time until) const {
  std::vector<v1::NodeResult> results;
  for (const Member& member : members_)
    results.push_back(member.session->result(until));
  return results;
}

std::vector<v1::NodeEntry> Fleet::ask_nodes(absl::Time until) {
  for (const Member& member : members_)
    member.session->hurry();
  results(until);
  return nodes();
}

std::vector<v1::NodeEntry> Fleet::nodes() const {
  std::vector<v1::NodeEntry> entries;
  for (const Member& member : members_)
    entries.push_back(member.session->entry());
  return entries;
}

std::vector<const NodeSession*> Fleet::connected() const {
  std::vector<const NodeSession*> sessions;
  for (const Member& member : members_) {
    if (member.session->is_connected()) sessions.push_back(member.session.get());
  }
  return sessions;
}

NodeSession* Fleet::find(const std::string& name) const {
  for (const Member& member : members_) {
    if (member.session->name() == name) return member.session.get();
  }
  return nullptr;
}

absl::StatusOr<std::vector<NodeSession*>> Fleet::asked(const std::string& name) const {
  std::vector<NodeSession*> sessions;
  if (name.empty()) {
    for (const Member& member : members_) {
      if (member.session->is_connected()) sessions.push_back(member.session.get());
    }
    if (sessions.empty()) return absl::UnavailableError("no node answers");
    return sessions;
  }
  NodeSession* session = find(name);
  if (session == nullptr) return absl::NotFoundError(absl::StrCat("there is no node ", name));
  sessions.push_back(session);
  return sessions;
}

absl::StatusOr<v1::ExplainResponse> Fleet::explain(const v1::ExplainRequest& request) const {
  const absl::StatusOr<std::vector<NodeSession*>> sessions = asked(request.node());
  if (!sessions.ok()) return sessions.status();
  absl::StatusOr<v1::ExplainResponse> response = absl::UnavailableError("no node answers");
  for (const NodeSession* session : *sessions) {
    response = session->client().explain(request);
    if (!absl::IsUnavailable(response.status())) break;
  }
  return response;
}

absl::StatusOr<v1::ListViewsResponse> Fleet::views(const std::string& node,
                                                   const v1::ListViewsRequest& request) const {
  const NodeSession* session = find(node);
  if (session == nullptr) return absl::NotFoundError(absl::StrCat("there is no node ", node));
  return session->client().views(request);
}

absl::StatusOr<v1::ListFlowsResponse> Fleet::flows(const v1::ListFlowsRequest& request) const {
  const absl::StatusOr<std::vector<NodeSession*>> sessions = asked(request.filter().node());
  if (!sessions.ok()) return sessions.status();
  std::vector<FlowSource> sources;
  for (const NodeSession* session : *sessions) {
    sources.push_back({session->name(), [session](const v1::ListFlowsRequest& part) {
                         return session->client().flows(part);
                       }});
  }
  return merge_flow_pages(request, sources);
}

v1::ListCountersResponse Fleet::counters() const {
  std::vector<absl::StatusOr<v1::GetCountersResponse>> answers(members_.size());
  in_parallel(members_.size(), [&](size_t i) {
    const NodeSession& session = *members_[i].session;
    answers[i] =
        session.is_connected() ? session.client().counters() : absl::UnavailableError("away");
  });
  v1::ListCountersResponse response;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].ok()) {
      *response.add_nodes() = *std::move(answers[i]);
    } else {
      response.add_unreachable(members_[i].session->name());
    }
  }
  return response;
}

}  // namespace sluice::controlplane
