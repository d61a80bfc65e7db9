// SPDX-License-Identifier: Apache-2.0
//
// Reads the PEM files of a TLS peer, so that a wrong one is named before gRPC hides the cause.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "dataplane/rpc/endpoint.h"

namespace sluice {

// The texts of the three files.
struct TlsTexts {
  std::string certificate;
  std::string key;
  std::string peer_ca;
};

// Errors: INVALID_ARGUMENT, one line: a file is not named, not readable or no PEM of its kind, or
// the key is not the certificate's.
absl::StatusOr<TlsTexts> read_tls_files(const TlsFiles& files);

}  // namespace sluice
