// SPDX-License-Identifier: Apache-2.0
//
// EAL logs to a stream, prints its usage to standard output and lets getopt write to standard
// error: all three are taken.
#include "dataplane/port/dpdk_log.h"

#include <rte_log.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "absl/strings/str_join.h"

namespace sluice::dataplane {
namespace {

// Errors of the log since the capture began. DPDK offers no place for a pointer of ours in its
// stream's callback that outlives the stream, so it is here.
std::vector<std::string>& logged_errors() {
  static std::vector<std::string> errors;
  return errors;
}

ssize_t keep_errors(void*, const char* text, size_t size) {
  constexpr size_t kErrorsMax = 8;
  std::vector<std::string>& errors = logged_errors();
  if (rte_log_cur_msg_loglevel() <= static_cast<int>(RTE_LOG_ERR) && errors.size() < kErrorsMax) {
    std::string line(text, size);
    while (!line.empty() && line.back() == '\n')
      line.pop_back();
    std::ranges::replace(line, '\n', ' ');
    if (!line.empty()) errors.push_back(std::move(line));
  }
  return static_cast<ssize_t>(size);
}

// What getopt said about the arguments; empty when the first that was printed is something else.
std::string printed_complaint(int memory) {
  constexpr std::string_view kProgram = "sluice-dataplane: ";
  std::array<char, 1024> text;
  const ssize_t size = pread(memory, text.data(), text.size(), 0);
  if (size <= 0) return "";
  const std::string_view printed(text.data(), static_cast<size_t>(size));
  if (!printed.starts_with(kProgram)) return "";
  return std::string(printed.substr(kProgram.size(), printed.find('\n') - kProgram.size()));
}

}  // namespace

DpdkLogCapture::DpdkLogCapture() {
  logged_errors().clear();
  log_ = fopencookie(nullptr, "w", {.write = keep_errors});
  setvbuf(log_, nullptr, _IONBF, 0);
  rte_openlog_stream(log_);
  std::fflush(stdout);
  saved_output_ = dup(STDOUT_FILENO);
  saved_error_ = dup(STDERR_FILENO);
  memory_ = memfd_create("dpdk-output", MFD_CLOEXEC);
  dup2(memory_, STDOUT_FILENO);
  dup2(memory_, STDERR_FILENO);
}

DpdkLogCapture::~DpdkLogCapture() {
  std::fflush(stdout);
  dup2(saved_output_, STDOUT_FILENO);
  dup2(saved_error_, STDERR_FILENO);
  close(saved_output_);
  close(saved_error_);
  close(memory_);
  rte_openlog_stream(stderr);
  std::fclose(log_);
}

std::string DpdkLogCapture::complaint() const {
  std::fflush(stdout);
  std::vector<std::string> parts = logged_errors();
  if (std::string printed = printed_complaint(memory_); !printed.empty()) {
    parts.insert(parts.begin(), std::move(printed));
  }
  return absl::StrJoin(parts, "; ");
}

}  // namespace sluice::dataplane
