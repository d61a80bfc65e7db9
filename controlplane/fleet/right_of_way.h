// SPDX-License-Identifier: Apache-2.0
//
// Lets what cannot wait for any node go ahead of what does.
#pragma once

#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"

namespace sluice::controlplane {

// What ends a step that gave way; nothing came of it, and it may be tried again.
absl::Status given_way();
bool has_given_way(const absl::Status& status);

// A step that waits for nodes has a `Passage`; who cannot wait makes a `Claim`, which ends every
// passage at once: calls that nodes have not answered yet are cancelled, likewise those that
// would follow.  Thread: any.
class RightOfWay {
 public:
  class Claim {
   public:
    explicit Claim(RightOfWay& way);
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    RightOfWay& way_;
  };

  // One that begins during a claim is over from the beginning.
  class Passage {
   public:
    explicit Passage(RightOfWay& way);
    ~Passage();
    Passage(const Passage&) = delete;
    Passage& operator=(const Passage&) = delete;
    bool is_over() const;

   private:
    friend class RightOfWay;
    friend class PassingCall;
    RightOfWay& way_;
    bool is_over_;  // guarded by the way's mutex, likewise the calls
    std::set<grpc::ClientContext*> calls_;
  };

  // Waits until there is no claim.  Errors: false, there is one still at `end`.
  bool await_free(absl::Time end);

 private:
  friend class PassingCall;
  absl::Mutex mutex_;
  int claims_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<Passage*> passages_ ABSL_GUARDED_BY(mutex_);
};

// Ties a call to a passage for as long as it lives; null: it gives way to nobody.
class PassingCall {
 public:
  PassingCall(RightOfWay::Passage* passage, grpc::ClientContext& context);
  ~PassingCall();
  PassingCall(const PassingCall&) = delete;
  PassingCall& operator=(const PassingCall&) = delete;

 private:
  RightOfWay::Passage* passage_;
  grpc::ClientContext& context_;
};

}  // namespace sluice::controlplane
