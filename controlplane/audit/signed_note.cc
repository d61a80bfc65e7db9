// SPDX-License-Identifier: Apache-2.0
//
// Texts with Ed25519 signatures below them.
#include "controlplane/audit/signed_note.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace sluice::controlplane {
namespace {

constexpr uint8_t kEd25519 = 0x01;  // the algorithm's number in key ids and texts
constexpr size_t kIdBytes = 4;
constexpr size_t kSignatureBytes = 64;
constexpr size_t kNoteBytesMax = 1'000'000;
constexpr size_t kSignaturesMax = 100;
constexpr absl::string_view kSignatureMark = "\u2014 ";  // an em dash

using KeyPointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const uint8_t* bytes_of(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

bool is_name(absl::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](unsigned char c) {
    return c <= ' ' || c == '+' || c == 0x7f;
  });
}

uint32_t load_be32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

void append_be32(uint32_t value, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift & 0xff));
}

std::string with_algorithm(std::span<const uint8_t, 32> public_key) {
  std::string bytes(1, static_cast<char>(kEd25519));
  bytes.append(reinterpret_cast<const char*>(public_key.data()), public_key.size());
  return bytes;
}

KeyPointer private_key(std::span<const uint8_t, 32> seed) {
  return {EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()),
          &EVP_PKEY_free};
}

bool verifies(const NoteKey& key, absl::string_view text, absl::string_view signature) {
  const KeyPointer pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                                    key.public_key.data(), key.public_key.size()),
                        &EVP_PKEY_free);
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return pkey != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                          text.size()) == 1;
}

struct SignatureLine {
  absl::string_view name;
  uint32_t key_id = 0;
  std::string signature;
};

absl::StatusOr<SignatureLine> parse_signature(absl::string_view line) {
  const absl::Status malformed = absl::InvalidArgumentError(
      "a line below the text is no signature of the form: — NAME BASE64");
  if (!absl::ConsumePrefix(&line, kSignatureMark)) return malformed;
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line, absl::MaxSplits(' ', 1));
  std::string bytes;
  if (!is_name(parts.first) || !absl::Base64Unescape(parts.second, &bytes) ||
      bytes.size() <= kIdBytes)
    return malformed;
  return SignatureLine{parts.first, load_be32(bytes_of(bytes)), bytes.substr(kIdBytes)};
}

}  // namespace

uint32_t NoteKey::id() const {
  const std::string bytes = absl::StrCat(name, "\n", with_algorithm(public_key));
  std::array<uint8_t, SHA256_DIGEST_LENGTH> hash;
  SHA256(bytes_of(bytes), bytes.size(), hash.data());
  return load_be32(hash.data());
}

std::string NoteKey::text() const {
  return absl::StrCat(name, "+", absl::Hex(id(), absl::kZeroPad8), "+",
                      absl::Base64Escape(with_algorithm(public_key)));
}

absl::StatusOr<NoteKey> NoteKey::parse(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('+', 2));
  std::string bytes;
  if (parts.size() != 3 || !is_name(parts[0]) || !absl::Base64Unescape(parts[2], &bytes) ||
      bytes.size() != 33) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CHexEscape(text), "\" is no key of the form NAME+ID+BASE64"));
  }
  if (static_cast<uint8_t>(bytes[0]) != kEd25519) {
    return absl::InvalidArgumentError(absl::StrCat("key ", parts[0], " is not of Ed25519"));
  }
  NoteKey key;
  key.name = std::string(parts[0]);
  std::copy_n(bytes_of(bytes) + 1, key.public_key.size(), key.public_key.begin());
  if (parts[1] != absl::StrCat(absl::Hex(key.id(), absl::kZeroPad8))) {
    return absl::InvalidArgumentError(
        absl::StrCat("key ", parts[0], " does not have the id ", parts[1], " that it says"));
  }
  return key;
}

NoteSigner::NoteSigner(NoteKey key, std::span<const uint8_t, 32> seed) : key_(std::move(key)) {
  std::copy(seed.begin(), seed.end(), seed_.begin());
}

