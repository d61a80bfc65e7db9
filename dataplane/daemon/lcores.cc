// SPDX-License-Identifier: Apache-2.0
//
// Asks EAL where the workers are.
#include "dataplane/daemon/lcores.h"

#include <pthread.h>
#include <rte_lcore.h>

#include <cstring>

#include "fmt/format.h"

namespace sluice::dataplane {

ControlProcessors::ControlProcessors() {
  CPU_ZERO(&allowed_);
  pthread_getaffinity_np(pthread_self(), sizeof allowed_, &allowed_);
}

absl::Status ControlProcessors::apply() const {
  cpu_set_t left = allowed_;
  unsigned lcore;
  RTE_LCORE_FOREACH_WORKER(lcore) {
    const cpu_set_t worker = rte_lcore_cpuset(lcore);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &worker)) CPU_CLR(cpu, &left);
    }
  }
  if (CPU_COUNT(&left) == 0) return absl::OkStatus();
  const int error = pthread_setaffinity_np(pthread_self(), sizeof left, &left);
  if (error == 0) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("cannot leave the workers' processors: {}", std::strerror(error)));
}

}  // namespace sluice::dataplane
