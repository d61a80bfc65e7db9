// SPDX-License-Identifier: Apache-2.0
//
// Reads and checks the controller's configuration file.
#include "controlplane/daemon/settings.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/metrics/metrics_server.h"
#include "dataplane/yaml/nearest_name.h"
#include "dataplane/yaml/text_file.h"

namespace sluice::controlplane {
namespace {

constexpr char kListenDefault[] = "unix:/run/sluice/controller.sock";
constexpr std::string_view kSqlite = "sqlite:";
constexpr absl::Duration kRetentionDefault = absl::Hours(24 * 190);
constexpr absl::Duration kCheckpointIntervalDefault = absl::Seconds(5);
constexpr absl::Duration kSegmentIntervalDefault = absl::Minutes(1);
// Each segment is two files that retention keeps for long.
constexpr absl::Duration kSegmentIntervalMin = absl::Seconds(1);
constexpr absl::Duration kRetentionMin = absl::Hours(1);

// The checks of one file; each problem carries the line of the field, or of the nearest thing
// around it.
class Checker {
 public:
  explicit Checker(std::vector<YamlProblem>& problems) : problems_(problems) {}

  void note(const std::string& path, uint32_t line) { lines_[path] = line; }

  void problem(const std::string& path, const std::string& message) {
    std::string written = path;
    while (!written.empty() && !lines_.contains(written)) {
      const size_t end = written.find_last_of(".[");
      written.resize(end == std::string::npos ? 0 : end);
    }
    problems_.push_back({written.empty() ? 1 : lines_[written], path, message});
  }

  void endpoint(const std::string& path, const std::string& address, const TlsFiles& tls) {
    const absl::Status status = check_endpoint(address, tls);
    if (!status.ok()) problem(path, std::string(status.message()));
  }

