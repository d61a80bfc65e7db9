// SPDX-License-Identifier: Apache-2.0
//
// One epoll loop: starts probes when they are due, ends them by answer or timeout.
#include "dataplane/daemon/prober.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "dataplane/daemon/probe.h"
#include "fmt/format.h"
#include "google/protobuf/util/message_differencer.h"

namespace sluice::dataplane {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr uint64_t kWakeUp = 0;  // epoll's word for the eventfd; targets count from 1
constexpr size_t kEventsPerTurn = 256;
constexpr milliseconds kFirstProbeWithin(100);  // spread, so that a restart is no burst

nanoseconds length_of(const google::protobuf::Duration& duration, nanoseconds when_unset) {
  const auto length = std::chrono::seconds(duration.seconds()) + nanoseconds(duration.nanos());
  return length.count() > 0 ? length : when_unset;
}

bool same_check(const v1::HealthCheck& a, const v1::HealthCheck& b) {
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

struct Target {
  ProbeTarget what;
  HealthState state;
  std::unique_ptr<Probe> probe;  // null: waits for `due`
  Clock::time_point due;         // of the next probe, or the running one's timeout
  std::string last_failure;

  HealthThresholds thresholds() const {
    return {.rise = what.check.has_rise() ? what.check.rise() : 2,
            .fall = what.check.has_fall() ? what.check.fall() : 3};
  }
  nanoseconds pause() const {
    return state.is_in_doubt() ? length_of(what.check.fast_interval(), milliseconds(200))
                               : length_of(what.check.interval(), std::chrono::seconds(1));
  }
};

}  // namespace

class Prober::Loop {
 public:
  Loop(OnChange on_change, Descriptor epoll, Descriptor wake_up)
      : on_change_(std::move(on_change)), epoll_(std::move(epoll)), wake_up_(std::move(wake_up)) {
    watch(wake_up_.get(), EPOLLIN, kWakeUp);
    thread_ = std::thread([this] { run(); });
  }
  ~Loop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake();
    thread_.join();
  }

  struct Targets {
    std::vector<ProbeTarget> targets;
    std::map<BackendIdentity, Health> last_known;
  };
  void post(Targets targets) {
    {
      const std::lock_guard lock(mutex_);
      if (posted_) targets.last_known.merge(posted_->last_known);  // it has not been looked at yet
      posted_ = std::move(targets);
    }
    wake();
  }

 private:
  void run();
  bool take_posted();  // false: stop
  void replace(Targets targets);
  void add(ProbeTarget what, const HealthState& state);
  int wait_ms() const;
  void handle(uint64_t number);
  void run_due();
  void begin(uint64_t number, Target& target);
  void settle(uint64_t number, Target& target);
  void schedule(uint64_t number, Target& target, Clock::time_point due);
  std::string reason_of(const Target& target) const;
  void watch(int descriptor, uint32_t events, uint64_t number) const;
  void wake() const {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_up_.get(), &one, sizeof one);
  }

  const OnChange on_change_;
  const Descriptor epoll_;
  const Descriptor wake_up_;
  std::mutex mutex_;  // guards the next two
  std::optional<Targets> posted_;
  bool stop_ = false;
  // The rest belongs to the thread.
  std::map<uint64_t, Target> targets_;
  std::set<std::pair<Clock::time_point, uint64_t>> timers_;  // one per target
  uint64_t next_number_ = 1;
  std::minstd_rand random_{std::random_device{}()};
  std::thread thread_;
};

void Prober::Loop::watch(int descriptor, uint32_t events, uint64_t number) const {
  epoll_event event{.events = events, .data = {.u64 = number}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event) != 0) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event);
  }
}

void Prober::Loop::run() {
  std::array<epoll_event, kEventsPerTurn> events;
  while (take_posted()) {
    const int count = epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, wait_ms());
    for (int i = 0; i < count; ++i) {
      handle(events[static_cast<size_t>(i)].data.u64);
    }
    run_due();
  }
}

bool Prober::Loop::take_posted() {
  std::optional<Targets> posted;
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return false;
    posted = std::exchange(posted_, std::nullopt);
  }
  if (posted) replace(*std::move(posted));
  return true;
}

