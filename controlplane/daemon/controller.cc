// SPDX-License-Identifier: Apache-2.0
//
// Wires the parts of the controller together.
#include "controlplane/daemon/controller.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "controlplane/daemon/listener.h"

namespace sluice::controlplane {
namespace {

// Calls that run on at the end, an apply say, get this long to finish.
constexpr auto kShutdownGrace = std::chrono::seconds(5);

}  // namespace

absl::Status Controller::open(const ControllerSettings& settings) {
  if (absl::Status status = prepare_socket(settings.listen); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<RevisionStore>> store = RevisionStore::open(settings.store_path);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  absl::StatusOr<StoredState> state = store_->load();
  if (!state.ok()) return state.status();
  absl::StatusOr<std::unique_ptr<RecordStore>> records =
      RecordStore::open(settings.audit_directory);
  if (!records.ok()) return records.status();
  records_ = *std::move(records);

  FleetOptions options;
  options.nodes = settings.nodes;
  options.tls = settings.tls;
  absl::StatusOr<std::unique_ptr<Fleet>> fleet = Fleet::make(options, *records_);
  if (!fleet.ok()) return fleet.status();
  fleet_ = *std::move(fleet);
  changes_ = std::make_unique<ChangeService>(*std::move(state), *store_, *fleet_);
  rollouts_ = std::make_unique<RolloutEngine>(*changes_, *fleet_, [](const v1::Event&) {});
  service_ = std::make_unique<ControlService>(ControlService::Parts{
      *changes_, *store_, *fleet_, *records_, rollouts_->runner(), SLUICE_VERSION});
  fleet_->aim(changes_->running()->table);  // before anybody can change it
  absl::StatusOr<std::unique_ptr<grpc::Server>> server =
      listen(settings.listen, settings.tls, *service_);
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  spdlog::info("listening on {}, revision {}, generation {}", settings.listen,
               changes_->running()->revision, changes_->running()->generation);
  retention_ = std::make_unique<Retention>(*records_, settings.retention);
  fleet_->start();
  rollouts_->start();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Controller>> Controller::start(const ControllerSettings& settings) {
  std::unique_ptr<Controller> controller(new Controller());
  if (absl::Status status = controller->open(settings); !status.ok()) return status;
  return controller;
}

Controller::~Controller() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  if (rollouts_ != nullptr) rollouts_->stop();
  if (fleet_ != nullptr) fleet_->stop();
}

}  // namespace sluice::controlplane
