// SPDX-License-Identifier: Apache-2.0
//
// A status that carries its violations to the caller.
#include "controlplane/service/refusal.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/types/optional.h"
#include "dataplane/rpc/status.h"

namespace sluice::controlplane {
namespace {

constexpr char kDetailUrl[] = "type.googleapis.com/sluice.v1.ErrorDetail";

}  // namespace

void to_proto(const Violation& violation, v1::Violation& message) {
  message.set_file(violation.file);
  message.set_line(violation.line);
  message.set_path(violation.path);
  message.set_message(violation.message);
}

absl::Status refusal(absl::StatusCode code, absl::string_view summary,
                     const Violations& violations) {
  v1::ErrorDetail detail;
  for (const Violation& violation : violations)
    to_proto(violation, *detail.add_violations());
  absl::Status status(code, summary);
  status.SetPayload(kDetailUrl, absl::Cord(detail.SerializeAsString()));
  return status;
}

grpc::Status reply(const absl::Status& status) {
  v1::ErrorDetail detail;
  const absl::optional<absl::Cord> payload = status.GetPayload(kDetailUrl);
  if (payload.has_value()) detail.ParseFromString(std::string(*payload));
  return to_grpc(status, detail);
}

}  // namespace sluice::controlplane
