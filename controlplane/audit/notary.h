// SPDX-License-Identifier: Apache-2.0
//
// Puts every step of the control plane into the signed log.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/audit/tile_log.h"
#include "controlplane/store/event_log.h"

namespace sluice::controlplane {

// A thread signs once per interval what was written down since, so that whoever keeps a checkpoint
// can prove later what the controller said then. Events wait in the store until they are signed.
class Notary {
 public:
  // Opens the log in the folder and reads how far it is.
  // Errors: of TileLog::open; DATA_LOSS (an entry cannot be read).
  static absl::StatusOr<std::unique_ptr<Notary>> start(const std::string& folder, NoteSigner signer,
                                                       EventLog& events, absl::Duration interval);
  ~Notary();

  const NoteKey& key() const { return log_.key(); }

 private:
  Notary(TileLog log, EventLog& events) : events_(events), log_(std::move(log)) {}
  absl::Status find_end();
  void run(absl::Duration interval);
  absl::Status sign_new();

  EventLog& events_;
  TileLog log_;                // of the thread, likewise the next two
  uint64_t signed_until_ = 0;  // the last event's sequence
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
