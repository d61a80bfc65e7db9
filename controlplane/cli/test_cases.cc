// SPDX-License-Identifier: Apache-2.0
//
// Files of cases for `sluice test`.
#include "controlplane/cli/test_cases.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_split.h"
#include "controlplane/cli/case_run.h"
#include "dataplane/yaml/load_documents.h"
#include "dataplane/yaml/nearest_name.h"
#include "dataplane/yaml/read_message.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

constexpr uint32_t kDscpMax = 63;
constexpr uint32_t kWeightMax = 1'000'000;

class CaseReader {
 public:
  CaseReader(const std::string& file, const v1::Policy& policy, Violations& violations)
      : file_(file), violations_(violations) {
    for (const v1::Pool& pool : policy.pools()) {
      std::vector<std::string>& backends = backends_[pool.metadata().name()];
      pools_.push_back(pool.metadata().name());
      for (const v1::Backend& backend : pool.spec().backends())
        backends.push_back(backend.name());
    }
    for (const v1::Rollout& rollout : policy.rollouts())
      rollouts_.push_back(rollout.metadata().name());
  }

  std::vector<WrittenCase> run(const std::string& text) {
    std::vector<YamlProblem> problems;
    const std::vector<YamlDocument> documents = load_documents(text, problems);
    add_all(problems);
    for (const YamlDocument& document : documents) {
      if (document.root.IsSequence()) {
        for (const YAML::Node& element : document.root)
          read(element, document.first_line);
      } else {
        read(document.root, document.first_line);
      }
    }
    if (cases_.empty() && violations_.empty()) add(1, "", "holds no case");
    return std::move(cases_);
  }

 private:
  void add(uint32_t line, const std::string& path, std::string message) {
    violations_.push_back({file_, line, path, std::move(message)});
  }
  void add_all(const std::vector<YamlProblem>& problems) {
    for (const YamlProblem& problem : problems)
      add(problem.line, problem.path, problem.message);
  }

  void read(const YAML::Node& node, uint32_t first_line) {
    WrittenCase written;
    written.file = file_;
    written.line = first_line + static_cast<uint32_t>(std::max(node.Mark().line, 0));
    lines_.clear();
    std::vector<YamlProblem> problems;
    read_message(
        node, "", written.test,
        {.problems = &problems,
         .first_line = first_line,
         .on_field = [&](const std::string& path, uint32_t line) { lines_.emplace(path, line); }});
    add_all(problems);
    if (problems.empty()) check(written);
    cases_.push_back(std::move(written));
  }

  // At the line of the field, else of the case.
  void refuse(const WrittenCase& written, const std::string& path, std::string message) {
    const auto line = lines_.find(path);
    add(line == lines_.end() ? written.line : line->second, path, std::move(message));
  }

  void check(const WrittenCase& written);
  void check_down(const WrittenCase& written);
  void check_expectation(const WrittenCase& written);
  bool check_pool(const WrittenCase& written, const std::string& path, const std::string& name);
  void check_backend(const WrittenCase& written, const std::string& path, const std::string& pool,
                     const std::string& name);

  const std::string& file_;
  Violations& violations_;
  std::vector<std::string> pools_;
  std::map<std::string, std::vector<std::string>> backends_;  // by pool
  std::vector<std::string> rollouts_;
  std::map<std::string, uint32_t> lines_;  // of the fields of the case that is read
  std::vector<WrittenCase> cases_;
};

void CaseReader::check(const WrittenCase& written) {
  const v1::TestCase& test = written.test;
  const absl::StatusOr<v1::ExplainRequest> request = to_request(test);
  if (!request.ok())
    refuse(written, names_client(test) ? "to" : "from", std::string(request.status().message()));
  if (test.dscp() > kDscpMax)
    refuse(written, "dscp", fmt::format("must be in 0..{}, not {}", kDscpMax, test.dscp()));
  check_down(written);
  for (const auto& [name, weight] : std::map(test.rollouts().begin(), test.rollouts().end())) {
    const std::string path = fmt::format("rollouts[{}]", name);
    if (std::find(rollouts_.begin(), rollouts_.end(), name) == rollouts_.end()) {
      refuse(written, path,
             fmt::format("no Rollout is named {}{}", quote(name), suggestion(name, rollouts_)));
    } else if (weight > kWeightMax) {
      refuse(written, path, fmt::format("must be in 0..{}, not {}", kWeightMax, weight));
    }
  }
  check_expectation(written);
}

void CaseReader::check_down(const WrittenCase& written) {
  for (int i = 0; i < written.test.down_size(); ++i) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(written.test.down(i), absl::MaxSplits('/', 1));
    if (!check_pool(written, "down", parts.first)) continue;
    const bool names_backend = parts.first.size() < written.test.down(i).size();
    if (names_backend) check_backend(written, "down", parts.first, parts.second);
  }
}

void CaseReader::check_expectation(const WrittenCase& written) {
  const v1::TestExpectation& expect = written.test.expect();
  const int given = (expect.pool().empty() ? 0 : 1) + (expect.pools().empty() ? 0 : 1) +
                    (expect.refused() == v1::TestExpectation::REFUSED_UNSPECIFIED ? 0 : 1);
  if (given != 1) return refuse(written, "expect", "needs exactly one of pool, pools and refused");
  if (!expect.backend().empty() && expect.pool().empty())
    return refuse(written, "expect.backend", "stands beside pool only");
  if (!expect.pool().empty() && check_pool(written, "expect.pool", expect.pool()) &&
      !expect.backend().empty())
    check_backend(written, "expect.backend", expect.pool(), expect.backend());
  for (const std::string& pool : expect.pools())
    check_pool(written, "expect.pools", pool);
}

bool CaseReader::check_pool(const WrittenCase& written, const std::string& path,
                            const std::string& name) {
  if (backends_.contains(name)) return true;
  refuse(written, path,
         fmt::format("no Pool is named {}{}", quote(name), suggestion(name, pools_)));
  return false;
}

void CaseReader::check_backend(const WrittenCase& written, const std::string& path,
                               const std::string& pool, const std::string& name) {
  const std::vector<std::string>& names = backends_[pool];
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  refuse(written, path,
         fmt::format("no backend of Pool {} is named {}{}", pool, quote(name),
                     suggestion(name, names)));
}

}  // namespace

std::string WrittenCase::place() const {
  return fmt::format("{}:{}", file, line);
}

std::vector<WrittenCase> read_cases(const std::string& file, const std::string& text,
                                    const v1::Policy& policy, Violations& violations) {
  return CaseReader(file, policy, violations).run(text);
}

}  // namespace sluice::controlplane::cli