 private:
  std::vector<YamlProblem>& problems_;
  std::map<std::string, uint32_t> lines_;
};

void check_nodes(const v1::ControllerConfig& config, const TlsFiles& tls, Checker& checker) {
  std::set<std::string> seen;
  for (int i = 0; i < config.nodes_size(); ++i) {
    const v1::NodeConfig& node = config.nodes(i);
    const bool is_known = seen.contains(node.name());
    const std::string place =
        absl::StrCat("nodes[", element_key(node.name(), static_cast<size_t>(i), seen), "]");
    if (!is_object_name(node.name())) {
      checker.problem(
          place + ".name",
          quote(node.name()) + " is no name; write `node` of that node's configuration");
    } else if (is_known) {
      checker.problem(place + ".name", quote(node.name()) + " is there twice");
    }
    checker.endpoint(place + ".address", node.address(), tls);
  }
}

void check_store(const std::string& store, Checker& checker) {
  const bool is_sqlite = store.rfind(kSqlite, 0) == 0;
  if (is_sqlite && store.size() > kSqlite.size()) return;
  if (store.rfind("etcd:", 0) == 0) {
    checker.problem("store", "etcd comes in a later version; sqlite:/var/lib/sluice/controller.db");
  } else {
    checker.problem("store", absl::StrCat(quote(store),
                                          " is no store; "
                                          "sqlite:/var/lib/sluice/controller.db"));
  }
}

absl::Duration length_of(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void check_audit(const v1::AuditConfig& audit, Checker& checker) {
  if (audit.directory().empty()) {
    checker.problem("audit.directory", "is missing; /var/lib/sluice/audit");
  }
  if (audit.has_retention() && length_of(audit.retention()) < kRetentionMin) {
    checker.problem("audit.retention", "is too short; at least 1h");
  }
  if (audit.has_checkpoint_interval() &&
      length_of(audit.checkpoint_interval()) <= absl::ZeroDuration()) {
    checker.problem("audit.checkpoint_interval", "must be longer than 0s");
  }
  if (audit.has_segment_interval() && length_of(audit.segment_interval()) < kSegmentIntervalMin)
    checker.problem("audit.segment_interval", "is too short; at least 1s");
}

void check_roles(const v1::ControllerConfig& config, const TlsFiles& tls, Checker& checker) {
  for (int i = 0; i < config.roles_size(); ++i) {
    const v1::RoleBinding& binding = config.roles(i);
    const std::string place = absl::StrCat("roles[", i, "]");
    if (binding.role() == v1::ROLE_UNSPECIFIED) {
      checker.problem(place + ".role", "is missing; viewer, operator, officer or admin");
    }
    if (binding.users().empty() && binding.names().empty()) {
      checker.problem(place, "names nobody; users: [1000] or names: [ann.example.net]");
    }
    if (std::find(binding.names().begin(), binding.names().end(), "") != binding.names().end()) {
      checker.problem(place + ".names", "an empty name is nobody's");
    }
  }
  const bool is_local = config.listen().rfind("unix:", 0) == 0;
  if (!config.roles().empty() && !is_local && tls.certificate.empty()) {
    checker.problem("roles", "callers of " + config.listen() +
                                 " cannot be told apart; listen on unix:PATH, or give tls");
  }
}

std::vector<std::string> notices_of(const v1::ControllerConfig& config) {
  std::vector<std::string> notices;
  if (config.nodes().empty()) notices.push_back("nodes: none is configured; nothing is pushed");
  return notices;
}

ControllerSettings to_settings(const v1::ControllerConfig& config, const TlsFiles& tls) {
  ControllerSettings settings;
  settings.listen = config.listen();
  settings.http = config.http();
  settings.tls = tls;
  for (const v1::NodeConfig& node : config.nodes()) {
    settings.nodes.push_back({node.name(), node.address()});
  }
  settings.store_path = config.store().substr(kSqlite.size());
  settings.audit_directory = config.audit().directory();
  settings.retention =
      config.audit().has_retention() ? length_of(config.audit().retention()) : kRetentionDefault;
  settings.checkpoint_interval = config.audit().has_checkpoint_interval()
                                     ? length_of(config.audit().checkpoint_interval())
                                     : kCheckpointIntervalDefault;
  settings.segment_interval = config.audit().has_segment_interval()
                                  ? length_of(config.audit().segment_interval())
                                  : kSegmentIntervalDefault;
  settings.signing_key = config.audit().signing_key();
  settings.log = config.log();
  settings.roles = {config.roles().begin(), config.roles().end()};
  settings.notices = notices_of(config);
  return settings;
}

}  // namespace

std::optional<ControllerSettings> parse_settings(const std::string& text,
                                                 std::vector<YamlProblem>& problems) {
  v1::ControllerConfig config;
  Checker checker(problems);
  const YamlReader reader = {
      .problems = &problems,
      .on_field = [&checker](const std::string& path, uint32_t line) { checker.note(path, line); },
  };
  read_document(text, config, reader);
  if (config.listen().empty()) config.set_listen(kListenDefault);
  const TlsFiles tls = {config.tls().certificate(), config.tls().key(), config.tls().client_ca()};
  checker.endpoint("listen", config.listen(), tls);
  check_nodes(config, tls, checker);
  check_store(config.store(), checker);
  check_audit(config.audit(), checker);
  check_roles(config, tls, checker);
  if (!config.http().empty()) {
    const absl::Status address = check_http_address(config.http());
    if (!address.ok()) checker.problem("http", std::string(address.message()));
  }
  if (!config.geo().mmdb().empty()) {
    checker.problem("geo.mmdb", "countries come in a later version; leave it empty");
  }
  if (!problems.empty()) return std::nullopt;
  return to_settings(config, tls);
}

absl::StatusOr<ControllerSettings> load_settings(const std::string& path) {
  const absl::StatusOr<std::string> text = read_text_file(path);
  if (!text.ok()) return text.status();
  std::vector<YamlProblem> problems;
  std::optional<ControllerSettings> settings = parse_settings(*text, problems);
  if (settings) return *std::move(settings);
  std::stable_sort(problems.begin(), problems.end(),
                   [](const YamlProblem& a, const YamlProblem& b) { return a.line < b.line; });
  std::string lines;
  for (const YamlProblem& problem : problems) {
    absl::StrAppend(&lines, lines.empty() ? "" : "\n", path, ":", problem.line, ": ", problem.path,
                    problem.path.empty() ? "" : ": ", problem.message);
  }
  return absl::InvalidArgumentError(lines);
}

}  // namespace sluice::controlplane
