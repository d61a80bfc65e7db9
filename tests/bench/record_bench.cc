// SPDX-License-Identifier: Apache-2.0
//
// What records cost at rest: written, sealed, checked and found, beside SQLite.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/audit/record_store.h"
#include "controlplane/audit/segment/journal.h"
#include "controlplane/audit/segment/seal.h"
#include "controlplane/audit/segment/segment.h"
#include "controlplane/audit/segment/segment_check.h"
#include "controlplane/audit/segment/segment_files.h"
#include "controlplane/store/database.h"
#include "tests/bench/record_source.h"
#include "tests/bench/result.h"

namespace sluice::controlplane {
namespace {

using bench::keep;
using bench::RecordSource;
using bench::time_us;

constexpr size_t kBatch = 1000;  // what a node sends at once
constexpr uint64_t kLookups = 20;

struct Options {
  size_t records = 2 * kSegmentRowsMax;
  std::filesystem::path folder;
  bool with_store = false;
  bool with_sqlite = false;
};

void print(const std::string& name, const char* unit, size_t size, double value) {
  bench::print("records", unit, {name, static_cast<uint32_t>(size), {value}, {}});
}

void require(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "record_bench: " << status << "\n";
  std::exit(1);
}

template <class T>
T required(absl::StatusOr<T> result) {
  require(result.status());
  return *std::move(result);
}

// Of this thread: what is left of a time when others use the machine, too, and the disk waits.
template <class Work>
double cpu_us(Work&& work) {
  timespec before{}, after{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
  work();
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
  return static_cast<double>(after.tv_sec - before.tv_sec) * 1e6 +
         static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e3;
}

struct Spent {
  double wall_us = 0;
  double cpu_us = 0;

  template <class Work>
  void add(Work&& work) {
    wall_us += time_us([&] { cpu_us += controlplane::cpu_us(work); });
  }
  void print(const std::string& name, size_t records) const {
    const auto count = static_cast<double>(records);
    controlplane::print(name, "us/record", records, wall_us / count);
    controlplane::print(name + "_cpu", "us/record", records, cpu_us / count);
  }
};

// What the kernel keeps of the file is gone, so that the next read is one of the disk.
void forget(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  ::fdatasync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

std::vector<v1::FlowRecord> next_batch(RecordSource& source) {
  std::vector<v1::FlowRecord> batch;
  for (size_t i = 0; i < kBatch; ++i)
    batch.push_back(source.next());
  return batch;
}

// Into the journal and the rows in memory, as one batch.
void insert(const std::vector<v1::FlowRecord>& batch, JournalBatch& bytes, Journal& journal,
            RowBuffer& rows) {
  bytes.clear();
  for (const v1::FlowRecord& record : batch)
    bytes.add(record);
  require(journal.append(bytes.finish()));
  require(split_records(bytes.records(), [&](std::string_view record) {
    const std::optional<RecordFields> fields = parse_record(record);
    if (!fields) return absl::InternalError("no record");
    rows.add(*fields);
    return absl::OkStatus();
  }));
}

class SegmentBench {
 public:
  explicit SegmentBench(const Options& options) : options_(options) {}

  void run() {
    RecordSource source(1);
    while (written_ < options_.records)
      write_segment(source);
    const auto count = static_cast<double>(written_);
    insert_.print("insert", written_);
    seal_.print("seal", written_);
    print("public", "bytes/record", written_, static_cast<double>(public_bytes_) / count);
    print("private", "bytes/record", written_, static_cast<double>(private_bytes_) / count);
    check();
    find_flow();
    scan();
  }

 private:
  void write_segment(RecordSource& source) {
    RowBuffer rows;
    JournalBatch bytes;
    Journal journal = required(Journal::open(options_.folder / "journal", 0));
    while (rows.rows() + kBatch <= kSegmentRowsMax && written_ < options_.records) {
      const std::vector<v1::FlowRecord> batch = next_batch(source);
      insert_.add([&] { insert(batch, bytes, journal, rows); });
      written_ += batch.size();
    }
    v1::SegmentHead head;
    head.set_number(++segments_);
    seal_.add([&] {
      const SealedSegment sealed = seal(rows, head);
      public_bytes_ += sealed.public_file.size();
      private_bytes_ += sealed.private_file.size();
      require(controlplane::write_segment(options_.folder, sealed));
    });
  }

  Segment open(uint64_t number) {
    Segment segment = required(Segment::open(options_.folder, number));
    require(segment.load());
    return segment;
  }

  void check() {
    Spent spent;
    spent.add([&] {
      for (uint64_t number = 1; number <= segments_; ++number) {
        const Segment segment = open(number);
        if (check_segment(segment, segment.head()).first_bad) require(absl::InternalError("bad"));
      }
    });
    spent.print("check", written_);
  }

  // From the disk: the filters of all segments, then the rows of the one that has it.
  void find_flow() {
    double spent = 0;
    for (uint64_t flow = 1; flow <= kLookups; ++flow) {
      for (uint64_t number = 1; number <= segments_; ++number) {
        forget(public_path(options_.folder, number));
        forget(private_path(options_.folder, number));
      }
      spent += time_us([&] {
        for (uint64_t number = 1; number <= segments_; ++number) {
          Segment segment = required(Segment::open(options_.folder, number));
          if (required(segment.may_have_flow(flow))) keep(find_in(segment, flow));
        }
      });
    }
    print("find_flow_cold", "us", written_, spent / kLookups);
  }

  static size_t find_in(Segment& segment, uint64_t flow) {
    require(segment.load());
    std::vector<uint64_t> flows;
    size_t found = 0;
    for (size_t block = 0; block < segment.blocks(); ++block) {
      require(segment.read(block, Column::kFlowId, flows));
      if (std::find(flows.begin(), flows.end(), flow) == flows.end()) continue;
      BlockRows rows;
      require(read_block(segment, block, rows));
      ++found;
    }
    return found;
  }

  // What an aggregate over everything reads, without what it counts.
  void scan() {
    constexpr Column kRead[] = {Column::kService, Column::kClientClass, Column::kRoute,
                                Column::kPool,    Column::kStartTime,   Column::kPart,
                                Column::kOpened,  Column::kEndReason};
    Spent spent;
    spent.add([&] {
      std::vector<uint64_t> values;
      for (uint64_t number = 1; number <= segments_; ++number) {
        const Segment segment = open(number);
        for (size_t block = 0; block < segment.blocks(); ++block) {
          for (const Column column : kRead)
            require(segment.read(block, column, values));
          require(segment.read(block, PrivateColumn::kClient, values));
        }
      }
    });
    spent.print("scan", written_);
  }

  const Options& options_;
  size_t written_ = 0;
  uint64_t segments_ = 0;
  uint64_t public_bytes_ = 0, private_bytes_ = 0;
  Spent insert_, seal_;
};

// The same searches answered by indexes: start time, client, flow.
void measure_sqlite(const Options& options) {
  const Schema schema = {.application_id = 1, .version = 1, .sql = R"sql(
CREATE TABLE record(
  id INTEGER PRIMARY KEY, start_ns INTEGER NOT NULL, client BLOB NOT NULL,
  client_port INTEGER NOT NULL, flow_id INTEGER NOT NULL, service TEXT NOT NULL,
  client_class TEXT NOT NULL, route TEXT NOT NULL, pool TEXT NOT NULL, backend TEXT NOT NULL,
  message BLOB NOT NULL);
CREATE INDEX record_by_start ON record(start_ns);
CREATE INDEX record_by_client ON record(client, start_ns);
CREATE INDEX record_by_flow ON record(flow_id);
)sql"};
  const std::string path = options.folder / "records.db";
  Database database = required(Database::open(path, schema, DatabaseUse::kShared));
  RecordSource source(1);
  Spent spent;
  for (size_t written = 0; written < options.records; written += kBatch) {
    const std::vector<v1::FlowRecord> batch = next_batch(source);
    spent.add([&] {
      Transaction transaction = required(Transaction::begin(database));
      Statement statement =
          required(database.prepare("INSERT INTO record VALUES(NULL,?,?,?,?,?,?,?,?,?,?)"));
      for (const v1::FlowRecord& record : batch) {
        statement.reset();
        statement.bind(record.start_time().seconds() * 1'000'000'000 + record.start_time().nanos())
            .bind_blob(record.client_address())
            .bind(int64_t{record.client_port()})
            .bind(static_cast<uint64_t>(record.flow_id()))
            .bind_text(record.service())
            .bind_text(record.client_class())
            .bind_text(record.route())
            .bind_text(record.pool())
            .bind_text(record.backend())
            .bind_blob(record.SerializeAsString());
        require(statement.run());
      }
      require(transaction.commit());
    });
  }
  require(database.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  spent.print("sqlite_insert", options.records);
  print(
      "sqlite", "bytes/record", options.records,
      static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(options.records));
}

// Through the record store: what comes in is sealed by its thread meanwhile.
void measure_store(const Options& options) {
  auto store = required(RecordStore::open((options.folder / "audit").string()));
  RecordSource source(1);
  double insert_us = 0;
  for (size_t written = 0; written < options.records; written += kBatch) {
    const std::vector<v1::FlowRecord> batch = next_batch(source);
    insert_us += time_us([&] { required(store->insert("edge-fra-1", batch)); });
  }
  require(store->seal());
  const auto count = static_cast<double>(options.records);
  print("store_insert", "us/record", options.records, insert_us / count);
  const auto cold = [&](const char* name, auto&& work) {
    for (const auto& file : std::filesystem::directory_iterator(options.folder / "audit/segments"))
      forget(file.path());
    print(name, "ms", options.records, time_us(work) / 1000);
  };
  v1::QueryRecordsRequest flow;
  flow.mutable_filter()->set_flow_id(1);
  cold("store_flow_cold", [&] { required(store->query(flow)); });
  v1::QueryRecordsRequest client;
  client.mutable_filter()->set_client_prefix("100.64.0.7");
  cold("store_client_cold", [&] { required(store->query(client)); });
  client.set_limit(10'000);
  cold("store_client_10000_cold", [&] { required(store->query(client)); });
  cold("store_shares_cold", [&] { required(store->shares("", absl::UnixEpoch())); });
}

void run(int argc, char** argv) {
  Options options;
  CLI::App app("Times flow records at rest: one line of JSON for each result.");
  app.add_option("--records", options.records, "How many, in thousands rounded up")
      ->check(CLI::Range(size_t{1000}, size_t{4'000'000'000}))
      ->capture_default_str();
  app.add_option("--folder", options.folder, "An empty folder on the disk that is measured")
      ->required();
  app.add_flag("--store", options.with_store, "Through the record store, too");
  app.add_flag("--sqlite", options.with_sqlite, "Write the same records into SQLite, too");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  std::filesystem::create_directories(options.folder);
  SegmentBench(options).run();
  if (options.with_store) measure_store(options);
  if (options.with_sqlite) measure_sqlite(options);
}

}  // namespace
}  // namespace sluice::controlplane

int main(int argc, char** argv) {
  sluice::controlplane::run(argc, argv);
}
