// SPDX-License-Identifier: Apache-2.0
//
// Makes keys and certificates with libcrypto.
#include "tests/unit/rpc/test_authority.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>

namespace sluice {
namespace {

constexpr long kLifetimeSeconds = 3600;

EVP_PKEY* make_key() {
  return EVP_EC_gen("P-256");
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* make_certificate(const std::string& common_name, EVP_PKEY* key, long serial) {
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kLifetimeSeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), kLifetimeSeconds);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  return certificate;
}

void write_certificate(const std::filesystem::path& path, X509* certificate) {
  FILE* file = std::fopen(path.c_str(), "w");
  PEM_write_X509(file, certificate);
  std::fclose(file);
}

void write_key(const std::filesystem::path& path, EVP_PKEY* key) {
  FILE* file = std::fopen(path.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name) {
  std::string pattern = (std::filesystem::temp_directory_path() / "sluice_ca_XXXXXX").string();
  directory_ = mkdtemp(pattern.data());
  key_ = make_key();
  certificate_ = make_certificate(name, key_, serial_++);
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  add_extension(certificate_, certificate_, NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(certificate_, key_, EVP_sha256());
  write_certificate(certificate_path(), certificate_);
}

TestAuthority::~TestAuthority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

TlsFiles TestAuthority::issue(const std::string& common_name) {
  EVP_PKEY* key = make_key();
  X509* certificate = make_certificate(common_name, key, serial_++);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
  add_extension(certificate, certificate_, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  X509_sign(certificate, key_, EVP_sha256());
  const TlsFiles files{.certificate = (directory_ / (common_name + ".pem")).string(),
                       .key = (directory_ / (common_name + ".key")).string(),
                       .peer_ca = certificate_path()};
  write_certificate(files.certificate, certificate);
  write_key(files.key, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return files;
}

}  // namespace sluice
