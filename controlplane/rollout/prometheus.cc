// SPDX-License-Identifier: Apache-2.0
//
// One value asked of a Prometheus server: its instant query over HTTP.
// Source: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
#include "controlplane/rollout/prometheus.h"

#include <curl/curl.h>

#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

// An answer with one value is small; a query that returns a whole series is refused unread.
constexpr size_t kAnswerBytesMax = 1 << 20;

struct CurlCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct CurlFreer {
  void operator()(char* text) const { curl_free(text); }
};

size_t append(char* bytes, size_t size, size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + size * count > kAnswerBytesMax) return 0;
  text.append(bytes, size * count);
  return size * count;
}

const Value& field(const Struct& object, const char* name) {
  const auto found = object.fields().find(name);
  return found == object.fields().end() ? Value::default_instance() : found->second;
}

absl::Status odd(const std::string& what) {
  return absl::FailedPreconditionError(absl::StrCat("prometheus: ", what));
}

// "[TIME, \"VALUE\"]"
absl::StatusOr<double> sample_value(const ListValue& sample) {
  double value = 0;
  if (sample.values_size() != 2 || !absl::SimpleAtod(sample.values(1).string_value(), &value)) {
    return odd("its answer has no value");
  }
  return value;
}

}  // namespace

absl::StatusOr<double> parse_prometheus_answer(const std::string& body) {
  Struct answer;
  if (!google::protobuf::util::JsonStringToMessage(body, &answer).ok()) {
    return odd("the answer is no JSON; is `url` that of a Prometheus server?");
  }
  if (field(answer, "status").string_value() != "success") {
    const std::string& error = field(answer, "error").string_value();
    return odd(error.empty() ? "the answer has no status" : error);
  }
  const Struct& data = field(answer, "data").struct_value();
  const std::string& type = field(data, "resultType").string_value();
  const ListValue& result = field(data, "result").list_value();
  if (type == "scalar") return sample_value(result);
  if (type != "vector") return odd(absl::StrCat("the result is a ", type, ", not one value"));
  if (result.values_size() != 1) {
    return odd(absl::StrCat("the result has ", result.values_size(), " values, not one"));
  }
  return sample_value(field(result.values(0).struct_value(), "value").list_value());
}

absl::StatusOr<double> ask_prometheus(const v1::PrometheusQuery& query, absl::Duration timeout) {
  const std::unique_ptr<CURL, CurlCloser> handle(curl_easy_init());
  if (handle == nullptr) return absl::UnavailableError("prometheus: out of memory");
  const std::unique_ptr<char, CurlFreer> escaped(
      curl_easy_escape(handle.get(), query.query().data(), static_cast<int>(query.query().size())));
  if (escaped == nullptr) return absl::UnavailableError("prometheus: out of memory");
  const std::string url =
      absl::StrCat(absl::StripSuffix(query.url(), "/"), "/api/v1/query?query=", escaped.get());
  std::string body;
  CURL* curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  // Proxies of the environment are for the outside world, as with the nodes.
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(timeout)));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_WRITE_ERROR) return odd("the answer is over 1 MiB");
  if (code != CURLE_OK) {
    return absl::UnavailableError(
        absl::StrCat("prometheus at ", query.url(), ": ", curl_easy_strerror(code)));
  }
  return parse_prometheus_answer(body);
}

}  // namespace sluice::controlplane