absl::StatusOr<NoteSigner> NoteSigner::make(std::string name, std::span<const uint8_t, 32> seed) {
  if (!is_name(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a key cannot be named \"", absl::CHexEscape(name), "\": no spaces and no '+', please"));
  }
  NoteKey key{std::move(name)};
  size_t size = key.public_key.size();
  const KeyPointer pkey = private_key(seed);
  if (pkey == nullptr ||
      EVP_PKEY_get_raw_public_key(pkey.get(), key.public_key.data(), &size) != 1) {
    return absl::InternalError("OpenSSL does not know Ed25519");
  }
  return NoteSigner(std::move(key), seed);
}

absl::StatusOr<NoteSigner> NoteSigner::from_pem(absl::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  const auto no_password = [](char*, int, int, void*) { return 0; };
  const KeyPointer pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr),
                        &EVP_PKEY_free);
  std::array<uint8_t, 32> seed;
  std::array<uint8_t, 32> public_key;
  size_t seed_bytes = seed.size();
  size_t key_bytes = public_key.size();
  if (pkey == nullptr || EVP_PKEY_get_id(pkey.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_private_key(pkey.get(), seed.data(), &seed_bytes) != 1 ||
      EVP_PKEY_get_raw_public_key(pkey.get(), public_key.data(), &key_bytes) != 1) {
    return absl::InvalidArgumentError(
        "no private key of Ed25519 without a password; make one with: openssl genpkey -algorithm "
        "ed25519");
  }
  std::array<uint8_t, SHA256_DIGEST_LENGTH> hash;
  SHA256(public_key.data(), public_key.size(), hash.data());
  return make(absl::StrCat("sluice/", absl::Hex(load_be32(hash.data()), absl::kZeroPad8)), seed);
}

absl::StatusOr<std::string> NoteSigner::new_pem() {
  const KeyPointer pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free);
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  if (pkey == nullptr || bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), pkey.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return absl::UnavailableError("OpenSSL makes no key");
  }
  const char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

std::string NoteSigner::sign(absl::string_view text) const {
  const KeyPointer pkey = private_key(seed_);
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::array<uint8_t, kSignatureBytes> signature;
  size_t size = signature.size();
  EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey.get());
  EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(text), text.size());
  std::string bytes;
  append_be32(key_.id(), bytes);
  bytes.append(reinterpret_cast<const char*>(signature.data()), size);
  return absl::StrCat(kSignatureMark, key_.name, " ", absl::Base64Escape(bytes), "\n");
}

std::string make_note(absl::string_view text, std::span<const std::string> signatures) {
  std::string note = absl::StrCat(text, "\n");
  for (const std::string& signature : signatures)
    note += signature;
  return note;
}

absl::StatusOr<OpenedNote> open_note(absl::string_view note, std::span<const NoteKey> known) {
  const size_t end = note.rfind("\n\n");
  const bool has_form = note.size() <= kNoteBytesMax && end != absl::string_view::npos &&
                        end + 2 < note.size() && absl::EndsWith(note, "\n");
  if (!has_form) {
    return absl::InvalidArgumentError("no signed note: a text, an empty line, signatures");
  }
  OpenedNote opened{std::string(note.substr(0, end + 1))};
  absl::string_view below = note.substr(end + 2);
  below.remove_suffix(1);
  const std::vector<absl::string_view> lines = absl::StrSplit(below, '\n');
  if (lines.size() > kSignaturesMax) return absl::InvalidArgumentError("too many signatures");
  for (const absl::string_view line : lines) {
    const absl::StatusOr<SignatureLine> parsed = parse_signature(line);
    if (!parsed.ok()) return parsed.status();
    const auto key = std::find_if(known.begin(), known.end(), [&](const NoteKey& candidate) {
      return candidate.name == parsed->name && candidate.id() == parsed->key_id;
    });
    if (key == known.end()) continue;
    if (!verifies(*key, opened.text, parsed->signature)) {
      return absl::UnauthenticatedError(
          absl::StrCat("the signature of ", key->name, " is not of this text"));
    }
    if (std::find(opened.signed_by.begin(), opened.signed_by.end(), key->name) ==
        opened.signed_by.end())
      opened.signed_by.push_back(key->name);
  }
  if (opened.signed_by.empty()) {
    return absl::UnauthenticatedError("no key that is known signed it");
  }
  return opened;
}

}  // namespace sluice::controlplane
