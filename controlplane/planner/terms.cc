// SPDX-License-Identifier: Apache-2.0
//
// The terms on which a change is asked for, as those who approve it see them.
#include "controlplane/planner/terms.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "dataplane/table/canonical_from_proto.h"
#include "dataplane/table/deterministic_from_proto.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

constexpr double kPartsPerPercent = 10'000;

}  // namespace

std::string terms_text(const v1::ApplyRequest& request) {
  std::vector<std::string> terms;
  if (request.change().strike()) terms.emplace_back("--strike");
  if (request.has_max_moved())
    terms.push_back(fmt::format("--max-moved {}%", request.max_moved() / kPartsPerPercent));
  if (request.has_confirm_within()) {
    const absl::Duration wait = absl::Seconds(request.confirm_within().seconds()) +
                                absl::Nanoseconds(request.confirm_within().nanos());
    terms.push_back(fmt::format("--confirm-within {}", absl::FormatDuration(wait)));
  }
  return absl::StrJoin(terms, " ");
}

std::string digest_on_terms(const std::string& plan_digest, const v1::ApplyRequest& request) {
  v1::ApplyRequest terms;
  if (request.has_max_moved()) terms.set_max_moved(request.max_moved());
  if (request.has_confirm_within()) *terms.mutable_confirm_within() = request.confirm_within();
  const std::string bytes = dataplane::deterministic_bytes(terms);
  if (bytes.empty()) return plan_digest;
  return dataplane::sha256(fmt::format("sluice plan on terms\n{}{}", plan_digest, bytes));
}

}  // namespace sluice::controlplane
