// SPDX-License-Identifier: Apache-2.0
//
// Runs a piece of a test in a process with its own network namespace, because DPDK starts once per
// process.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace sluice::dataplane {

// Runs `body` in a child and returns what it returned; "died: …" when the child did not come to its
// end. The child's network namespace and all processes that it started go with it.
std::string run_isolated(const std::function<std::string()>& body);

// Starts `body` in a child that shares this process's network namespace and stays until it is
// killed. Returns once `body` has called the function that it is given.
class Background {
 public:
  explicit Background(const std::function<void(const std::function<void()>& ready)>& body);
  ~Background();  // kill -9
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  void kill_now();
  pid_t id() const noexcept { return process_; }

 private:
  pid_t process_ = -1;
};

// Runs a shell command. The output of one that fails ends the test process with its text.
std::string shell(const std::string& command);
// True when the command succeeds.
bool succeeds(const std::string& command);

}  // namespace sluice::dataplane
