// SPDX-License-Identifier: Apache-2.0
//
// A change service over a real store and two nodes that forward nothing.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "controlplane/service/change_service.h"
#include "controlplane/service/rollout_engine.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_dataplane.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {

// One service with one route over pools `blue` and `green`; `blue` has backends b1 and b2.
inline constexpr char kPolicy[] = R"(
kind: Pool
metadata: {name: blue, labels: {jurisdiction: eu}}
spec: {table_slots: 251, backends: [{name: b1, address: 10.0.0.1}, {name: b2, address: 10.0.0.2}]}
---
kind: Pool
metadata: {name: green, labels: {jurisdiction: us}}
spec: {table_slots: 251, backends: [{name: g1, address: 10.0.0.3}]}
---
kind: Service
metadata: {name: chat}
spec: {addresses: [203.0.113.10], ports: [tcp/80]}
---
kind: Route
metadata: {name: chat}
spec: {service: chat, clients: {}, split: [{pool: blue, weight: 9}, {pool: green, weight: 1}]}
)";

inline std::string pool_yaml(const std::string& name) {
  return "kind: Pool\nmetadata: {name: " + name +
         "}\nspec: {table_slots: 251, backends: [{name: x, address: 10.0.9.9}]}\n";
}

inline v1::ApplyRequest apply_of(const std::string& yaml) {
  v1::ApplyRequest request;
  v1::PolicyFile& file = *request.mutable_change()->add_files();
  file.set_name("policy.yaml");
  file.set_yaml(yaml);
  request.set_author("ann");
  request.set_message("why");
  return request;
}

class ChangeFixture : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  ~ChangeFixture() override {
    if (fleet_ != nullptr) fleet_->stop();  // it calls the change service
  }

  // What takes clients away is pushed to each node by itself, and not waited for.
  void wait_for_node() {
    EXPECT_TRUE(testing::eventually(
        [this] { return one_.running().generation() == changes_->running()->generation; }));
  }

  // As a controller starts: from what the store holds.
  void open() {
    auto store = RevisionStore::open(directory_.path("store.db"));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    FleetOptions options;
    options.nodes = {{"edge-1", one_.address()}, {"edge-2", two_.address()}};
    options.interval = absl::Milliseconds(20);
    fleet_ = *Fleet::make(options, *records_);
    changes_ = std::make_unique<ChangeService>(*store_->load(), *store_, *fleet_,
                                               [this] { return absl::Now() + clock_jump_; });
    rollouts_ = std::make_unique<RolloutEngine>(*changes_, *fleet_, [](const v1::Event&) {});
    fleet_->aim(changes_->running()->table);
    fleet_->start();
  }
  void close() {
    rollouts_.reset();
    fleet_.reset();
    changes_.reset();
    store_.reset();
  }
  void apply(const std::string& yaml) {
    const auto response = changes_->apply(apply_of(yaml));
    ASSERT_TRUE(response.ok()) << response.status();
  }
  absl::StatusOr<v1::SetOverrideResponse> set_override(const std::string& pool,
                                                       const std::string& backend,
                                                       v1::Override::State state) {
    v1::SetOverrideRequest request;
    request.mutable_override()->set_pool(pool);
    request.mutable_override()->set_backend(backend);
    request.mutable_override()->set_state(state);
    return changes_->set_override(request);
  }
  absl::Status lift_recall(const std::string& pool) {
    v1::SetOverrideRequest request;
    request.mutable_override()->set_pool(pool);
    request.set_lifts(v1::Override::STATE_RECALLED);
    return changes_->set_override(request).status();
  }
  bool stored_is(uint64_t revision, uint64_t generation) {
    const StoredState state = *store_->load();
    return state.revision == revision && state.generation == generation;
  }

  absl::Duration clock_jump_;  // of the service's clock
  testing::TemporaryDirectory directory_;
  testing::FakeDataplane one_{"edge-1", directory_.path("one.sock")};
  testing::FakeDataplane two_{"edge-2", directory_.path("two.sock")};
  std::unique_ptr<RecordStore> records_ = *RecordStore::open(directory_.path("audit"));
  std::unique_ptr<RevisionStore> store_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<ChangeService> changes_;
  std::unique_ptr<RolloutEngine> rollouts_;  // looks only when it is told to
};

}  // namespace sluice::controlplane
