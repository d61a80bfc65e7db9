// SPDX-License-Identifier: Apache-2.0
//
// Reads as much of HTTP/1.1 as a probe needs.  Source: RFC 9112.
#include "dataplane/daemon/http_answer.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

constexpr size_t kBodyBytesMax = 64 * 1024;
constexpr size_t kHeadBytesMax = 16 * 1024;
constexpr uint32_t kStatusDefault = 200;

struct Head {
  uint32_t status = 0;
  bool is_chunked = false;
  std::optional<size_t> content_length;
  std::string_view rest;  // after the empty line
};

struct Body {
  std::string text;  // at most kBodyBytesMax
  bool is_complete = false;
};

template <class T>
std::optional<T> parse_number(std::string_view text, int base) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

void read_header(std::string_view line, Head& head) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = lower(line.substr(0, colon));
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (name == "content-length") head.content_length = parse_number<size_t>(value, 10);
  if (name == "transfer-encoding")
    head.is_chunked = lower(value).find("chunked") != std::string::npos;
}

// Errors: nullopt when `text` does not begin with a status line.
std::optional<Head> parse_head(std::string_view text, size_t length) {
  Head head;
  if (text.size() < 12 || text.substr(0, 7) != "HTTP/1." || text[8] != ' ') return std::nullopt;
  const auto status = parse_number<uint32_t>(text.substr(9, 3), 10);
  if (!status) return std::nullopt;
  head.status = *status;
  head.rest = text.substr(length + 4);
  std::string_view lines = text.substr(0, length);
  while (true) {
    const size_t end = lines.find("\r\n");
    if (end == std::string_view::npos) return head;
    lines.remove_prefix(end + 2);
    read_header(lines.substr(0, lines.find("\r\n")), head);
  }
}

Body unchunk(std::string_view rest) {
  Body body;
  while (body.text.size() < kBodyBytesMax) {
    const size_t line_end = rest.find("\r\n");
    const auto size = parse_number<size_t>(rest, 16);
    if (line_end == std::string_view::npos || !size) return body;
    rest.remove_prefix(line_end + 2);
    if (*size == 0) {
      body.is_complete = true;
      return body;
    }
    body.text.append(rest.substr(0, *size));
    if (rest.size() < *size + 2) return body;
    rest.remove_prefix(*size + 2);
  }
  return body;
}

Body read_body(const Head& head, StreamEnd end) {
  Body body;
  if (head.is_chunked) {
    body = unchunk(head.rest);
  } else {
    const size_t length = head.content_length.value_or(std::string_view::npos);
    body.text = std::string(head.rest.substr(0, length));
    body.is_complete = body.text.size() == length;
  }
  if (body.text.size() >= kBodyBytesMax) {
    body.text.resize(kBodyBytesMax);
    body.is_complete = true;
  }
  body.is_complete = body.is_complete || end == StreamEnd::kClosed;
  return body;
}

ProbeVerdict failure(std::string why) {
  return {ProbeProgress::kFailure, std::move(why)};
}

bool is_expected(const v1::HttpProbe& probe, uint32_t status) {
  const auto& expected = probe.expect_status();
  if (expected.empty()) return status == kStatusDefault;
  return std::find(expected.begin(), expected.end(), status) != expected.end();
}

ProbeVerdict judge_body(const v1::HttpProbe& probe, const Body& body) {
  if (body.text.find(probe.expect_body()) != std::string::npos)
    return {ProbeProgress::kSuccess, ""};
  if (!body.is_complete) return {};
  return failure(fmt::format("the body does not contain \"{}\"", probe.expect_body()));
}

}  // namespace

std::string http_request(const v1::HttpProbe& probe, const std::string& address) {
  const bool is_ipv6 = address.find(':') != std::string::npos;
  const std::string host = !probe.host().empty() ? probe.host()
                           : is_ipv6             ? fmt::format("[{}]", address)
                                                 : address;
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: sluice-probe\r\nAccept: */*\r\nConnection: "
      "close\r\n\r\n",
      probe.path().empty() ? "/" : probe.path(), host);
}

ProbeVerdict judge_http_answer(const v1::HttpProbe& probe, std::string_view received,
                               StreamEnd end) {
  while (true) {
    const size_t head_length = received.find("\r\n\r\n");
    if (head_length == std::string_view::npos) {
      if (end == StreamEnd::kClosed) return failure("closed before an answer");
      return received.size() > kHeadBytesMax ? failure("no end of the HTTP headers")
                                             : ProbeVerdict{};
    }
    const std::optional<Head> head = parse_head(received, head_length);
    if (!head) return failure("the answer is no HTTP/1.1");
    if (head->status / 100 == 1) {  // interim: the answer is still to come
      received = head->rest;
      continue;
    }
    if (!is_expected(probe, head->status)) return failure(fmt::format("status {}", head->status));
    return judge_body(probe, read_body(*head, end));
  }
}

}  // namespace sluice::dataplane
