// SPDX-License-Identifier: Apache-2.0
//
// A disk for SQLite on which the n-th write or sync fails, and all after it.
#include "tests/support/failing_disk.h"

#include <sqlite3.h>

#include <atomic>
#include <climits>

namespace sluice::testing {
namespace {

std::atomic<int> operations_left{INT_MAX};
sqlite3_vfs* real_disk = nullptr;
sqlite3_vfs failing_disk;
sqlite3_io_methods failing_methods;

struct File {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* as_file(sqlite3_file* file) {
  return reinterpret_cast<File*>(file);
}

bool fails() {
  return operations_left.fetch_sub(1) <= 0;
}

template <auto Method, typename... Arguments>
int forward(sqlite3_file* file, Arguments... arguments) {
  sqlite3_file* real = as_file(file)->real();
  return (real->pMethods->*Method)(real, arguments...);
}

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  if (fails()) return SQLITE_IOERR_WRITE;
  return forward<&sqlite3_io_methods::xWrite>(file, bytes, size, offset);
}

int sync(sqlite3_file* file, int flags) {
  if (fails()) return SQLITE_IOERR_FSYNC;
  return forward<&sqlite3_io_methods::xSync>(file, flags);
}

int close(sqlite3_file* file) {
  sqlite3_file* real = as_file(file)->real();
  return real->pMethods == nullptr ? SQLITE_OK : real->pMethods->xClose(real);
}

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  sqlite3_file* real = as_file(file)->real();
  const int code = real_disk->xOpen(real_disk, name, real, flags, out_flags);
  file->pMethods = real->pMethods == nullptr ? nullptr : &failing_methods;
  return code;
}

// Version 1 has no shared memory: databases on this disk are opened in exclusive mode.
void fill_methods() {
  failing_methods.iVersion = 1;
  failing_methods.xClose = close;
  failing_methods.xRead = forward<&sqlite3_io_methods::xRead, void*, int, sqlite3_int64>;
  failing_methods.xWrite = write;
  failing_methods.xTruncate = forward<&sqlite3_io_methods::xTruncate, sqlite3_int64>;
  failing_methods.xSync = sync;
  failing_methods.xFileSize = forward<&sqlite3_io_methods::xFileSize, sqlite3_int64*>;
  failing_methods.xLock = forward<&sqlite3_io_methods::xLock, int>;
  failing_methods.xUnlock = forward<&sqlite3_io_methods::xUnlock, int>;
  failing_methods.xCheckReservedLock = forward<&sqlite3_io_methods::xCheckReservedLock, int*>;
  failing_methods.xFileControl = forward<&sqlite3_io_methods::xFileControl, int, void*>;
  failing_methods.xSectorSize = forward<&sqlite3_io_methods::xSectorSize>;
  failing_methods.xDeviceCharacteristics = forward<&sqlite3_io_methods::xDeviceCharacteristics>;
}

}  // namespace

FailingDisk::FailingDisk() {
  sqlite3_initialize();
  real_disk = sqlite3_vfs_find(nullptr);
  failing_disk = *real_disk;
  failing_disk.zName = "failing";
  failing_disk.szOsFile = real_disk->szOsFile + static_cast<int>(sizeof(File));
  failing_disk.xOpen = open;
  fill_methods();
  heal();
  sqlite3_vfs_register(&failing_disk, 1);
}

FailingDisk::~FailingDisk() {
  sqlite3_vfs_unregister(&failing_disk);
  sqlite3_vfs_register(real_disk, 1);
}

void FailingDisk::fail_after(int count) {
  operations_left = count;
}
void FailingDisk::heal() {
  operations_left = INT_MAX;
}
bool FailingDisk::has_failed() const {
  return operations_left < 0;
}

}  // namespace sluice::testing
