// SPDX-License-Identifier: Apache-2.0
//
// Wires the parts of the controller together.
#include "controlplane/daemon/controller.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/console/controller_metrics.h"
#include "controlplane/daemon/listener.h"

namespace sluice::controlplane {
namespace {

constexpr std::string_view kUnix = "unix:";
// Calls that run on at the end, an apply say, get this long to finish.
constexpr auto kShutdownGrace = std::chrono::seconds(5);
// A user of this host to whom no role was given, whoever it is.
const Caller kStranger = {"", v1::ROLE_UNSPECIFIED, true};

}  // namespace

absl::Status Controller::open(const ControllerSettings& settings) {
  roles_ = RoleBook(settings.roles);
  if (absl::Status status = prepare_socket(settings.listen); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<RevisionStore>> store = RevisionStore::open(settings.store_path);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  absl::StatusOr<StoredState> state = store_->load();
  if (!state.ok()) return state.status();
  events_ = std::make_unique<EventLog>(store_->shared());
  monitor_ = std::make_unique<GuardrailMonitor>(*store_, *events_);
  if (absl::Status status = open_log(settings); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<RecordStore>> records =
      RecordStore::open(settings.audit_directory, {.interval = settings.segment_interval},
                        notary_ == nullptr ? std::nullopt : std::optional(notary_->segments()));
  if (!records.ok()) return records.status();
  records_ = *std::move(records);

  absl::StatusOr<std::unique_ptr<TableArchive>> archive =
      TableArchive::open(settings.audit_directory);
  if (!archive.ok()) return archive.status();
  archive_ = *std::move(archive);

  FleetOptions options;
  options.nodes = settings.nodes;
  options.tls = settings.tls;
  options.mark_record = [this](v1::FlowRecord& record) { return monitor_->mark(record); };
  options.on_records = [this](const std::string& node, std::span<const v1::FlowRecord> fresh,
                              uint64_t missing) {
    flows_.add(fresh);
    patterns_.add(fresh, absl::Now());
    flows_.add_missing(node, missing);
  };
  absl::StatusOr<std::unique_ptr<Fleet>> fleet = Fleet::make(options, *records_);
  if (!fleet.ok()) return fleet.status();
  fleet_ = *std::move(fleet);
  changes_ = std::make_unique<ChangeService>(*std::move(state), *store_, *fleet_);
  archivist_ = std::make_unique<Archivist>(*archive_, *fleet_, *events_, settings.retention);
  archivist_->add(changes_->running()->table);  // a crash may have come before it was kept
  changes_->call_when_pushed([this](const Target& table) { archivist_->add(table); });
  if (notary_ != nullptr) notary_->start(*records_, settings.checkpoint_interval);
  recalls_ = std::make_unique<Recalls>(*store_, *fleet_, *events_);
  rollouts_ = std::make_unique<RolloutEngine>(
      *changes_, *fleet_, [this](const v1::Event& event) { write_down(event); });
  fleet_->aim(changes_->running()->table);  // before anybody can change it
  if (absl::Status status = serve_metrics(settings); !status.ok()) return status;
  if (absl::Status status = serve(settings); !status.ok()) return status;
  spdlog::info("listening on {}, revision {}, generation {}", settings.listen,
               changes_->running()->revision, changes_->running()->generation);
  retention_ = std::make_unique<Retention>(*records_, settings.retention);
  fleet_->start();
  rollouts_->start();
  patterns_.start();
  // What became overdue while no controller ran is reverted now.
  housekeeper_ = std::make_unique<Housekeeper>(*changes_, *recalls_, *fleet_);
  return absl::OkStatus();
}

absl::Status Controller::open_log(const ControllerSettings& settings) {
  if (settings.signing_key.empty()) return absl::OkStatus();
  absl::StatusOr<NoteSigner> signer = load_or_make_signer(settings.signing_key);
  if (!signer.ok()) return signer.status();
  const std::string folder = settings.audit_directory + "/log";
  absl::StatusOr<std::unique_ptr<Notary>> notary =
      Notary::open(folder, *std::move(signer), *events_);
  if (!notary.ok()) {
    return absl::Status(notary.status().code(),
                        absl::StrCat("audit log: ", notary.status().message(), "; move ", folder,
                                     " away to begin a new one"));
  }
  notary_ = *std::move(notary);
  spdlog::info("audit log: check it with: sluice audit verify {} --key {}", folder,
               notary_->key().text());
  return absl::OkStatus();
}

void Controller::write_down(const v1::Event& event) {
  if (const absl::Status status = events_->append(event); !status.ok())
    spdlog::error("event: {}", std::string(status.message()));
}

ControlService::Parts Controller::parts(CallerOf caller) {
  return {*changes_,      *store_,           *fleet_,   *records_,
          *events_,       *recalls_,         *archive_, rollouts_->runner(),
          SLUICE_VERSION, std::move(caller), strangers_};
}

LocalCallers Controller::local_callers() {
  return {
      .has_role = [this](uid_t user) { return roles_.has_role(user); },
      .service_of =
          [this](std::optional<uid_t> user) {
            const Caller caller = user ? roles_.local(*user) : kStranger;
            return std::make_unique<ControlService>(
                parts([caller](const grpc::ServerContext*) { return caller; }));
          },
  };
}

absl::Status Controller::serve(const ControllerSettings& settings) {
  if (settings.listen.rfind(kUnix, 0) == 0) {
    const SocketAccess access =
        roles_.is_open() ? SocketAccess::kOwnerAndGroup : SocketAccess::kEverybody;
    absl::StatusOr<std::unique_ptr<LocalListener>> local =
        LocalListener::start(settings.listen.substr(kUnix.size()), access, local_callers());
    if (!local.ok()) return local.status();
    local_ = *std::move(local);
    return absl::OkStatus();
  }
  service_ = std::make_unique<ControlService>(parts([this](const grpc::ServerContext* context) {
    return roles_.remote(*context->auth_context());
  }));
  absl::StatusOr<std::unique_ptr<grpc::Server>> server =
      listen(settings.listen, settings.tls, *service_);
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  return absl::OkStatus();
}

absl::Status Controller::serve_metrics(const ControllerSettings& settings) {
  if (settings.http.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<MetricsServer>> server =
      MetricsServer::start(settings.http, [this] { return metrics(); });
  if (!server.ok()) return server.status();
  metrics_ = *std::move(server);
  spdlog::info("metrics on http://{}/metrics", settings.http);
  return absl::OkStatus();
}

PatternSources Controller::pattern_sources() {
  return {.counters = [this] { return fleet_->counters(); },
          .table = [this]() -> std::shared_ptr<const v1::ForwardingTable> {
            const auto table = changes_->running()->table;
            return table == nullptr
                       ? nullptr
                       : std::shared_ptr<const v1::ForwardingTable>(table, &table->message());
          },
          .tell = [this](const v1::Event& event) { write_down(event); }};
}

MetricFamilies Controller::metrics() const {
  const std::shared_ptr<const InForce> running = changes_->running();
  const std::vector<v1::NodeEntry> nodes = fleet_->nodes();
  const std::vector<SeriesScore> patterns = patterns_.scores();
  return controller_metrics({.version = SLUICE_VERSION,
                             .revision = running->revision,
                             .generation = running->generation,
                             .nodes = nodes,
                             .policy = running->policy.get(),
                             .rollouts = running->rollouts,
                             .overrides = running->overrides,
                             .patterns = patterns},
                            flows_);
}

absl::StatusOr<std::unique_ptr<Controller>> Controller::start(const ControllerSettings& settings) {
  std::unique_ptr<Controller> controller(new Controller());
  if (absl::Status status = controller->open(settings); !status.ok()) return status;
  return controller;
}

Controller::~Controller() {
  housekeeper_.reset();
  patterns_.stop();
  metrics_.reset();
  const auto deadline = std::chrono::system_clock::now() + kShutdownGrace;
  if (server_ != nullptr) server_->Shutdown(deadline);
  if (local_ != nullptr) local_->shut_down(deadline);
  if (rollouts_ != nullptr) rollouts_->stop();
  if (fleet_ != nullptr) fleet_->stop();
}

}  // namespace sluice::controlplane
