// SPDX-License-Identifier: Apache-2.0
//
// On what terms a change is applied: options that apply, delete and rollback share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "controlplane/cli/verbs.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane::cli {

struct ApplyTerms {
  std::string author;  // empty: whoever asks
  std::string message;
  std::string ticket;
  std::optional<uint32_t> max_moved;  // of 1000000
  absl::Duration confirm_within;      // zero: not given
  bool breaks_glass = false;
  bool strikes = false;
};

// -m --author --ticket --max-moved --confirm-within --strike --break-glass --reason
void add_terms(CLI::App& verb, ApplyTerms& terms);
// What is not given stays as `request` has it.
void set_terms(const ApplyTerms& terms, v1::ApplyRequest& request);
void set_terms(const ApplyTerms& terms, v1::RollbackRequest& request);

}  // namespace sluice::controlplane::cli
