// SPDX-License-Identifier: Apache-2.0
//
// A certificate authority for tests, in a directory that goes away with it.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <filesystem>
#include <string>

#include "dataplane/rpc/endpoint.h"

namespace sluice {

class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  // Files of a peer whose certificate this authority signed, for "localhost" and 127.0.0.1; it
  // trusts this authority.
  TlsFiles issue(const std::string& common_name);
  std::string certificate_path() const { return (directory_ / "ca.pem").string(); }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
  EVP_PKEY* key_ = nullptr;
  X509* certificate_ = nullptr;
  long serial_ = 1;
};

}  // namespace sluice