void Prober::Loop::replace(Targets targets) {
  std::map<BackendIdentity, uint64_t> numbers;
  for (const auto& [number, target] : targets_)
    numbers[target.what.backend] = number;
  std::map<uint64_t, Target> before = std::exchange(targets_, {});
  for (ProbeTarget& what : targets.targets) {
    const auto known = numbers.find(what.backend);
    const auto old = known == numbers.end() ? before.end() : before.find(known->second);
    if (old != before.end() && same_check(old->second.what.check, what.check)) {
      // Its probe goes on: tables that follow each other faster than probes end must not blind us.
      targets_.insert(before.extract(old));
      continue;
    }
    const auto told = targets.last_known.find(what.backend);
    HealthState state;
    if (old != before.end()) {
      state = old->second.state;
    } else if (told != targets.last_known.end()) {
      state = HealthState(told->second);
    }
    add(std::move(what), state);
  }
  for (const auto& [number, target] : before)
    timers_.erase({target.due, number});
}

void Prober::Loop::add(ProbeTarget what, const HealthState& state) {
  const uint64_t number = next_number_++;
  Target& target = targets_[number];
  target.what = std::move(what);
  target.state = state;
  const auto spread = std::min<nanoseconds>(kFirstProbeWithin, target.pause());
  std::uniform_int_distribution<int64_t> jitter(0, spread.count());
  schedule(number, target, Clock::now() + nanoseconds(jitter(random_)));
}

int Prober::Loop::wait_ms() const {
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first - Clock::now();
  return static_cast<int>(std::max<int64_t>(0, std::chrono::ceil<milliseconds>(left).count()));
}

void Prober::Loop::handle(uint64_t number) {
  if (number == kWakeUp) {
    uint64_t count;
    [[maybe_unused]] const ssize_t taken = read(wake_up_.get(), &count, sizeof count);
    return;
  }
  const auto found = targets_.find(number);
  if (found == targets_.end() || found->second.probe == nullptr) return;
  found->second.probe->advance();
  settle(number, found->second);
}

void Prober::Loop::run_due() {
  const auto now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const uint64_t number = timers_.begin()->second;
    timers_.erase(timers_.begin());
    Target& target = targets_.at(number);
    if (target.probe == nullptr) {
      begin(number, target);
    } else {
      target.probe.reset();
      target.last_failure = "timed out";
      settle(number, target);
    }
  }
}

void Prober::Loop::begin(uint64_t number, Target& target) {
  target.probe = std::make_unique<Probe>(target.what.backend.address, target.what.check);
  schedule(number, target,
           Clock::now() + length_of(target.what.check.timeout(), milliseconds(300)));
  settle(number, target);
}

// Waits on, or takes the result and plans the next probe.
void Prober::Loop::settle(uint64_t number, Target& target) {
  ProbeResult result = ProbeResult::kFailure;
  if (target.probe != nullptr) {
    const ProbeVerdict& verdict = target.probe->verdict();
    if (verdict.progress == ProbeProgress::kWaiting) {
      return watch(target.probe->descriptor(), target.probe->wanted_events(), number);
    }
    if (verdict.progress == ProbeProgress::kSuccess) result = ProbeResult::kSuccess;
    target.last_failure = verdict.failure;
    target.probe.reset();
  }
  const bool has_changed = target.state.observe(result, target.thresholds());
  schedule(number, target, Clock::now() + target.pause());
  if (has_changed) on_change_({target.what.backend, target.state.health(), reason_of(target)});
}

void Prober::Loop::schedule(uint64_t number, Target& target, Clock::time_point due) {
  timers_.erase({target.due, number});
  target.due = due;
  timers_.insert({due, number});
}

std::string Prober::Loop::reason_of(const Target& target) const {
  const HealthThresholds thresholds = target.thresholds();
  if (target.state.health() == Health::kUp)
    return fmt::format("{} probes succeeded", thresholds.rise);
  return fmt::format("{} probes failed: {}", thresholds.fall, target.last_failure);
}

absl::StatusOr<std::unique_ptr<Prober>> Prober::start(OnChange on_change) {
  Descriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  Descriptor wake_up(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!epoll.is_open() || !wake_up.is_open()) {
    return absl::ResourceExhaustedError(
        fmt::format("cannot start health probes: {}", std::strerror(errno)));
  }
  return std::unique_ptr<Prober>(new Prober(
      std::make_unique<Loop>(std::move(on_change), std::move(epoll), std::move(wake_up))));
}

Prober::Prober(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
Prober::~Prober() = default;

void Prober::set_targets(std::vector<ProbeTarget> targets,
                         const std::map<BackendIdentity, Health>& last_known) {
  loop_->post({std::move(targets), last_known});
}

}  // namespace sluice::dataplane
