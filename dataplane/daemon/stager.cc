// SPDX-License-Identifier: Apache-2.0
//
// Stage, commit and abort.
#include "dataplane/daemon/stager.h"

#include <chrono>
#include <tuple>
#include <utility>
#include <vector>

#include "dataplane/table/from_proto.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace sluice::dataplane {
namespace {

const Table* table_of(const RunningState& state) {
  return state.snapshot == nullptr ? nullptr : state.snapshot->table.get();
}

// A controller of an older term, an older revision or an older generation was overtaken.
absl::Status check_newer(const v1::ForwardingTable& running, const v1::ForwardingTable& next) {
  if (std::pair(next.term(), next.revision()) < std::pair(running.term(), running.revision())) {
    return absl::FailedPreconditionError(fmt::format(
        "term {} revision {} is older than term {} revision {}, which runs; does the controller "
        "have an old or empty store?",
        next.term(), next.revision(), running.term(), running.revision()));
  }
  if (next.generation() <= running.generation()) {
    return absl::FailedPreconditionError(fmt::format(
        "generation {} is not newer than {}, which runs", next.generation(), running.generation()));
  }
  return absl::OkStatus();
}

v1::StageResponse response_for(uint64_t generation, const BuildReport& report) {
  v1::StageResponse response;
  response.set_generation(generation);
  response.set_pools_built(report.pools_built);
  response.set_pools_shared(report.pools_shared);
  response.set_memory_bytes(report.memory_bytes);
  response.mutable_warnings()->Assign(report.warnings.begin(), report.warnings.end());
  return response;
}

v1::StageResponse response_for_running(const RunningState& running) {
  v1::StageResponse response;
  response.set_memory_bytes(running.memory_bytes);
  response.set_generation(running.pushed->generation());
  response.set_pools_shared(running.snapshot->table->pools.size());
  return response;
}

bool is_running(const v1::TableDelta& delta, const RunningState& running) {
  return running.pushed != nullptr && delta.target_digest() == running.pushed->digest() &&
         delta.changed().generation() == running.pushed->generation();
}

// The table of a delta, when it may follow what runs.
absl::StatusOr<CanonicalTable> next_of(const v1::TableDelta& delta, const RunningState& running) {
  absl::StatusOr<CanonicalTable> next = apply_delta(running.pushed.get(), delta);
  if (!next.ok() || running.pushed == nullptr) return next;
  absl::Status newer = check_newer(running.pushed->message(), next->message());
  if (!newer.ok()) return newer;
  return next;
}

// How long something takes, from now on.
class Stopwatch {
 public:
  google::protobuf::Duration read() const {
    const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::steady_clock::now() - start_);
    google::protobuf::Duration time;
    time.set_seconds(passed.count() / kNsPerSecond);
    time.set_nanos(static_cast<int32_t>(passed.count() % kNsPerSecond));
    return time;
  }

 private:
  static constexpr int64_t kNsPerSecond = 1'000'000'000;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

absl::Status DeltaAssembler::add(const std::string& chunk) {
  if (chunk.size() > kChunkBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("chunk: {} bytes, at most {}", chunk.size(), kChunkBytesMax));
  }
  if (bytes_.size() + chunk.size() > kDeltaBytesMax) {
    return absl::ResourceExhaustedError(
        fmt::format("the delta has more than {} bytes", kDeltaBytesMax));
  }
  bytes_ += chunk;
  return absl::OkStatus();
}

absl::StatusOr<v1::TableDelta> DeltaAssembler::finish() const {
  v1::TableDelta delta;
  if (bytes_.empty() || !delta.ParseFromString(bytes_)) {
    return absl::InvalidArgumentError("the chunks make no TableDelta");
  }
  return delta;
}

absl::StatusOr<ReadyTable> make_ready(CanonicalTable pushed, const Table* previous,
                                      Registry& registry) {
  absl::StatusOr<BuiltTable> built = build_table(pushed, previous, registry);
  if (!built.ok()) return built.status();
  return ReadyTable{std::make_shared<const CanonicalTable>(std::move(pushed)), *std::move(built)};
}

