// SPDX-License-Identifier: Apache-2.0
//
// DPDK's talk while ports come up, kept back so that a failure is told in one line.
#pragma once

#include <cstdio>
#include <string>

namespace sluice::dataplane {

// While it lives, DPDK's log and what its libraries print go to memory; afterwards DPDK logs to
// standard error. Thread: control; one at a time.
class DpdkLogCapture {
 public:
  DpdkLogCapture();
  ~DpdkLogCapture();
  DpdkLogCapture(const DpdkLogCapture&) = delete;
  DpdkLogCapture& operator=(const DpdkLogCapture&) = delete;

  // What was said as an error, joined by "; "; empty when nothing was.
  std::string complaint() const;

 private:
  FILE* log_ = nullptr;
  int memory_ = -1;  // of what is printed to descriptors 1 and 2
  int saved_output_ = -1;
  int saved_error_ = -1;
};

}  // namespace sluice::dataplane
