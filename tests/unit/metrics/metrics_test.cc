// SPDX-License-Identifier: Apache-2.0
//
// What a scrape reads, over a real connection.
#include <curl/curl.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "dataplane/metrics/metrics_server.h"
#include "gmock/gmock.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

size_t append(const char* bytes, size_t size, size_t count, void* text) {
  static_cast<std::string*>(text)->append(bytes, size * count);
  return size * count;
}

std::string get(const std::string& url) {
  std::string text;
  CURL* curl = curl_easy_init();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
  const CURLcode done = curl_easy_perform(curl);
  curl_easy_cleanup(curl);
  return done == CURLE_OK ? text : curl_easy_strerror(done);
}

std::string page_of(const MetricsServer& server) {
  return get("http://127.0.0.1:" + std::to_string(server.port()) + "/metrics");
}

TEST(MetricsServer, ShowsWhatThePageIsAtEachScrape) {
  int scrapes = 0;
  const auto server = MetricsServer::start("127.0.0.1:0", [&scrapes] {
    MetricPage page;
    page.counter("sluice_things_total", "Things.");
    page.add({{"kind", "a \"quoted\" one"}}, ++scrapes);
    return std::move(page).finish();
  });
  ASSERT_TRUE(server.ok()) << server.status();

  page_of(**server);
  const std::string second = page_of(**server);

  EXPECT_THAT(second, HasSubstr("# HELP sluice_things_total Things.\n"
                                "# TYPE sluice_things_total counter\n"
                                "sluice_things_total{kind=\"a \\\"quoted\\\" one\"} 2"));
}

TEST(MetricsServer, PortInUseIsSaid) {
  const auto page = [] { return MetricFamilies(); };
  const auto first = MetricsServer::start("127.0.0.1:0", page);
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = "127.0.0.1:" + std::to_string((*first)->port());

  const auto second = MetricsServer::start(address, page);

  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(second.status().message(),
            "http: cannot listen on " + address + ": not an address of this host, or in use");
}

TEST(MetricsServer, AddressesAreChecked) {
  for (const char* good : {"127.0.0.1:9470", "[::1]:0", "edge.example.net:65535"})
    EXPECT_TRUE(check_http_address(good).ok()) << good;
  for (const char* bad : {"", "9470", ":9470", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                          "127.0.0.1:http", "::1:9470", "a:1,b:2"}) {
    EXPECT_EQ(check_http_address(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(MetricPage, BucketsOfAHistogramAddUp) {
  const std::array bounds = {0.1, 1.0};
  const std::array<uint64_t, 3> counts = {2, 3, 4};
  MetricPage page;
  page.histogram("sluice_time_seconds", "Time.");
  page.add({}, {bounds, counts, 12.5});

  const MetricFamilies families = std::move(page).finish();

  ASSERT_EQ(families.size(), 1u);
  const auto& histogram = families[0].metric[0].histogram;
  ASSERT_EQ(histogram.bucket.size(), 3u);
  EXPECT_EQ(histogram.bucket[0].cumulative_count, 2u);
  EXPECT_EQ(histogram.bucket[1].cumulative_count, 5u);
  EXPECT_EQ(histogram.bucket[2].cumulative_count, 9u);
  EXPECT_EQ(histogram.sample_count, 9u);
  EXPECT_EQ(histogram.sample_sum, 12.5);
}

TEST(MetricPage, FamiliesWithoutAValueAreLeftOut) {
  MetricPage page;
  page.gauge("sluice_empty", "Nothing.");
  page.gauge("sluice_full", "Something.");
  page.add(1);

  const MetricFamilies families = std::move(page).finish();

  ASSERT_EQ(families.size(), 1u);
  EXPECT_EQ(families[0].name, "sluice_full");
}

}  // namespace
}  // namespace sluice
