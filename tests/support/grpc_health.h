// SPDX-License-Identifier: Apache-2.0
//
// What a server says of itself by grpc.health.v1. Its messages are written by hand: Debian has no
// grpc/health/v1/health.proto.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"

namespace sluice::testing {

// "SERVING", or the error or the answer's bytes for people.
inline std::string grpc_health(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  context.set_wait_for_ready(true);
  grpc::CompletionQueue queue;
  const grpc::ByteBuffer request(nullptr, 0);  // HealthCheckRequest: the server as a whole
  const auto call =
      stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool is_ok = false;
  queue.Next(&tag, &is_ok);
  if (!status.ok()) return status.error_message();
  grpc::Slice bytes;
  answer.DumpToSingleSlice(&bytes);
  const std::string text(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
  return text == "\x08\x01" ? "SERVING" : text;  // status (field 1) SERVING (1)
}

}  // namespace sluice::testing
