// SPDX-License-Identifier: Apache-2.0
//
// sluice compile: policy files into a forwarding table that a node boots from, with no controller.
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "controlplane/cli/commands/change.h"
#include "controlplane/cli/commands/local_policy.h"
#include "controlplane/cli/input_files.h"
#include "controlplane/cli/render/message.h"
#include "dataplane/table/deterministic_from_proto.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

constexpr size_t kKeyBytes = 16;

struct CompileOptions {
  std::vector<std::string> files;
  std::string out;
  std::string key_file;
  uint64_t generation = 1;
  uint64_t revision = 1;
  std::string format = "binpb";
};

// 16 bytes as they are, or 32 hexadecimal digits and perhaps a newline.
absl::StatusOr<std::string> read_key(const std::string& name) {
  absl::StatusOr<std::string> content = read_file(name);
  if (!content.ok() || content->size() == kKeyBytes) return content;
  const absl::string_view digits = absl::StripTrailingAsciiWhitespace(*content);
  const bool is_hexadecimal =
      digits.size() == 2 * kKeyBytes &&
      digits.find_first_not_of("0123456789abcdefABCDEF") == absl::string_view::npos;
  if (is_hexadecimal) return absl::HexStringToBytes(digits);
  return absl::InvalidArgumentError(
      name + " is no steering key: it needs 16 bytes or 32 hexadecimal digits");
}

ExitCode compile(Session& session, const CompileOptions& options) {
  TableHeader header;
  header.generation = options.generation;
  header.revision = options.revision;
  header.steering_key = test_steering_key();
  if (!options.key_file.empty()) {
    const absl::StatusOr<std::string> key = read_key(options.key_file);
    if (!key.ok()) return session.fail(ExitCode::kError, key.status());
    header.steering_key = *key;
  }
  v1::ForwardingTable table;
  const ExitCode code = compile_files(session, options.files, header, table);
  if (code != ExitCode::kOk) return code;

  const bool is_json = options.format == "json";
  const std::string content =
      is_json ? document_of(table, Unset::kOmit).to_json() : dataplane::deterministic_bytes(table);
  const absl::Status written = write_file(options.out, content, session.out());
  if (!written.ok()) return session.fail(ExitCode::kError, written);
  if (options.out != "-") {
    fmt::print(session.err(), "{}: generation {}, {} services, {} pools\n", options.out,
               table.generation(), table.services_size(), table.pools_size());
  }
  return ExitCode::kOk;
}

}  // namespace

void add_compile(Verbs& verbs) {
  const auto options = std::make_shared<CompileOptions>();
  CLI::App& verb = verbs.add(
      "compile", "Compile policy files into a forwarding table; needs no controller",
      "sluice compile -f policy.yaml -o table.binpb && sluice-dataplane --table table.binpb",
      [options](Session& session) { return compile(session, *options); });
  add_files(verb, options->files);
  verb.get_option("--filename")->required();
  verb.add_option("-o,--out", options->out, "The table; - is standard output")
      ->required()
      ->type_name("FILE");
  verb.add_option("--key", options->key_file,
                  "Steering key: 16 bytes or 32 hexadecimal digits; default a documented test key")
      ->type_name("FILE");
  verb.add_option("--generation", options->generation, "Default 1")->check(positive());
  verb.add_option("--revision", options->revision, "Default 1")->check(positive());
  verb.add_option("--format", options->format, "binpb, which nodes read, or json")
      ->check(CLI::IsMember({"binpb", "json"}));
}

}  // namespace sluice::controlplane::cli
