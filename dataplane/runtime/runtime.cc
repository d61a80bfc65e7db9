// SPDX-License-Identifier: Apache-2.0
//
// The forwarding cores, started, watched and stopped.
#include "dataplane/runtime/runtime.h"

#include <rte_launch.h>
#include <rte_lcore.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <mutex>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "dataplane/runtime/lcore_loop.h"

namespace sluice::dataplane {

namespace {

// Half a second of records at a hundred thousand new flows per second and lcore.
constexpr uint32_t kEventRingCapacity = 1u << 17;
// As many as an lcore observes at once: all may be due together.
constexpr uint32_t kObservationRingCapacity = kObservedFlowsMax;
static_assert(std::has_single_bit(kObservationRingCapacity));
constexpr std::chrono::milliseconds kQueryDeadline{1000};
constexpr std::chrono::microseconds kQueryPollPeriod{50};

// A listing's cursor: which worker, from 1, and where in its tables. 0 is the start.
struct Cursor {
  static constexpr unsigned kWorkerShift = 40;
  size_t worker = 0;
  FlowPlace place;

  static Cursor decode(uint64_t cursor) {
    if (cursor == 0) return {};
    const uint64_t place = cursor & ((uint64_t{1} << kWorkerShift) - 1);
    return {static_cast<size_t>(cursor >> kWorkerShift) - 1, {place}};
  }
  uint64_t encode() const { return uint64_t{worker + 1} << kWorkerShift | place.value; }
};

std::vector<uint32_t> worker_lcores() {
  std::vector<uint32_t> lcores;
  unsigned lcore = 0;
  RTE_LCORE_FOREACH_WORKER(lcore) lcores.push_back(lcore);
  return lcores;
}

absl::Status check(const RuntimeConfig& config, size_t workers) {
  if (workers == 0) {
    return absl::FailedPreconditionError(
        "no worker lcore: give EAL at least two lcores, e.g. -l 0-1");
  }
  for (const RuntimePort& port : config.ports) {
    if (port.id >= kPortsMax) {
      return absl::FailedPreconditionError(
          absl::StrCat("port ", port.id, ": only ports below ", kPortsMax));
    }
    if (port.queues < workers) {
      return absl::FailedPreconditionError(absl::StrCat("port ", port.id, " has ", port.queues,
                                                        " queues for ", workers,
                                                        " worker lcores: give EAL fewer lcores"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<HashKey> random_key() {
  HashKey key;
  if (getrandom(&key, sizeof key, 0) != sizeof key)
    return absl::UnavailableError("getrandom gave no key");
  return key;
}

absl::StatusOr<std::unique_ptr<Worker>> make_worker(const RuntimeConfig& config,
                                                    const CoreSettings& settings) {
  auto worker = std::make_unique<Worker>();
  worker->lcore = settings.lcore;
  worker->ports = config.ports;
  worker->idle = {config.idle_spin, config.idle_sleep};
  worker->core = CoreContext::create(settings);
  if (worker->core == nullptr || !worker->ring.allocate(kEventRingCapacity) ||
      !worker->observations.allocate(kObservationRingCapacity)) {
    return absl::ResourceExhaustedError(absl::StrCat("no memory for ", settings.flow_capacity,
                                                     " flows per family on lcore ", settings.lcore,
                                                     ": lower flows.capacity"));
  }
  return worker;
}

int lcore_main(void* worker) {
  run_lcore(*static_cast<Worker*>(worker));
  return 0;
}

LcoreCounterValues read(const Worker& worker) {
  const LcoreCounters& counters = worker.core->counters;
  LcoreCounterValues values{.lcore = worker.lcore};
  values.rx = counters.rx.read();
  values.handed_in = counters.handed_in.read();
  values.forwarded = counters.forwarded.read();
  values.punted = counters.punted.read();
  values.replied = counters.replied.read();
  values.handed_out = counters.handed_out.read();
  values.held = counters.held.read();
  for (size_t i = 0; i < kDropReasonCount; ++i)
    values.dropped[i] = counters.dropped[i].read();
  values.flows = counters.flows.read();
  values.flows_opened = counters.flows_opened.read();
  values.flows_ended = counters.flows_ended.read();
  values.records_lost = counters.records_lost.read();
  values.swept_recall = counters.swept_recall.acquire();
  values.observations_missed = counters.observations_missed.read();
  values.audit_refused = counters.audit_refused.read();
  return values;
}

void add(const TargetCounters& line, TargetCounterValues& sum) {
  sum.packets += line.packets.read();
  sum.bytes += line.bytes.read();
  sum.flows_opened += line.flows_opened.read();
  sum.flows_ended += line.flows_ended.read();
  sum.unrecorded_packets += line.unrecorded_packets.read();
  sum.unrecorded_bytes += line.unrecorded_bytes.read();
  sum.unrecorded_syns += line.unrecorded_syns.read();
  sum.flows_recalled += line.flows_recalled.read();
}

void add(const HandshakeCounters& line, TargetCounterValues& sum) {
  sum.handshakes_begun += line.begun.read();
  sum.handshakes_completed += line.completed.read();
  sum.handshake_us += line.us.read();
}

void add(const ResponseCounters& line, TargetCounterValues& sum) {
  sum.responses += line.count.read();
  sum.response_us += line.us.read();
}

template <class Line>
void add_all(const TouchedArray<Line>& lines, std::span<TargetCounterValues> sums) {
  for (size_t id = 1; id < std::min(sums.size(), lines.size()); ++id)
    add(lines[id], sums[id]);
}

template <class Done>
bool poll_until(Done&& done) {
  const auto end = std::chrono::steady_clock::now() + kQueryDeadline;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kQueryPollPeriod);
  }
  return true;
}

bool ask_and_wait(Worker& worker, FlowPlace place, uint32_t limit) {
  FlowQuery& query = worker.query;
  return poll_until([&] { return query.ask(place, limit); }) &&
         poll_until([&] { return query.is_answered(); });
}

}  // namespace

struct Runtime::State {
  std::unique_ptr<SnapshotPublisher> publisher;
  std::vector<std::unique_ptr<Worker>> workers;
  std::mutex listing;  // one listing at a time asks the lcores
  std::atomic<bool> stopped{false};
};

Runtime::Runtime(std::unique_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::start(const RuntimeConfig& config) {
  const std::vector<uint32_t> lcores = worker_lcores();
  if (absl::Status status = check(config, lcores.size()); !status.ok()) return status;
  absl::StatusOr<HashKey> key = random_key();
  if (!key.ok()) return key.status();

  CoreSettings settings{.flow_key = *key, .timeouts = config.timeouts};
  settings.flow_capacity =
      std::max(config.flow_capacity / static_cast<uint32_t>(lcores.size()), 1u);
  for (const RuntimePort& port : config.ports)
    settings.ports |= static_cast<uint16_t>(1u << port.id);

  auto state = std::make_unique<State>();
  state->publisher = std::make_unique<SnapshotPublisher>(lcores);
  for (const uint32_t lcore : lcores) {
    settings.lcore = static_cast<uint8_t>(lcore);
    absl::StatusOr<std::unique_ptr<Worker>> worker = make_worker(config, settings);
    if (!worker.ok()) return worker.status();
    (*worker)->index = static_cast<uint16_t>(state->workers.size());
    (*worker)->publisher = state->publisher.get();
    state->workers.push_back(*std::move(worker));
  }

  std::unique_ptr<Runtime> runtime(new Runtime(std::move(state)));
  for (const std::unique_ptr<Worker>& worker : runtime->state_->workers) {
    if (rte_eal_remote_launch(lcore_main, worker.get(), worker->lcore) != 0) {
      return absl::FailedPreconditionError(absl::StrCat("lcore ", worker->lcore, " is busy"));
    }
  }
  return runtime;
}

Runtime::~Runtime() {
  stop();
}

absl::Status Runtime::publish(std::unique_ptr<const Snapshot> snapshot,
                              std::chrono::milliseconds deadline) {
  return state_->publisher->publish(std::move(snapshot), deadline);
}

std::vector<LcoreCounterValues> Runtime::counters() const {
  std::vector<LcoreCounterValues> values;
  for (const std::unique_ptr<Worker>& worker : state_->workers)
    values.push_back(read(*worker));
  return values;
}

std::vector<TargetCounterValues> Runtime::target_counters(uint32_t target_count) const {
  std::vector<TargetCounterValues> sums(size_t{target_count} + 1);
  for (const std::unique_ptr<Worker>& worker : state_->workers) {
    add_all(worker->core->targets, sums);
    add_all(worker->core->handshakes, sums);
    add_all(worker->core->responses, sums);
  }
  return sums;
}

size_t Runtime::take_events(std::span<FlowEvent> out) {
  size_t taken = 0;
  for (const std::unique_ptr<Worker>& worker : state_->workers)
    taken += worker->ring.pop(out.subspan(taken));
  return taken;
}

size_t Runtime::take_observations(std::span<ObservationEvent> out) {
  size_t taken = 0;
  for (const std::unique_ptr<Worker>& worker : state_->workers)
    taken += worker->observations.pop(out.subspan(taken));
  return taken;
}

bool Runtime::events_drained() const {
  return std::all_of(state_->workers.begin(), state_->workers.end(),
                     [](const std::unique_ptr<Worker>& worker) { return worker->ring.is_empty(); });
}

absl::StatusOr<FlowPage> Runtime::list_flows(uint64_t cursor, uint32_t limit) {
  const std::lock_guard lock(state_->listing);
  FlowPage page;
  Cursor at = Cursor::decode(cursor);
  const size_t wanted = std::max(limit, 1u);
  while (page.flows.size() < wanted && at.worker < state_->workers.size()) {
    Worker& worker = *state_->workers[at.worker];
    const size_t missing = std::min<size_t>(wanted - page.flows.size(), FlowQuery::kFlowsMax);
    if (state_->stopped || !ask_and_wait(worker, at.place, static_cast<uint32_t>(missing))) {
      return absl::UnavailableError(absl::StrCat("lcore ", worker.lcore, " did not answer"));
    }
    page.flows.insert(page.flows.end(), worker.query.flows().begin(), worker.query.flows().end());
    at = worker.query.reached_end() ? Cursor{at.worker + 1, {}}
                                    : Cursor{at.worker, worker.query.next()};
  }
  page.next_cursor = at.worker < state_->workers.size() ? at.encode() : 0;
  return page;
}

void Runtime::stop() {
  if (state_->stopped.exchange(true)) return;
  for (const std::unique_ptr<Worker>& worker : state_->workers)
    worker->stop.store(true, std::memory_order_relaxed);
  for (const std::unique_ptr<Worker>& worker : state_->workers)
    rte_eal_wait_lcore(worker->lcore);
  state_->publisher->reclaim();
}

}  // namespace sluice::dataplane
