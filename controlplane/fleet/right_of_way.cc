// SPDX-License-Identifier: Apache-2.0
//
// Lets what cannot wait for any node go ahead of what does.
#include "controlplane/fleet/right_of_way.h"

#include "absl/strings/cord.h"

namespace sluice::controlplane {
namespace {

constexpr char kGivenWayUrl[] = "type.googleapis.com/sluice.v1.GivenWay";

}  // namespace

absl::Status given_way() {
  absl::Status status = absl::AbortedError("it gave way to a recall");
  status.SetPayload(kGivenWayUrl, absl::Cord());
  return status;
}

bool has_given_way(const absl::Status& status) {
  return status.GetPayload(kGivenWayUrl).has_value();
}

RightOfWay::Claim::Claim(RightOfWay& way) : way_(way) {
  const absl::MutexLock lock(&way_.mutex_);
  ++way_.claims_;
  for (Passage* passage : way_.passages_) {
    passage->is_over_ = true;
    for (grpc::ClientContext* call : passage->calls_)
      call->TryCancel();
  }
}

RightOfWay::Claim::~Claim() {
  const absl::MutexLock lock(&way_.mutex_);
  --way_.claims_;
}

RightOfWay::Passage::Passage(RightOfWay& way) : way_(way) {
  const absl::MutexLock lock(&way_.mutex_);
  is_over_ = way_.claims_ > 0;
  way_.passages_.insert(this);
}

RightOfWay::Passage::~Passage() {
  const absl::MutexLock lock(&way_.mutex_);
  way_.passages_.erase(this);
}

bool RightOfWay::Passage::is_over() const {
  const absl::MutexLock lock(&way_.mutex_);
  return is_over_;
}

bool RightOfWay::await_free(absl::Time end) {
  const absl::MutexLock lock(&mutex_);
  const auto is_free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return claims_ == 0; };
  return mutex_.AwaitWithDeadline(absl::Condition(&is_free), end);
}

PassingCall::PassingCall(RightOfWay::Passage* passage, grpc::ClientContext& context)
    : passage_(passage), context_(context) {
  if (passage_ == nullptr) return;
  const absl::MutexLock lock(&passage_->way_.mutex_);
  passage_->calls_.insert(&context_);
  if (passage_->is_over_) context_.TryCancel();
}

PassingCall::~PassingCall() {
  if (passage_ == nullptr) return;
  const absl::MutexLock lock(&passage_->way_.mutex_);
  passage_->calls_.erase(&context_);
}

}  // namespace sluice::controlplane
