// SPDX-License-Identifier: Apache-2.0
//
// Every gRPC code has the exit code that DESIGN section 8 gives it.
#include "controlplane/cli/exit_code.h"

#include <gtest/gtest.h>

namespace sluice::controlplane::cli {
namespace {

TEST(ExitCode, FollowsTheCodeOfTheServer) {
  const struct {
    grpc::StatusCode code;
    int exit_code;
  } kCases[] = {
      {grpc::StatusCode::OK, 0},
      {grpc::StatusCode::INVALID_ARGUMENT, 1},
      {grpc::StatusCode::FAILED_PRECONDITION, 1},
      {grpc::StatusCode::INTERNAL, 1},
      {grpc::StatusCode::UNIMPLEMENTED, 1},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, 1},
      {grpc::StatusCode::NOT_FOUND, 4},
      {grpc::StatusCode::PERMISSION_DENIED, 5},
      {grpc::StatusCode::UNAUTHENTICATED, 5},
      {grpc::StatusCode::ABORTED, 6},
      {grpc::StatusCode::ALREADY_EXISTS, 6},
      {grpc::StatusCode::DEADLINE_EXCEEDED, 7},
      {grpc::StatusCode::UNAVAILABLE, 8},
      {grpc::StatusCode::DATA_LOSS, 9},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(static_cast<int>(exit_code_of(one.code)), one.exit_code) << one.code;
  }
}

}  // namespace
}  // namespace sluice::controlplane::cli
