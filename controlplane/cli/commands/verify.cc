// SPDX-License-Identifier: Apache-2.0
//
// sluice audit verify: checks the signed log, and the flow records that it answers for, from files
// and public keys, with no controller.
#include <memory>

#include "controlplane/audit/entry_check.h"
#include "controlplane/audit/log_check.h"
#include "controlplane/audit/segment/folder_check.h"
#include "controlplane/audit/tiles.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

struct VerifyOptions {
  std::string folder;
  std::vector<std::string> keys;
  std::string since;
  std::string segments;
};

// All that is looked at, in one pass over the log.
struct Findings {
  EntryCheck entries;
  std::optional<FolderCheck> folder;
  absl::Status segments;  // the first that does not fit

  void add(uint64_t index, const std::string& entry) {
    const uint64_t breaks = entries.segments().breaks;
    const v1::SegmentHead* const head = entries.add(index, entry);
    if (!folder || !segments.ok()) return;
    if (entries.segments().breaks != breaks) folder->add_break();
    if (head != nullptr) segments = folder->add(*head);
  }
  void finish() {
    if (folder && segments.ok()) segments = folder->finish();
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

ExitCode open_segments(Session& session, const VerifyOptions& options, Findings& findings) {
  if (options.segments.empty()) return ExitCode::kOk;
  absl::StatusOr<FolderCheck> folder = FolderCheck::open(options.segments);
  if (!folder.ok()) return session.fail(ExitCode::kNotFound, folder.status());
  findings.folder = *std::move(folder);
  return ExitCode::kOk;
}

// The first thing that is not as it was signed, if any.
std::string problem_of(const VerifyOptions& options, const LogCheck& check,
                       const Findings& findings) {
  const uint64_t size = check.checkpoint.size;
  if (check.first_bad) {
    return fmt::format("{}: entry {} of {} does not fit: {}", options.folder, *check.first_bad,
                       size, check.problem);
  }
  const EntryCheck& entries = findings.entries;
  if (entries.first_bad()) {
    return fmt::format("{}: entry {} of {} was signed, and does not follow those before: {}",
                       options.folder, *entries.first_bad(), size, entries.problem());
  }
  return std::string(findings.segments.message());
}

void print_events(std::ostream& out, const EntryCheck::Events& events) {
  if (events.count != 0) {
    fmt::print(out, "events {} to {}, {} to {}\n", events.first.sequence(), events.last.sequence(),
               time_text(events.first.time()), time_text(events.last.time()));
  }
  if (events.restores != 0) {
    fmt::print(out,
               "the controller's store came back from a backup, times: {}; what it did after the "
               "backup is here all the same\n",
               events.restores);
  }
}

void print_segments(std::ostream& out, const Findings& findings) {
  const EntryCheck::Segments& segments = findings.entries.segments();
  if (segments.count != 0) {
    fmt::print(out, "segments of flow records: {}, with {} records; {} more never came\n",
               segments.count, segments.records, segments.missing);
  }
  if (segments.breaks != 0) {
    fmt::print(out,
               "segments break off, since records came back from an older copy or expired before "
               "they were signed, times: {}\n",
               segments.breaks);
  }
  if (!findings.folder) return;
  const FolderCheck& folder = *findings.folder;
  fmt::print(out, "segments that are here: {}, all {} records as they were signed; not here: {}\n",
             folder.segments(), folder.records(), folder.absent());
  if (!folder.unlogged().empty()) {
    fmt::print(out, "not in the log, or not yet, and not checked: {}\n",
               fmt::join(folder.unlogged(), ", "));
  }
}

ExitCode verify(Session& session, const VerifyOptions& options) {
  std::vector<NoteKey> keys;
  if (const ExitCode code = read_keys(session, options, keys); code != ExitCode::kOk) return code;
  std::optional<Checkpoint> kept;
  if (const ExitCode code = read_kept(session, options, keys, kept); code != ExitCode::kOk)
    return code;
  Findings findings;
  if (const ExitCode code = open_segments(session, options, findings); code != ExitCode::kOk)
    return code;
  const absl::StatusOr<LogCheck> check =
      check_log(options.folder, keys, kept,
                [&](uint64_t index, const std::string& entry) { findings.add(index, entry); });
  findings.finish();
  if (absl::IsNotFound(check.status())) return session.fail(ExitCode::kNotFound, check.status());
  if (!check.ok()) {
    return session.fail(
        ExitCode::kVerificationFailed,
        fmt::format("{}/checkpoint: {}", options.folder, std::string(check.status().message())));
  }
  const std::string problem = problem_of(options, *check, findings);
  if (!problem.empty()) return session.fail(ExitCode::kVerificationFailed, problem);
  fmt::print(session.out(), "{}: {} entries, every one as it was signed by {}\n", options.folder,
             check->checkpoint.size, fmt::join(check->signed_by, ", "));
  print_events(session.out(), findings.entries.events());
  print_segments(session.out(), findings);
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
      "sluice audit verify /var/lib/sluice/audit/log --key sluice/5a1c+7d2e9b40+AWmQ… "
      "--segments /var/lib/sluice/audit/segments --since checkpoint.kept",
      [options](Session& session) { return verify(session, *options); });
  verb.add_option("folder", options->folder,
                  "The log: audit.directory/log of a controller, or a copy")
      ->required();
  verb.add_option("--key", options->keys,
                  "Who must have signed it, as the controller's log says at its start; repeatable")
      ->required();
  verb.add_option("--since", options->since,
                  "A checkpoint file that was kept: the log must go on from it");
  verb.add_option("--segments", options->segments,
                  "Flow records to check too: audit.directory/segments, or a copy");
}

}  // namespace sluice::controlplane::cli
