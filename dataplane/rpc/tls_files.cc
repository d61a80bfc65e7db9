// SPDX-License-Identifier: Apache-2.0
//
// Reads and proves the PEM files of a TLS peer with libcrypto.
#include "dataplane/rpc/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

absl::StatusOr<std::string> read_file(const std::string& field, const std::string& path) {
  if (path.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ": not given; TLS needs a certificate, its key and the CA of the peers"));
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": cannot read ", path, ": ", std::strerror(errno ? errno : EIO)));
  }
  return text.str();
}

Owned<BIO> open_text(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Owned<X509> parse_certificate(const std::string& text) {
  const Owned<BIO> bio = open_text(text);
  return Owned<X509>(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Owned<EVP_PKEY> parse_key(const std::string& text) {
  // An encrypted key is refused here: without a callback libcrypto would ask on the terminal.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  const Owned<BIO> bio = open_text(text);
  return Owned<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
}

absl::Status no_pem(const std::string& field, const std::string& path, const std::string& kind) {
  ERR_clear_error();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", path, " holds no ", kind, " in PEM form"));
}

absl::Status prove(const TlsFiles& files, const TlsTexts& texts) {
  const Owned<X509> certificate = parse_certificate(texts.certificate);
  if (!certificate) return no_pem("tls.certificate", files.certificate, "certificate");
  const Owned<EVP_PKEY> key = parse_key(texts.key);
  if (!key) return no_pem("tls.key", files.key, "unencrypted private key");
  if (!parse_certificate(texts.peer_ca)) {
    return no_pem("tls.client_ca", files.peer_ca, "certificate");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("tls.key: ", files.key, " is not the key of ", files.certificate));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TlsTexts> read_tls_files(const TlsFiles& files) {
  absl::StatusOr<std::string> certificate = read_file("tls.certificate", files.certificate);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> key = read_file("tls.key", files.key);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> peer_ca = read_file("tls.client_ca", files.peer_ca);
  if (!peer_ca.ok()) return peer_ca.status();

  TlsTexts texts{*std::move(certificate), *std::move(key), *std::move(peer_ca)};
  if (absl::Status proved = prove(files, texts); !proved.ok()) return proved;
  return texts;
}

}  // namespace sluice
