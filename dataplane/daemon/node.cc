// SPDX-License-Identifier: Apache-2.0
//
// Composes the node.
#include "dataplane/daemon/node.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/daemon/boot_table.h"
#include "dataplane/daemon/control_loop.h"
#include "dataplane/daemon/dataplane_service.h"
#include "dataplane/daemon/disk.h"
#include "dataplane/daemon/fabric.h"
#include "dataplane/daemon/forwarding.h"
#include "dataplane/daemon/lcores.h"
#include "dataplane/daemon/node_metrics.h"
#include "dataplane/daemon/observation_log.h"
#include "dataplane/daemon/prober.h"
#include "dataplane/daemon/record_spool.h"
#include "dataplane/daemon/record_writer.h"
#include "dataplane/daemon/rpc_server.h"
#include "dataplane/daemon/stager.h"
#include "dataplane/daemon/status_text.h"
#include "dataplane/daemon/table_store.h"
#include "dataplane/metrics/metrics_server.h"
#include "spdlog/spdlog.h"

namespace sluice::dataplane {
namespace {

constexpr std::chrono::milliseconds kCallsMayEndWithin(200);
constexpr std::chrono::milliseconds kOpeningsInterval(1000);  // windows are 5 s at least
constexpr uint64_t kFamilies = 2;  // each has flow tables of the configured capacity

std::string new_incarnation() {
  std::array<unsigned char, 16> bytes{};
  RAND_bytes(bytes.data(), bytes.size());
  std::string text;
  for (const unsigned char byte : bytes)
    text += fmt::format("{:02x}", byte);
  return text;
}

// Probes and calls need a descriptor each; what the system allows at most is just enough.
void raise_descriptor_limit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

class Node {
 public:
  explicit Node(const NodeSettings& settings)
      : settings_(settings),
        identity_{settings.node, new_incarnation()},
        store_(settings.state_dir) {}
  ~Node() { stop(); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  absl::Status start(std::optional<v1::ForwardingTable> given);
  void run();
  void look_at_openings();

 private:
  absl::Status take_state_directory();
  absl::Status build_first_table(std::optional<v1::ForwardingTable> given);
  absl::Status start_cores();
  absl::Status start_records();
  absl::Status start_control();
  absl::Status start_first_table();
  absl::Status start_server();
  absl::Status start_metrics();
  void stop();

  const NodeSettings& settings_;
  const RecordOrigin identity_;
  const std::chrono::system_clock::time_point start_time_ = std::chrono::system_clock::now();
  const ControlProcessors processors_;
  TableStore store_;
  Registry registry_;
  ControlLoop loop_;
  Descriptor lock_;
  std::optional<ReadyTable> first_;
  Durability first_durability_ = Durability::kAlreadySaved;
  std::unique_ptr<PortSet> ports_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Cores> cores_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<RecordSpool> spool_;
  ObservationLog observations_;
  std::unique_ptr<RecordWriter> writer_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<Forwarding> forwarding_;
  Degradation degradation_;
  std::chrono::steady_clock::time_point next_look_at_openings_;
  std::unique_ptr<Stager> stager_;
  std::unique_ptr<DataplaneService> service_;
  std::unique_ptr<MetricsServer> metrics_;
  std::unique_ptr<grpc::Server> server_;
};

// The start order. What can fail for the operator's reasons comes first; calls are answered last.
absl::Status Node::start(std::optional<v1::ForwardingTable> given) {
  raise_descriptor_limit();
  if (absl::Status status = loop_.open(); !status.ok()) return status;
  if (absl::Status status = take_state_directory(); !status.ok()) return status;
  if (absl::Status status = build_first_table(std::move(given)); !status.ok()) return status;
  if (absl::Status status = claim_endpoint(settings_.listen); !status.ok()) return status;
  if (absl::Status status = start_cores(); !status.ok()) return status;
  if (absl::Status status = start_records(); !status.ok()) return status;
  if (absl::Status status = start_control(); !status.ok()) return status;
  if (absl::Status status = start_first_table(); !status.ok()) return status;
  if (absl::Status status = start_server(); !status.ok()) return status;
  return start_metrics();
}

// The start order reversed. Cores stop while their events are still carried to the spool.
void Node::stop() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + kCallsMayEndWithin);
  server_.reset();
  metrics_.reset();
  service_.reset();
  stager_.reset();
  prober_.reset();
  if (forwarding_ != nullptr) forwarding_->save_health();
  forwarding_.reset();
  if (runtime_ != nullptr) runtime_->stop();
  writer_.reset();
  spool_.reset();
  links_.reset();
  cores_.reset();
  runtime_.reset();
  ports_.reset();
}

absl::Status Node::take_state_directory() {
  if (absl::Status made = make_directory(settings_.state_dir); !made.ok()) return made;
  const std::string path = settings_.state_dir + "/lock";
  lock_ = Descriptor(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!lock_.is_open()) {
    return absl::FailedPreconditionError(
        fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("state_dir {} is in use by another node", settings_.state_dir));
  }
  return absl::OkStatus();
}

absl::Status Node::build_first_table(std::optional<v1::ForwardingTable> given) {
  std::vector<std::string> complaints;
  std::optional<v1::ForwardingTable> last_good = store_.load_table(complaints);
  for (const std::string& complaint : complaints)
    spdlog::error("{}", complaint);
  std::optional<BootTable> chosen = choose_boot_table(std::move(given), std::move(last_good));
  if (!chosen) return absl::OkStatus();
  absl::StatusOr<ReadyTable> ready = make_ready(std::move(chosen->message), nullptr, registry_);
  if (!ready.ok() && chosen->durability == Durability::kSave) {
    return absl::InvalidArgumentError(fmt::format("--table: {}", text_of(ready.status())));
  }
  if (!ready.ok()) {
    spdlog::error("{} is refused, waiting for another: {}", chosen->origin,
                  text_of(ready.status()));
    return absl::OkStatus();
  }
  spdlog::info("begins with generation {} of revision {}: {}", ready->pushed->generation(),
               ready->pushed->message().revision(), chosen->origin);
  first_ = *std::move(ready);
  first_durability_ = chosen->durability;
  return absl::OkStatus();
}

absl::Status Node::start_cores() {
  absl::StatusOr<std::unique_ptr<PortSet>> ports = PortSet::open(settings_.ports);
  if (!ports.ok()) return ports.status();
  ports_ = *std::move(ports);
  RuntimeConfig config = settings_.runtime;
  config.ports = ports_->runtime_ports();
  absl::StatusOr<std::unique_ptr<Runtime>> runtime = Runtime::start(config);
  if (!runtime.ok()) return runtime.status();
  runtime_ = *std::move(runtime);
  cores_ = cores_of(*runtime_);
  links_ = links_of(*ports_);
  return processors_.apply();  // before any thread below is started
}

absl::Status Node::start_records() {
  std::vector<std::string> complaints;
  auto spool = RecordSpool::open(settings_.state_dir + "/records", identity_.incarnation,
                                 settings_.spool, complaints);
  for (const std::string& complaint : complaints)
    spdlog::warn("record spool: {}", complaint);
  if (!spool.ok()) return spool.status();
  spool_ = *std::move(spool);
  writer_ = std::make_unique<RecordWriter>(*cores_, registry_, identity_, *spool_, observations_);
  return absl::OkStatus();
}

absl::Status Node::start_control() {
  absl::StatusOr<std::unique_ptr<Prober>> prober =
      Prober::start([this](const HealthChange& change) {
        loop_.post([this, change] { forwarding_->on_health(change); });
      });
  if (!prober.ok()) return prober.status();
  prober_ = *std::move(prober);
  forwarding_ = std::make_unique<Forwarding>(*cores_, *links_, store_,
                                             [this](auto targets, const auto& last_known) {
                                               prober_->set_targets(std::move(targets), last_known);
                                             });
  std::vector<std::string> complaints;
  if (const auto saved = store_.load_health(complaints)) forwarding_->resume(*saved);
  for (const std::string& complaint : complaints)
    spdlog::error("{}", complaint);
  stager_ = std::make_unique<Stager>(
      registry_, [this] { return forwarding_->state(); },
      [this](const ReadyTable& next) {
        return loop_.call([&] { return forwarding_->switch_to(next, Durability::kSave); });
      });
  return absl::OkStatus();
}

absl::Status Node::start_first_table() {
  if (!first_) {
    spdlog::warn("there is no forwarding table; waiting for one");
    return absl::OkStatus();
  }
  const absl::Status switched = forwarding_->switch_to(*first_, first_durability_);
  first_.reset();
  return switched;
}

absl::Status Node::start_server() {
  service_ = std::make_unique<DataplaneService>(NodeParts{
      .identity = identity_,
      .start_time = start_time_,
      .flow_capacity = uint64_t{settings_.runtime.flow_capacity} * kFamilies,
      .cores = *cores_,
      .forwarding = *forwarding_,
      .registry = registry_,
      .spool = *spool_,
      .observations = observations_,
      .stager = *stager_,
      .foresee = [this](const ReadyTable& next) -> absl::StatusOr<std::unique_ptr<const Snapshot>> {
        std::unique_ptr<const Snapshot> snapshot;
        const absl::Status called = loop_.call([&] {
          snapshot = forwarding_->foresee(next);
          return absl::OkStatus();
        });
        if (!called.ok()) return called;
        return snapshot;
      }});
  absl::StatusOr<std::unique_ptr<grpc::Server>> server = serve(settings_, *service_);
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  return absl::OkStatus();
}

absl::Status Node::start_metrics() {
  if (settings_.http.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<MetricsServer>> server =
      MetricsServer::start(settings_.http, [this] {
        v1::GetStatusResponse status;
        v1::GetCountersResponse counters;
        service_->GetStatus(nullptr, &v1::GetStatusRequest::default_instance(), &status);
        service_->GetCounters(nullptr, &v1::GetCountersRequest::default_instance(), &counters);
        return node_metrics(status, counters);
      });
  if (!server.ok()) return server.status();
  metrics_ = *std::move(server);
  spdlog::info("metrics on http://{}/metrics", settings_.http);
  return absl::OkStatus();
}

void Node::look_at_openings() {
  const auto now = std::chrono::steady_clock::now();
  const std::shared_ptr<const RunningState> state = forwarding_->state();
  if (now < next_look_at_openings_ || state->snapshot == nullptr) return;
  next_look_at_openings_ = now + kOpeningsInterval;
  const Table& table = *state->snapshot->table;
  if (!Degradation::is_asked_for(table)) return forwarding_->on_degraded({});
  const int64_t now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  forwarding_->on_degraded(
      degradation_.judge(table, cores_->target_counters(registry_.target_count()), now_ms));
}

void Node::run() {
  spdlog::info("node {} ({}) is ready on {}", identity_.node, identity_.incarnation,
               settings_.listen);
  loop_.run(Forwarding::kTickInterval, [this] {
    if (const auto state = forwarding_->state(); state->snapshot != nullptr)
      writer_->follow(state->snapshot->table);
    forwarding_->on_recording(spool_->can_keep());
    look_at_openings();
    forwarding_->tick();
  });
  spdlog::info("node {} is stopping", identity_.node);
}

}  // namespace

absl::Status run_node(const NodeSettings& settings, std::optional<v1::ForwardingTable> table) {
  Node node(settings);
  if (absl::Status started = node.start(std::move(table)); !started.ok()) return started;
  node.run();
  return absl::OkStatus();
}

}  // namespace sluice::dataplane