absl::StatusOr<v1::StageResponse> Stager::stage(const v1::TableDelta& delta) {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<const RunningState> running = state_();
  keep(std::nullopt);
  if (is_running(delta, *running)) return response_for_running(*running);
  absl::StatusOr<CanonicalTable> next = next_of(delta, *running);
  if (!next.ok()) return next.status();
  const Stopwatch building;
  absl::StatusOr<ReadyTable> ready = make_ready(*std::move(next), table_of(*running), registry_);
  if (!ready.ok()) {
    release_unused(table_of(*running));
    return ready.status();
  }
  keep(*std::move(ready));
  v1::StageResponse response = response_for(staged_->pushed->generation(), staged_->built.report);
  *response.mutable_build_time() = building.read();
  return response;
}

absl::StatusOr<PreviewedTable> Stager::preview(const v1::TableDelta& delta) const {
  std::shared_ptr<const RunningState> running;
  std::unique_ptr<Registry> registry;
  {
    const std::lock_guard lock(mutex_);  // no backend of what runs is released meanwhile
    running = state_();
    registry = registry_.copy();
  }
  PreviewedTable previewed;
  if (is_running(delta, *running)) {
    previewed.ready = {running->pushed, {running->snapshot->table, {}}};
    previewed.response = response_for_running(*running);
  } else {
    absl::StatusOr<CanonicalTable> next = next_of(delta, *running);
    if (!next.ok()) return next.status();
    const Stopwatch building;
    absl::StatusOr<ReadyTable> ready = make_ready(*std::move(next), table_of(*running), *registry);
    if (!ready.ok()) return ready.status();
    previewed.ready = *std::move(ready);
    previewed.response =
        response_for(previewed.ready.pushed->generation(), previewed.ready.built.report);
    *previewed.response.mutable_build_time() = building.read();
  }
  previewed.registry = std::move(registry);
  return previewed;
}

absl::StatusOr<v1::CommitResponse> Stager::commit(uint64_t generation) {
  const std::lock_guard lock(mutex_);
  v1::CommitResponse response;
  const std::shared_ptr<const RunningState> running = state_();
  if (!staged_ && running->pushed != nullptr && running->pushed->generation() == generation) {
    response.set_generation(generation);
    response.set_view(running->view);
    return response;
  }
  if (!staged_ || staged_->pushed->generation() != generation) {
    return absl::FailedPreconditionError(
        staged_ ? fmt::format("generation {} is not staged; {} is", generation,
                              staged_->pushed->generation())
                : fmt::format("generation {} is not staged", generation));
  }
  const absl::Status switched = switch_to_(*staged_);
  // A stuck lcore does not undo a switch; everything else leaves the staged table where it is.
  if (!switched.ok() && !absl::IsUnavailable(switched)) return switched;
  release_unused(staged_->built.table.get());
  spdlog::info("generation {} of revision {} runs", generation,
               staged_->pushed->message().revision());
  keep(std::nullopt);
  if (!switched.ok()) return switched;
  response.set_generation(generation);
  response.set_view(state_()->view);
  return response;
}

void Stager::abort() {
  const std::lock_guard lock(mutex_);
  if (!staged_) return;
  keep(std::nullopt);
  release_unused(table_of(*state_()));
}

void Stager::keep(std::optional<ReadyTable> staged) {
  staged_ = std::move(staged);
  staged_generation_.store(staged_ ? staged_->pushed->generation() : 0, std::memory_order_relaxed);
}

void Stager::release_unused(const Table* running) {
  std::vector<BackendId> kept;
  if (running != nullptr) {
    for (const Pool& pool : running->pools) {
      for (const PoolMember& member : pool.members)
        kept.push_back(member.id);
    }
  }
  registry_.release_all_but(kept);
}

}  // namespace sluice::dataplane
