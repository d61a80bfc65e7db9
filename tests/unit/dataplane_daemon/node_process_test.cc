// SPDX-License-Identifier: Apache-2.0
//
// The program as operators run it: on a null device, without hugepages, without root's help.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "dataplane/rpc/endpoint.h"
#include "dataplane/table/from_proto.h"
#include "grpcpp/create_channel.h"
#include "sluice/v1/dataplane.grpc.pb.h"
#include "tests/unit/dataplane_daemon/scratch_directory.h"
#include "tests/unit/dataplane_daemon/small_table.h"

namespace sluice::dataplane {
namespace {

constexpr std::chrono::seconds kPatience(60);

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// A run of the program; what it says goes to a file.
class Process {
 public:
  Process(std::vector<std::string> arguments, const std::string& log) : log_(log) {
    arguments.insert(arguments.begin(), DATAPLANE_PROGRAM);
    std::vector<char*> raw;
    for (std::string& argument : arguments)
      raw.push_back(argument.data());
    raw.push_back(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(raw[0], raw.data());
    _exit(127);
  }
  ~Process() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  int end() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  int terminate() {
    kill(pid_, SIGTERM);
    return end();
  }
  void crash() {
    kill(pid_, SIGKILL);
    end();
  }
  pid_t pid() const { return pid_; }
  std::string said() const { return content_of(log_); }

 private:
  const std::string log_;
  pid_t pid_ = -1;
};

struct Bench {
  ScratchDirectory directory;
  std::string socket = "unix:" + directory.path() + "/node.sock";
  std::string config = directory.path() + "/node.yaml";
  std::string table = directory.path() + "/table.binpb";
  std::string state = directory.path() + "/state";

  Bench() {
    write_config(config, state);
    std::ofstream(table, std::ios::binary)
        << small_table(7, {{"a", "10.77.1.11"}}).SerializeAsString();
  }

