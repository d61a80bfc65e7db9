// SPDX-License-Identifier: Apache-2.0
//
// sluice audit verify: checks the signed log from its files and public keys, with no controller.
#include <memory>

#include "controlplane/audit/log_check.h"
#include "controlplane/audit/tiles.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"
#include "sluice/v1/log.pb.h"

namespace sluice::controlplane::cli {
namespace {

struct VerifyOptions {
  std::string folder;
  std::vector<std::string> keys;
  std::string since;
};

// What the entries say, beside that they are those that were signed.
struct EventsSeen {
  uint64_t count = 0;
  uint64_t next = 1;  // sequence
  uint64_t restores = 0;
  v1::Event first, last;
  std::optional<uint64_t> first_bad;  // an entry that is no event, or not the next one

  void add(uint64_t index, const std::string& bytes) {
    v1::LogEntry entry;
    if (!entry.ParseFromString(bytes)) return blame(index);
    if (entry.has_restored()) {
      next = entry.restored().sequence() + 1;
      ++restores;
      return;
    }
    if (entry.event().sequence() != next) return blame(index);
    ++next;
    if (count++ == 0) first = entry.event();
    last = entry.event();
  }
  void blame(uint64_t index) {
    if (!first_bad) first_bad = index;
  }
};

ExitCode read_keys(Session& session, const VerifyOptions& options, std::vector<NoteKey>& keys) {
  for (const std::string& text : options.keys) {
    absl::StatusOr<NoteKey> key = NoteKey::parse(text);
    if (!key.ok()) {
      return session.fail(ExitCode::kUsage, "--key: " + std::string(key.status().message()));
    }
    keys.push_back(*std::move(key));
  }
  return ExitCode::kOk;
}

// A checkpoint that somebody kept is believed only if the same keys signed it.
ExitCode read_kept(Session& session, const VerifyOptions& options, const std::vector<NoteKey>& keys,
                   std::optional<Checkpoint>& kept) {
  if (options.since.empty()) return ExitCode::kOk;
  const absl::StatusOr<std::string> note = read_file(options.since);
  if (!note.ok()) return session.fail(ExitCode::kNotFound, note.status());
  const absl::StatusOr<OpenedNote> opened = open_note(*note, keys);
  absl::StatusOr<Checkpoint> checkpoint =
      opened.ok() ? Checkpoint::parse(opened->text) : opened.status();
  if (!checkpoint.ok()) {
    return session.fail(
        ExitCode::kVerificationFailed,
        fmt::format("{}: {}", options.since, std::string(checkpoint.status().message())));
  }
  kept = *std::move(checkpoint);
  return ExitCode::kOk;
}

ExitCode verify(Session& session, const VerifyOptions& options) {
  std::vector<NoteKey> keys;
  if (const ExitCode code = read_keys(session, options, keys); code != ExitCode::kOk) return code;
  std::optional<Checkpoint> kept;
  if (const ExitCode code = read_kept(session, options, keys, kept); code != ExitCode::kOk)
    return code;
  EventsSeen seen;
  const absl::StatusOr<LogCheck> check =
      check_log(options.folder, keys, kept,
                [&](uint64_t index, const std::string& entry) { seen.add(index, entry); });
  if (absl::IsNotFound(check.status())) return session.fail(ExitCode::kNotFound, check.status());
  if (!check.ok()) {
    return session.fail(
        ExitCode::kVerificationFailed,
        fmt::format("{}/checkpoint: {}", options.folder, std::string(check.status().message())));
  }
  if (check->first_bad) {
    return session.fail(ExitCode::kVerificationFailed,
                        fmt::format("{}: entry {} of {} does not fit: {}", options.folder,
                                    *check->first_bad, check->checkpoint.size, check->problem));
  }
  if (seen.first_bad) {
    return session.fail(
        ExitCode::kVerificationFailed,
        fmt::format("{}: entry {} was signed, and is not the event that follows the one before it",
                    options.folder, *seen.first_bad));
  }
  fmt::print(session.out(), "{}: {} entries, every one as it was signed by {}\n", options.folder,
             check->checkpoint.size, fmt::join(check->signed_by, ", "));
  if (seen.count != 0) {
    fmt::print(session.out(), "events {} to {}, {} to {}\n", seen.first.sequence(),
               seen.last.sequence(), time_text(seen.first.time()), time_text(seen.last.time()));
  }
  if (seen.restores != 0) {
    fmt::print(session.out(),
               "the controller's store came back from a backup, times: {}; what it did after the "
               "backup is here all the same\n",
               seen.restores);
  }
  if (kept) {
    fmt::print(session.out(), "it goes on from the {} entries that were kept in {}\n", kept->size,
               options.since);
  }
  return ExitCode::kOk;
}

}  // namespace

void add_audit_verify(Verbs& verbs, CLI::App& audit) {
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App& verb = verbs.add_below(
      audit, "verify", "Check that nothing of the signed log was changed; needs no controller",
      "sluice audit verify /var/lib/sluice/audit/log --key "
      "sluice/5a1c+7d2e9b40+AWmQ… --since checkpoint.kept",
      [options](Session& session) { return verify(session, *options); });
  verb.add_option("folder", options->folder,
                  "The log: audit.directory/log of a controller, or a copy")
      ->required();
  verb.add_option("--key", options->keys,
                  "Who must have signed it, as the controller's log says at its start; repeatable")
      ->required();
  verb.add_option("--since", options->since,
                  "A checkpoint file that was kept: the log must go on from it");
}

}  // namespace sluice::controlplane::cli
