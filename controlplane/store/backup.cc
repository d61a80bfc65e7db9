// SPDX-License-Identifier: Apache-2.0
//
// A lost controller's store comes back from a backup, and how its copies are made.
#include "controlplane/store/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "controlplane/store/database_copy.h"
#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"

namespace sluice::controlplane {
namespace {

namespace fs = std::filesystem;

// 256 KiB: a change that comes meanwhile waits for the copying of so much, under a millisecond.
constexpr int kCopyPages = 64;
// Long enough that who waits for the lock gets it; a gigabyte takes a second longer by it.
constexpr absl::Duration kCopyPause = absl::Microseconds(200);

absl::Status raise_term(RevisionStore& store, const std::string& backup) {
  SharedDatabase& shared = *store.shared();
  const absl::MutexLock lock(&shared.mutex);
  absl::StatusOr<Transaction> transaction = Transaction::begin(shared.database);
  if (!transaction.ok()) return transaction.status();
  absl::Status status = shared.database.execute("UPDATE state SET term = term + 1");
  if (!status.ok()) return status;
  v1::Event event;
  event.set_kind("restore");
  event.set_actor("controller");
  event.set_target("controller");
  event.set_outcome(v1::Event::OUTCOME_DONE);
  event.set_reason("from " + backup);
  if (absl::Status written = insert_event(shared.database, event); !written.ok()) return written;
  return transaction->commit();
}

// The copy at `draft` becomes a restored store, or an error.
absl::StatusOr<Restored> prepare(const std::string& backup, const std::string& draft) {
  absl::StatusOr<std::unique_ptr<RevisionStore>> store = RevisionStore::open(draft);
  if (!store.ok()) {
    // What is wrong with the copy is wrong with the backup, and that is what the caller named.
    return absl::Status(store.status().code(),
                        absl::StrReplaceAll(store.status().message(), {{draft, backup}}));
  }
  if (absl::Status status = raise_term(**store, backup); !status.ok()) return status;
  const absl::StatusOr<StoredState> state = (*store)->load();
  if (!state.ok()) return state.status();
  return Restored{state->revision, state->generation, state->term};
}

// Of a file or of a folder.
absl::Status make_durable(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool is_durable = file >= 0 && ::fsync(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (is_durable) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(path.string(), ": cannot be made durable: ", std::strerror(error)));
}

void remove_all(const std::string& path) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    fs::remove(path + suffix, ignored);
}

}  // namespace

absl::StatusOr<std::string> RevisionStore::copy(const std::function<void()>& pause) {
  const absl::MutexLock lock(&mutex_);
  const std::string path = absl::StrCat(database_.path(), ".backup-", ++copies_);
  remove_all(path);  // of a controller that was killed
  absl::StatusOr<DatabaseCopy> copy = DatabaseCopy::begin(database_, path);
  absl::Status status = copy.status();
  while (status.ok()) {
    const absl::StatusOr<bool> is_complete = copy->advance(kCopyPages);
    status = is_complete.status();
    if (!status.ok() || *is_complete) break;
    mutex_.Unlock();
    pause != nullptr ? pause() : absl::SleepFor(kCopyPause);
    mutex_.Lock();
  }
  copy = absl::CancelledError();  // ends under the lock: the source knows of its copies
  if (status.ok()) return path;
  remove_all(path);
  return status;
}

absl::StatusOr<Restored> restore_store(const std::string& backup, const std::string& path) {
  std::error_code failure;
  if (fs::exists(path, failure)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": a store is there, and a restore does not overwrite it; move it away first"));
  }
  if (!fs::exists(backup, failure)) {
    return absl::NotFoundError(absl::StrCat(backup, ": there is no such file"));
  }
  const fs::path directory = fs::path(path).parent_path();
  if (!directory.empty()) fs::create_directories(directory, failure);
  const std::string draft = path + ".restore";
  remove_all(draft);
  fs::copy_file(backup, draft, failure);
  if (failure) return absl::UnavailableError(absl::StrCat(draft, ": ", failure.message()));
  absl::StatusOr<Restored> restored = prepare(backup, draft);
  if (restored.ok()) {
    absl::Status durable = make_durable(draft);
    if (durable.ok()) fs::rename(draft, path, failure);
    if (durable.ok() && !failure) durable = make_durable(directory.empty() ? "." : directory);
    if (!durable.ok()) restored = durable;
    if (failure) restored = absl::UnavailableError(absl::StrCat(path, ": ", failure.message()));
  }
  remove_all(draft);
  return restored;
}

}  // namespace sluice::controlplane
