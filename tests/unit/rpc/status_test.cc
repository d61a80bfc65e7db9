// SPDX-License-Identifier: Apache-2.0
//
// Statuses keep code, message and detail on the way through gRPC.
#include "dataplane/rpc/status.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Status, EveryCodeSurvivesTheRoundTrip) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status before(static_cast<absl::StatusCode>(code), "why");

    const absl::Status after = from_grpc(to_grpc(before));

    EXPECT_EQ(before, after) << code;
  }
  EXPECT_TRUE(to_grpc(absl::OkStatus()).ok());
  EXPECT_TRUE(from_grpc(grpc::Status::OK).ok());
}

TEST(Status, DetailTravelsWithTheStatus) {
  v1::ErrorDetail detail;
  v1::Violation& violation = *detail.add_violations();
  violation.set_line(7);
  violation.set_path("Pool/chat.spec.table_slots");
  violation.set_message("not a prime");

  const grpc::Status status = to_grpc(absl::InvalidArgumentError("one violation"), detail);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_EQ(detail_of(status).violations_size(), 1);
  EXPECT_EQ(detail_of(status).violations(0).path(), "Pool/chat.spec.table_slots");
}

TEST(Status, ForeignDetailsAreNoDetail) {
  const grpc::Status status(grpc::StatusCode::UNAVAILABLE, "proxy says no",
                            "\x07\xff\xff not ours");

  EXPECT_EQ(detail_of(status).violations_size(), 0);
}

}  // namespace
}  // namespace sluice
