// SPDX-License-Identifier: Apache-2.0
//
// Turns the configuration file into settings, naming everything that is wrong at once.
#include "dataplane/daemon/settings.h"

#include <algorithm>
#include <set>

#include "dataplane/daemon/settings_reader.h"
#include "dataplane/metrics/metrics_server.h"
#include "dataplane/pipeline/core_context.h"
#include "dataplane/yaml/text_file.h"
#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kListenDefault[] = "unix:/run/sluice/dataplane.sock";
constexpr uint32_t kPortIdMax = kPortsMax - 1;
constexpr hours kIdleMax = hours(24) * 30;
constexpr seconds kSpinMax = seconds(1);
constexpr milliseconds kSleepMax = milliseconds(100);

// The paths of the ports as the YAML reader calls them.
std::vector<std::string> port_paths(const v1::DataplaneConfig& config) {
  std::vector<std::string> paths;
  std::set<std::string> seen;
  for (const v1::PortConfig& port : config.ports()) {
    paths.push_back(fmt::format("ports[{}]", element_key(port.name(), paths.size(), seen)));
  }
  return paths;
}

template <class Configs, class Read>
std::vector<StaticNeighbor> read_static(const std::string& path, const Configs& configs,
                                        SettingsReader& reader, const Read& address_of) {
  std::vector<StaticNeighbor> neighbors;
  std::set<IpAddress> seen;
  for (int i = 0; i < configs.size(); ++i) {
    const std::string element = fmt::format("{}[{}]", path, i);
    const auto& [field, text] = address_of(configs.Get(i));
    const auto address = reader.address(element + "." + field, text);
    const auto mac = reader.mac(element + ".mac", configs.Get(i).mac());
    if (address && !seen.insert(*address).second) {
      reader.problem(element + "." + field, fmt::format("{} stands here twice", text));
    }
    if (address && mac) neighbors.push_back({*address, *mac});
  }
  return neighbors;
}

std::vector<StaticNeighbor> read_neighbors(const std::string& path, const v1::PortConfig& config,
                                           SettingsReader& reader) {
  return read_static(path + ".neighbors", config.neighbors(), reader, [](const auto& neighbor) {
    return std::pair<const char*, std::string>("address", neighbor.address());
  });
}

std::vector<StaticNeighbor> read_gateways(const std::string& path, const v1::PortConfig& config,
                                          SettingsReader& reader) {
  std::vector<StaticNeighbor> gateways =
      read_static(path + ".gateways", config.gateways(), reader, [](const auto& gateway) {
        return std::pair<const char*, std::string>("via", gateway.via());
      });
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    if (std::count_if(gateways.begin(), gateways.end(), [&](const StaticNeighbor& gateway) {
          return gateway.address.family() == family;
        }) > 1) {
      reader.problem(path + ".gateways", fmt::format("one gateway for IPv{} is enough",
                                                     family == Family::kIpv4 ? 4 : 6));
    }
  }
  return gateways;
}

PortConfig read_port(const std::string& path, const v1::PortConfig& config,
                     SettingsReader& reader) {
  PortConfig port;
  port.id = static_cast<uint16_t>(reader.number(path + ".id", config.id(), {0, kPortIdMax, 0}));
  port.name = config.name();
  if (port.name.empty()) reader.problem(path + ".name", "is required");
  if (config.addresses().empty()) {
    reader.problem(path + ".addresses", "is required; tunnels need a source address");
  }
  for (int i = 0; i < config.addresses_size(); ++i) {
    const auto address =
        reader.interface_address(fmt::format("{}.addresses[{}]", path, i), config.addresses(i));
    if (address) port.addresses.push_back(*address);
  }
  const std::optional<uint32_t> mtu =
      config.has_mtu() ? std::optional<uint32_t>(config.mtu()) : std::nullopt;
  port.mtu = static_cast<uint16_t>(reader.number(path + ".mtu", mtu, {1280, 9600, 1500}));
  port.punt = config.punt() == v1::PortConfig::PUNT_NONE ? PuntMode::kNone : PuntMode::kKernel;
  port.neighbors = read_neighbors(path, config, reader);
  port.gateways = read_gateways(path, config, reader);
  return port;
}