  void write_config(const std::string& path, const std::string& state_dir) const {
    std::ofstream(path)
        << "node: process-test-" << getpid() << "\n"
        << "eal: [--no-pci, --no-huge, -m, 256, --no-telemetry, -l, 0-1, --vdev=net_null0]\n"
        << "ports:\n"
        << "  - name: uplink\n"
        << "    addresses: [10.77.1.2/24]\n"
        << "    punt: none\n"
        << "    neighbors: [{address: 10.77.1.11, mac: \"02:00:00:00:01:11\"}]\n"
        << "listen: " << socket << "\n"
        << "state_dir: " << state_dir << "\n"
        << "buffers: 8192\n"
        << "flows: {capacity: 4096}\n";
  }
  Process start(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--config", config});
    return Process(std::move(more), directory.path() + "/log");
  }
  // Waits until the node answers.
  std::optional<v1::GetStatusResponse> status() const {
    const auto stub =
        v1::Dataplane::NewStub(grpc::CreateChannel(socket, *channel_credentials(socket, {})));
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::GetStatusResponse response;
    if (!stub->GetStatus(&context, {}, &response).ok()) return std::nullopt;
    return response;
  }
};

TEST(Node, BootsFromATableAndLaterFromItsLastGood) {
  Bench bench;
  {
    Process node = bench.start({"--table", bench.table});
    const auto status = bench.status();
    ASSERT_TRUE(status.has_value()) << node.said();
    EXPECT_EQ(status->generation(), 7u);
    EXPECT_EQ(status->backends(0).state(), v1::BACKEND_STATE_UP);
    EXPECT_TRUE(status->backends(0).neighbor_resolved());
    node.crash();
  }
  Process node = bench.start();
  const auto status = bench.status();
  ASSERT_TRUE(status.has_value()) << node.said();
  EXPECT_EQ(status->generation(), 7u) << node.said();

  EXPECT_EQ(node.terminate(), 0) << node.said();
}

TEST(Node, PreviewsATableAndListsItsViews) {
  Bench bench;
  Process node = bench.start({"--table", bench.table});
  ASSERT_TRUE(bench.status().has_value()) << node.said();
  const auto stub = v1::Dataplane::NewStub(
      grpc::CreateChannel(bench.socket, *channel_credentials(bench.socket, {})));
  v1::StageRequest request;
  request.set_preview(true);
  request.set_chunk(make_delta(nullptr, small_table(8, {{"b", "10.77.1.12"}})).SerializeAsString());
  v1::StageResponse previewed;
  {
    grpc::ClientContext context;
    const auto writer = stub->Stage(&context, &previewed);
    writer->Write(request);
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    ASSERT_TRUE(status.ok()) << status.error_message() << node.said();
  }
  EXPECT_EQ(previewed.generation(), 8u);
  EXPECT_TRUE(previewed.has_effects());
  EXPECT_EQ(previewed.effects().flows(), 0u);
  const auto status = bench.status();
  EXPECT_EQ(status->generation(), 7u);
  EXPECT_EQ(status->staged_generation(), 0u);

  grpc::ClientContext context;
  v1::ListViewsResponse views;
  ASSERT_TRUE(stub->ListViews(&context, {}, &views).ok());
  ASSERT_EQ(views.views_size(), 1);
  EXPECT_EQ(views.views(0).incarnation(), status->incarnation());
  EXPECT_EQ(views.views(0).view(), status->view());
  EXPECT_EQ(views.views(0).generation(), 7u);
  EXPECT_EQ(node.terminate(), 0) << node.said();
}

TEST(Node, DamagedLastGoodTableIsKeptAside) {
  Bench bench;
  std::filesystem::create_directories(bench.state);
  std::ofstream(bench.state + "/last-good-table") << "garbage";

  Process node = bench.start();

  const auto status = bench.status();
  ASSERT_TRUE(status.has_value()) << node.said();
  EXPECT_EQ(status->generation(), 0u);
  EXPECT_NE(node.said().find("last-good-table is damaged"), std::string::npos) << node.said();
  EXPECT_FALSE(std::filesystem::exists(bench.state + "/last-good-table"));
  EXPECT_EQ(node.terminate(), 0) << node.said();
}

TEST(Node, NoOtherThreadRunsOnAWorkersProcessor) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one processor is everybody's";
  Bench bench;
  Process node = bench.start();
  ASSERT_TRUE(bench.status().has_value()) << node.said();
  const std::string tasks = "/proc/" + std::to_string(node.pid()) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    const std::string name = content_of(task.path().string() + "/comm");
    if (name.find("worker") != std::string::npos) continue;
    const std::string status = content_of(task.path().string() + "/status");
    const size_t at = status.find("Cpus_allowed_list:\t") + 19;
    const std::string allowed = status.substr(at, status.find('\n', at) - at);
    EXPECT_TRUE(allowed == "0" || allowed.rfind("0,", 0) == 0) << name << " may run on " << allowed;
  }
  EXPECT_EQ(node.terminate(), 0) << node.said();
}

TEST(Node, SecondNodeSaysWhatIsInUse) {
  Bench bench;
  Process first = bench.start();
  ASSERT_TRUE(bench.status().has_value()) << first.said();
  const std::string log = bench.directory.path() + "/second.log";

  Process same_state({"--config", bench.config}, log);
  EXPECT_EQ(same_state.end(), 1);
  EXPECT_NE(same_state.said().find("is in use by another node"), std::string::npos)
      << same_state.said();

  const std::string config = bench.directory.path() + "/second.yaml";
  bench.write_config(config, bench.directory.path() + "/second");
  Process same_socket({"--config", config}, log);
  EXPECT_EQ(same_socket.end(), 1);
  EXPECT_NE(same_socket.said().find("another server listens there"), std::string::npos)
      << same_socket.said();
  EXPECT_EQ(first.terminate(), 0) << first.said();
}

struct Row {
  std::vector<std::string> arguments;
  int exit_code;
  std::string said;
};

TEST(Node, CommandLineIsAnsweredClearly) {
  Bench bench;
  const std::string bad = bench.directory.path() + "/bad.yaml";
  const std::string no_table = bench.directory.path() + "/bad.binpb";
  std::ofstream(bad) << "node: Edge\nbuffers: 1\ncolour: green\n";
  std::ofstream(no_table) << "garbage";
  const Row rows[] = {
      {{"--version"}, 0, "sluice-dataplane "},
      {{"--help"}, 0, "Example:"},
      {{}, 3, "--config is required"},
      {{"--config", bench.config, "--colour"}, 3, "--colour"},
      {{"--config", bench.config, "--check"}, 0, "the configuration is valid"},
      {{"--config", bench.config, "--check", "--table", bench.table}, 0, "valid"},
      {{"--config", bench.config, "--table", no_table}, 1, "is no compiled table"},
      {{"--config", bench.config, "--table", "/nonexistent"}, 1, "/nonexistent: no such file"},
      {{"--config", "/nonexistent.yaml", "--check"},
       1,
       "cannot read /nonexistent.yaml: No such file"},
      {{"--config", bad, "--check"}, 1, bad + ":1: node: \"Edge\" is no name"},
      {{"--config", bad, "--check"}, 1, bad + ":1: state_dir: is required"},
      {{"--config", bad, "--check"}, 1, bad + ":2: buffers: 1 is out of range"},
      {{"--config", bad, "--check"}, 1, bad + ":3: unknown field \"colour\""},
  };
  for (const Row& row : rows) {
    Process process(row.arguments, bench.directory.path() + "/log");

    EXPECT_EQ(process.end(), row.exit_code) << process.said();
    EXPECT_NE(process.said().find(row.said), std::string::npos)
        << row.said << " in " << process.said();
  }
}

}  // namespace
}  // namespace sluice::dataplane
