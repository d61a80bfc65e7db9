// SPDX-License-Identifier: Apache-2.0
//
// Puts every step of the control plane, and every segment of flow records, into the signed log.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/audit/record_store.h"
#include "controlplane/audit/tile_log.h"
#include "controlplane/store/event_log.h"

namespace sluice::controlplane {

// A thread signs once per interval what was written down since, so that whoever keeps a checkpoint
// can prove later what the controller said then. Events and segments wait in their stores until
// they are signed.
class Notary {
 public:
  // Opens the log in the folder and reads how far it is.
  // Errors: of TileLog::open; DATA_LOSS (an entry cannot be read).
  static absl::StatusOr<std::unique_ptr<Notary>> open(const std::string& folder, NoteSigner signer,
                                                      EventLog& events);
  ~Notary();

  // What the store of records has to know of the log, and to tell it.  Shape: before `start`.
  SignedSegments segments();
  const NoteKey& key() const { return log_.key(); }

  // Begins to sign. `records` was opened with `segments`.
  void start(RecordStore& records, absl::Duration interval);

 private:
  Notary(TileLog log, EventLog& events) : events_(events), log_(std::move(log)) {}
  absl::Status find_end();
  absl::Status look_back(const std::string& bytes);
  void run(absl::Duration interval);
  absl::Status sign_new();
  absl::Status sign_events();
  absl::Status sign_segments();
  absl::Status note_break(uint64_t segment);

  EventLog& events_;
  RecordStore* records_ = nullptr;
  TileLog log_;                // of the thread, likewise the rest up to the mutex
  uint64_t signed_until_ = 0;  // the last event's sequence
  bool has_parted_ = false;    // from the store of events
  bool agrees_ = false;        // with it, from this event on
  uint64_t last_segment_ = 0;
  std::optional<uint64_t> break_;  // behind the last segment, if the log has one
  std::string last_error_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// The signer whose private key is in the file, named after its public key. A file that is not there
// is made, for its owner alone.
// Errors: INVALID_ARGUMENT (no Ed25519 key), UNAVAILABLE (the file cannot be read or made).
absl::StatusOr<NoteSigner> load_or_make_signer(const std::string& path);

}  // namespace sluice::controlplane
