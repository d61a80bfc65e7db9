// SPDX-License-Identifier: Apache-2.0
//
// Texts with Ed25519 signatures below them. Pure.
// Source: C2SP signed-note, https://c2sp.org/signed-note; the text forms of keys as in Go's
// golang.org/x/mod/sumdb/note.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::controlplane {

// Whose signatures are believed. Names have no spaces and no '+'.
struct NoteKey {
  std::string name;
  std::array<uint8_t, 32> public_key{};  // Ed25519

  // The first bytes of the hash of name and key, which a signature begins with.
  uint32_t id() const;
  // NAME+ID+KEY, as others' tools take it.
  std::string text() const;
  // Errors: INVALID_ARGUMENT (form, id, another algorithm).
  static absl::StatusOr<NoteKey> parse(absl::string_view text);
};

class NoteSigner {
 public:
  // Shape: `seed` is the private key of RFC 8032, 32 bytes.  Errors: INVALID_ARGUMENT (name).
  static absl::StatusOr<NoteSigner> make(std::string name, std::span<const uint8_t, 32> seed);
  // The PEM file of an Ed25519 private key, PKCS #8, as `openssl genpkey -algorithm ed25519` makes
  // it. The signer is named after the public key: "sluice/" and its hash's first 4 bytes.
  // Errors: INVALID_ARGUMENT.
  static absl::StatusOr<NoteSigner> from_pem(absl::string_view pem);
  // Such a file, of a new key.
  static absl::StatusOr<std::string> new_pem();

  const NoteKey& key() const noexcept { return key_; }
  // One line, with its end: what is put below the text.  Shape: `text` ends in a line's end.
  std::string sign(absl::string_view text) const;

 private:
  NoteSigner(NoteKey key, std::span<const uint8_t, 32> seed);

  NoteKey key_;
  std::array<uint8_t, 32> seed_{};
};

struct OpenedNote {
  std::string text;                    // with its last line's end
  std::vector<std::string> signed_by;  // names of known keys, in the note's order
};

// The note of a text and its signature lines.
std::string make_note(absl::string_view text, std::span<const std::string> signatures);

// Splits the note and checks every signature that one of `known` should have made; others are
// passed over.  Errors: INVALID_ARGUMENT (form), UNAUTHENTICATED (a known key's signature is wrong,
// or none is there).
absl::StatusOr<OpenedNote> open_note(absl::string_view note, std::span<const NoteKey> known);

}  // namespace sluice::controlplane
