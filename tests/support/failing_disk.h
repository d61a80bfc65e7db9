// SPDX-License-Identifier: Apache-2.0
//
// A disk for SQLite on which the n-th write or sync fails, and all after it.
#pragma once

namespace sluice::testing {

// While one exists, every database that is opened in this process is on it.
class FailingDisk {
 public:
  FailingDisk();
  ~FailingDisk();
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;

  // `count` further writes and syncs succeed.
  void fail_after(int count);
  void heal();
  // Whether a write or sync has failed since `fail_after`.
  bool has_failed() const;
};

}  // namespace sluice::testing