void check_unique(const std::vector<PortConfig>& ports, const std::vector<std::string>& paths,
                  SettingsReader& reader) {
  std::set<uint16_t> ids;
  std::set<std::string> names;
  std::set<IpAddress> addresses;
  for (size_t i = 0; i < ports.size(); ++i) {
    const PortConfig& port = ports[i];
    const std::string& path = paths[i];
    if (!ids.insert(port.id).second) {
      reader.problem(path + ".id", fmt::format("{} is another port's", port.id));
    }
    if (!port.name.empty() && !names.insert(port.name).second) {
      reader.problem(path + ".name", fmt::format("\"{}\" is another port's", port.name));
    }
    for (const InterfaceAddress& address : port.addresses) {
      if (addresses.insert(address.address).second) continue;
      reader.problem(path + ".addresses",
                     fmt::format("{} stands here twice", address.address.to_string()));
    }
  }
}

PortSetConfig read_ports(const v1::DataplaneConfig& config, SettingsReader& reader) {
  PortSetConfig result;
  result.node = config.node();
  result.eal.assign(config.eal().begin(), config.eal().end());
  if (config.ports().empty()) reader.problem("ports", "is required; at least one");
  const std::vector<std::string> paths = port_paths(config);
  for (int i = 0; i < config.ports_size(); ++i) {
    result.ports.push_back(read_port(paths[static_cast<size_t>(i)], config.ports(i), reader));
  }
  check_unique(result.ports, paths, reader);
  const std::optional<uint32_t> buffers =
      config.has_buffers() ? std::optional<uint32_t>(config.buffers()) : std::nullopt;
  result.buffers = reader.number("buffers", buffers, {1024, 1u << 24, 131'072});
  return result;
}

FlowTimeouts read_timeouts(const v1::FlowConfig& flows, SettingsReader& reader) {
  const auto read = [&](const char* path, const google::protobuf::Duration* value, seconds unset) {
    return std::chrono::duration_cast<milliseconds>(
        reader.duration(path, value, {milliseconds(1), kIdleMax, unset}));
  };
  FlowTimeouts timeouts;
  timeouts.tcp_idle =
      read("flows.tcp_idle", flows.has_tcp_idle() ? &flows.tcp_idle() : nullptr, seconds(900));
  timeouts.tcp_closing = read(
      "flows.tcp_closing", flows.has_tcp_closing() ? &flows.tcp_closing() : nullptr, seconds(10));
  timeouts.tcp_opening = read(
      "flows.tcp_opening", flows.has_tcp_opening() ? &flows.tcp_opening() : nullptr, seconds(10));
  timeouts.udp_idle =
      read("flows.udp_idle", flows.has_udp_idle() ? &flows.udp_idle() : nullptr, seconds(60));
  return timeouts;
}

RuntimeConfig read_runtime(const v1::DataplaneConfig& config, SettingsReader& reader) {
  RuntimeConfig runtime;
  const v1::FlowConfig& flows = config.flows();
  const std::optional<uint32_t> capacity =
      flows.has_capacity() ? std::optional<uint32_t>(flows.capacity()) : std::nullopt;
  runtime.flow_capacity = reader.number("flows.capacity", capacity, {1024, 1u << 28, 1u << 20});
  runtime.timeouts = read_timeouts(flows, reader);
  const v1::IdleConfig& idle = config.idle();
  runtime.idle_spin = std::chrono::duration_cast<microseconds>(
      reader.duration("idle.spin", idle.has_spin() ? &idle.spin() : nullptr,
                      {microseconds(0), kSpinMax, microseconds(200)}));
  runtime.idle_sleep = std::chrono::duration_cast<microseconds>(
      reader.duration("idle.sleep", idle.has_sleep() ? &idle.sleep() : nullptr,
                      {microseconds(0), kSleepMax, microseconds(50)}));
  return runtime;
}

// The complaint names the TLS field itself when it is about one.
void check_listen(const NodeSettings& settings, SettingsReader& reader) {
  const absl::Status checked = check_endpoint(settings.listen, settings.tls);
  if (checked.ok()) return;
  const std::string message(checked.message());
  const size_t colon = message.find(": ");
  if (message.rfind("tls.", 0) != 0 || colon == std::string::npos)
    return reader.problem("listen", message);
  reader.problem(message.substr(0, colon), message.substr(colon + 2));
}

// The oldest records go by whole segments: an eighth at most.
SpoolLimits read_spool(const v1::RecordsConfig& records, SettingsReader& reader) {
  constexpr uint64_t kMegabyte = uint64_t{1} << 20;
  const std::optional<uint32_t> megabytes =
      records.has_spool_mb() ? std::optional<uint32_t>(records.spool_mb()) : std::nullopt;
  SpoolLimits limits;
  limits.total_bytes = reader.number("records.spool_mb", megabytes, {1, 1u << 20, 512}) * kMegabyte;
  limits.segment_bytes = std::min(limits.segment_bytes, limits.total_bytes / 8);
  return limits;
}

v1::LogConfig read_log(v1::LogConfig log) {
  if (log.level() == v1::LogConfig::LEVEL_UNSPECIFIED) log.set_level(v1::LogConfig::LEVEL_INFO);
  if (log.format() == v1::LogConfig::FORMAT_UNSPECIFIED) log.set_format(v1::LogConfig::FORMAT_TEXT);
  return log;
}

NodeSettings read_settings(const v1::DataplaneConfig& config, SettingsReader& reader) {
  NodeSettings settings;
  reader.check_name("node", config.node());
  settings.node = config.node();
  settings.ports = read_ports(config, reader);
  settings.runtime = read_runtime(config, reader);
  settings.listen = config.listen().empty() ? kListenDefault : config.listen();
  settings.tls = {config.tls().certificate(), config.tls().key(), config.tls().client_ca()};
  check_listen(settings, reader);
  settings.http = config.http();
  if (!settings.http.empty()) {
    const absl::Status address = check_http_address(settings.http);
    if (!address.ok()) reader.problem("http", std::string(address.message()));
  }
  if (!config.nat_addresses().empty()) {
    reader.problem("nat_addresses", "NAT is not built yet; leave the list empty");
  }
  settings.state_dir = config.state_dir();
  if (settings.state_dir.empty()) {
    reader.problem("state_dir", "is required; the last-good table and the records live there");
  }
  settings.spool = read_spool(config.records(), reader);
  settings.log = read_log(config.log());
  return settings;
}

}  // namespace

std::optional<NodeSettings> parse_settings(const std::string& text,
                                           std::vector<YamlProblem>& problems) {
  const size_t problems_before = problems.size();
  SettingsReader reader(problems);
  v1::DataplaneConfig config;
  read_document(text, config,
                {.problems = &problems, .on_field = [&](const std::string& path, uint32_t line) {
                   reader.note(path, line);
                 }});
  NodeSettings settings = read_settings(config, reader);
  if (problems.size() == problems_before) return settings;
  std::stable_sort(problems.begin() + static_cast<ptrdiff_t>(problems_before), problems.end(),
                   [](const YamlProblem& a, const YamlProblem& b) { return a.line < b.line; });
  return std::nullopt;
}

absl::StatusOr<NodeSettings> load_settings(const std::string& path) {
  const absl::StatusOr<std::string> text = read_text_file(path);
  if (!text.ok()) return text.status();
  std::vector<YamlProblem> problems;
  if (std::optional<NodeSettings> settings = parse_settings(*text, problems)) return *settings;

  std::vector<std::string> lines;
  for (const YamlProblem& problem : problems) {
    lines.push_back(
        problem.path.empty()
            ? fmt::format("{}:{}: {}", path, problem.line, problem.message)
            : fmt::format("{}:{}: {}: {}", path, problem.line, problem.path, problem.message));
  }
  return absl::InvalidArgumentError(fmt::format("{}", fmt::join(lines, "\n")));
}

}  // namespace sluice::dataplane
