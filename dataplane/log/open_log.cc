// SPDX-License-Identifier: Apache-2.0
//
// Sets up spdlog: text for people, or one JSON object per line.
#include "dataplane/log/open_log.h"

#include <memory>
#include <string>

#include "grpc/support/log.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace sluice {
namespace {

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%e%z %l %v";
constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%*"})";

// The message with everything escaped that a JSON string may not hold.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    for (const char c : message.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        fmt::format_to(std::back_inserter(out), "\\{}", c);
      } else if (byte < 0x20) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
      } else {
        out.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

spdlog::level::level_enum level_of(v1::LogConfig::Level level) {
  switch (level) {
    case v1::LogConfig::LEVEL_TRACE:
      return spdlog::level::trace;
    case v1::LogConfig::LEVEL_DEBUG:
      return spdlog::level::debug;
    case v1::LogConfig::LEVEL_WARNING:
      return spdlog::level::warn;
    case v1::LogConfig::LEVEL_ERROR:
      return spdlog::level::err;
    default:
      return spdlog::level::info;
  }
}

// What gRPC calls an error is mostly a peer that hung up: worth a look, not an alarm.
void log_grpc(gpr_log_func_args* args) {
  spdlog::log(args->severity == GPR_LOG_SEVERITY_ERROR ? spdlog::level::warn : spdlog::level::debug,
              "grpc: {}", args->message);
}

}  // namespace

void open_log(const v1::LogConfig& config) {
  auto logger =
      std::make_shared<spdlog::logger>("sluice", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<JsonMessage>('*');
  formatter->set_pattern(config.format() == v1::LogConfig::FORMAT_JSON ? kJsonPattern
                                                                       : kTextPattern);
  logger->set_formatter(std::move(formatter));
  logger->set_level(level_of(config.level()));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  gpr_set_log_function(log_grpc);
}

}  // namespace sluice
