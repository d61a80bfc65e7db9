// SPDX-License-Identifier: Apache-2.0
//
// How many new flows and clients each pool got, from the records.
#include "controlplane/audit/share_counts.h"

namespace sluice::controlplane {
namespace {

// Adds one client's flows to one pool; its rows come one after the other, that of its first flow
// first.
class Counter {
 public:
  void add(const RouteKey& key, const std::string& client, const std::string& pool,
           uint64_t flows) {
    RouteCounts& route = counts_[key];
    ShareCount& share = route.pools[pool];
    if (key != key_ || client != client_) {
      finish_client();
      key_ = key;
      client_ = client;
      ++share.clients;
      ++route.clients;
    }
    share.flows += flows;
    route.flows += flows;
    client_flows_ += flows;
  }

  ShareCounts finish() && {
    finish_client();
    return std::move(counts_);
  }

 private:
  void finish_client() {
    if (client_flows_ == 0) return;
    counts_[key_].squares +=
        static_cast<double>(client_flows_) * static_cast<double>(client_flows_);
    client_flows_ = 0;
  }

  ShareCounts counts_;
  RouteKey key_;
  std::string client_;
  uint64_t client_flows_ = 0;
};

}  // namespace

absl::Status make_share_column(Database& database) {
  absl::StatusOr<Statement> select =
      database.prepare("SELECT 1 FROM pragma_table_info('record') WHERE name = 'is_new'");
  if (!select.ok()) return select.status();
  const absl::StatusOr<bool> row = select->step();
  if (!row.ok()) return row.status();
  if (*row) return absl::OkStatus();
  select->reset();
  return database.execute("ALTER TABLE record ADD COLUMN is_new INTEGER NOT NULL DEFAULT 0");
}

absl::StatusOr<ShareCounts> count_shares(Database& database, const std::string& service,
                                         absl::Time since) {
  absl::StatusOr<Statement> select = database.prepare(
      "SELECT service, client_class, route, substr(client, 1, 8) AS host, pool, COUNT(*), MIN(id) "
      "FROM record WHERE is_new = 1 AND start_ns >= ? AND (? = '' OR service = ?) "
      "GROUP BY service, client_class, route, host, pool "
      "ORDER BY service, client_class, route, host, MIN(id)");
  if (!select.ok()) return select.status();
  select->bind(absl::ToUnixNanos(since)).bind_text(service).bind_text(service);
  Counter counter;
  for (;;) {
    const absl::StatusOr<bool> row = select->step();
    if (!row.ok()) return row.status();
    if (!*row) return std::move(counter).finish();
    counter.add({select->bytes(0), select->bytes(1), select->bytes(2)}, select->bytes(3),
                select->bytes(4), select->number(5));
  }
}

}  // namespace sluice::controlplane
