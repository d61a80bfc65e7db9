// SPDX-License-Identifier: Apache-2.0
//
// Random policies over a small world, valid more often than not, and random edits of them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::testing {

class RandomPolicy {
 public:
  explicit RandomPolicy(uint64_t seed) : random_(seed) {}

  v1::Policy whole();
  // One object made anew, added or taken away.
  void edit(v1::Policy& policy);
  // How far each rollout of the policy is.
  std::vector<v1::RolloutStatus> progress(const v1::Policy& policy);

  size_t below(size_t limit) { return random_() % limit; }
  std::string client();
  std::string service_address(bool is_v4);

 private:
  template <class T, size_t N>
  const T& one_of(const T (&choices)[N]) {
    return choices[below(N)];
  }
  v1::ClientClass client_class(size_t number);
  v1::Pool pool(size_t number);
  v1::Service service(size_t number);
  v1::Route route(size_t service, bool is_default);
  v1::Guardrail guardrail(size_t number);
  v1::Rollout rollout(const v1::Policy& policy, size_t number);
  void set_place(google::protobuf::Map<std::string, std::string>& labels);
  void require_one(v1::LabelSelector& selector);

  std::mt19937_64 random_;
};

}  // namespace sluice::testing
