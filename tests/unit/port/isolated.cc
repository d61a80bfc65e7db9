// SPDX-License-Identifier: Apache-2.0
//
// Processes with namespaces of their own; whatever happens, the kernel takes the namespaces back
// with them.
#include "isolated.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace sluice::dataplane {
namespace {

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> part;
  ssize_t size = 0;
  while ((size = read(fd, part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<size_t>(size));
  }
  return text;
}

void write_all(int fd, const std::string& text) {
  if (write(fd, text.data(), text.size()) < 0) _exit(1);
}

}  // namespace

std::string run_isolated(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return "no pipe";
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ends[0]);
    if (unshare(CLONE_NEWNET) != 0) _exit(2);
    // An exception must not reach the caller's frames, which belong to the parent.
    try {
      write_all(ends[1], body() + ".");
    } catch (const std::exception& error) {
      write_all(ends[1], std::string(error.what()) + ".");
    }
    std::fflush(nullptr);
    _exit(0);
  }
  close(ends[1]);
  std::string answer = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (answer.empty()) return "died: status " + std::to_string(status);
  answer.pop_back();  // the full stop that tells an empty answer from none
  return answer;
}

Background::Background(const std::function<void(const std::function<void()>& ready)>& body) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return;
  std::fflush(nullptr);
  process_ = fork();
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ends[0]);
    body([&] { write_all(ends[1], "r"); });
    while (true)
      pause();
  }
  close(ends[1]);
  char ready = 0;
  if (read(ends[0], &ready, 1) != 1) kill_now();
  close(ends[0]);
}

Background::~Background() {
  kill_now();
}

void Background::kill_now() {
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

std::string shell(const std::string& command) {
  FILE* output = popen((command + " 2>&1").c_str(), "r");
  std::string text = read_all(fileno(output));
  if (pclose(output) != 0) {
    std::fprintf(stderr, "%s: %s\n", command.c_str(), text.c_str());
    std::abort();
  }
  return text;
}

bool succeeds(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace sluice::dataplane
