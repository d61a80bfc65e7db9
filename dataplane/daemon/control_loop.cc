// SPDX-License-Identifier: Apache-2.0
//
// Waits on signals and tasks with one poll.
#include "dataplane/daemon/control_loop.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <future>
#include <utility>

#include "fmt/format.h"

namespace sluice::dataplane {

absl::Status ControlLoop::open() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  signals_ = Descriptor(signalfd(-1, &ending, SFD_NONBLOCK | SFD_CLOEXEC));
  wake_up_ = Descriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (signals_.is_open() && wake_up_.is_open()) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("cannot wait for signals: {}", std::strerror(errno)));
}

void ControlLoop::run(std::chrono::milliseconds interval, const Task& tick) {
  std::array<pollfd, 2> ready{{{.fd = wake_up_.get(), .events = POLLIN, .revents = 0},
                               {.fd = signals_.get(), .events = POLLIN, .revents = 0}}};
  while (true) {
    poll(ready.data(), ready.size(), static_cast<int>(interval.count()));
    uint64_t count;
    [[maybe_unused]] const ssize_t taken = read(wake_up_.get(), &count, sizeof count);
    signalfd_siginfo signal;
    if (read(signals_.get(), &signal, sizeof signal) == sizeof signal) end();
    run_posted();
    {
      const std::lock_guard lock(mutex_);
      if (has_ended_ && posted_.empty()) return;
    }
    tick();
  }
}

void ControlLoop::run_posted() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks = std::exchange(posted_, {});
  }
  for (const Task& task : tasks)
    task();
}

void ControlLoop::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (has_ended_) return;
    posted_.push_back(std::move(task));
  }
  wake();
}

absl::Status ControlLoop::call(const std::function<absl::Status()>& task) {
  auto promise = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> result = promise->get_future();
  {
    const std::lock_guard lock(mutex_);
    if (has_ended_) return absl::CancelledError("the node is stopping");
    posted_.push_back([promise = std::move(promise), &task] { promise->set_value(task()); });
  }
  wake();
  return result.get();
}

void ControlLoop::end() {
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  wake();
}

void ControlLoop::wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_up_.get(), &one, sizeof one);
}

}  // namespace sluice::dataplane
