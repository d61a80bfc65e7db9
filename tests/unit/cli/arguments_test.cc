// SPDX-License-Identifier: Apache-2.0
//
// Arguments, settings and failures: what every verb has in common.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "dataplane/rpc/status.h"
#include "tests/unit/cli/cli_fixture.h"

namespace sluice::controlplane::cli {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

using Arguments = Cli;

TEST_F(Arguments, ThatMakeNoSenseEndInUsage) {
  const std::vector<std::vector<std::string>> kCases = {
      {},
      {"--nonsense"},
      {"plan"},
      {"plan", "-f"},
      {"apply"},
      {"apply", "-f", "x.yaml", "--plan", "y.plan"},
      {"get"},
      {"get", "pods"},
      {"get", "pools", "-o", "xml"},
      {"audit"},
      {"audit", "query", "--since", "yesterday"},
      {"flows", "--limit", "0"},
      {"events", "--after", "-5"},
      {"explain", "tcp", "198.51.100.7:1"},
      {"explain", "sctp", "198.51.100.7:1", "203.0.113.10:80"},
      {"explain", "tcp", "198.51.100.7:1", "[2001:db8::1]:80"},
      {"drain", "chat-v1"},
      {"delete", "pool"},
      {"describe", "pools"},
      {"nodes", "--timeout", "soon"},
      {"nodes", "--timeout", "0s"},
      {"rollback", "--confirm-within", "0s"},
      {"rollback", "--reason", "without broken glass"},
      {"completion", "fish"},
      {"rollback", "x"},
      {"rollback", "0"},
      {"get", "pools", "--revision", "0"},
      {"get", "nodes", "--revision", "1"},
      {"describe", "node", "edge-1"},
      {"flows", "--client", "198.51.100.300"},
      {"nodes", "--watch", "--interval", "0s"},
      {"drain", "pool/\xff"},
  };
  for (const auto& arguments : kCases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 3) << (arguments.empty() ? "nothing" : arguments.front())
                               << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(has(outcome.err, "error: ")) << outcome.err;
  }
}

TEST_F(Arguments, WithAMisspeltVerbGetASuggestion) {
  EXPECT_EQ(run({"--timeout", "5s", "aply"}).err,
            "error: \"aply\" is no verb; did you mean apply?\n");
}

TEST_F(Arguments, ThatAreWrongSayWhatIsRightAndWhereToRead) {
  EXPECT_EQ(run({"rollback", "x"}).err,
            "error: revision: \"x\" is no whole number above 0\nSee sluice rollback --help\n");
  EXPECT_EQ(run({"nodes", "--timeout", "0s"}).err,
            "error: --timeout: 0s is no time to wait; write 30s or 5m\nSee sluice nodes --help\n");
  EXPECT_TRUE(has(run({"audit", "query", "-o", "name"}).err, "See sluice audit query --help\n"));
}

TEST_F(Arguments, MayNameTheServerBeforeOrAfterTheVerb) {
  environment_.erase("SLUICE_SERVER");
  control_.script().version.set_version("9.9");

  EXPECT_EQ(run({"--server", control_.address(), "version"}).code, 0);
  EXPECT_EQ(run({"version", "--server", control_.address()}).code, 0);
}

TEST_F(Arguments, OfHelpShowAnExampleOfEveryVerb) {
  for (const char* verb : {"apply", "delete", "plan", "diff", "validate", "compile", "get",
                           "describe", "history", "rollback", "drain", "undrain", "explain",
                           "flows", "top", "nodes", "version", "completion"}) {
    const Outcome outcome = run({verb, "--help"});
    EXPECT_EQ(outcome.code, 0) << verb;
    EXPECT_TRUE(has(outcome.out, "Example:")) << verb;
  }
  EXPECT_TRUE(has(run({"audit", "query", "--help"}).out, "Example:"));
}

TEST_F(Arguments, OfCompletionGiveAScript) {
  const Outcome outcome = run({"completion", "bash"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(has(outcome.out, "complete -F _sluice sluice"));
  EXPECT_TRUE(has(outcome.out, "explain"));
}

TEST_F(Arguments, OfCompletionGiveWhatTheVerbTakes) {
  const std::string script = run({"completion", "bash"}).out;

  EXPECT_TRUE(has(script, "completion) words=\"bash zsh "));
  EXPECT_TRUE(has(script, "drain) words=\"$(_sluice_names pools"));
  EXPECT_TRUE(has(script, "compile:-o)"));
}

using Settings = Cli;

TEST_F(Settings, MayBeAnEmptyFile) {
  environment_["SLUICE_CONFIG"] = write("config.yaml", "");

  EXPECT_EQ(run({"nodes"}).code, 0);
}

TEST_F(Settings, TakeTheServerFromTheContext) {
  environment_.erase("SLUICE_SERVER");
  environment_["SLUICE_CONFIG"] =
      write("config.yaml", "current_context: lab\ncontexts:\n  - {name: lab, server: \"" +
                               control_.address() + "\"}\n");
  control_.script().version.set_version("9.9");

  EXPECT_TRUE(has(run({"version"}).out, "sluice-controller 9.9"));
}

TEST_F(Settings, WithAnUnknownContextAreNotFound) {
  environment_["SLUICE_CONFIG"] = write("config.yaml", "contexts: [{name: lab}]\n");

  const Outcome outcome = run({"--context", "prod", "nodes"});

  EXPECT_EQ(outcome.code, 4);
  EXPECT_TRUE(has(outcome.err, "it has: lab")) << outcome.err;
}

TEST_F(Settings, ThatAreWrongNameFileAndLine) {
  environment_["SLUICE_CONFIG"] = write("config.yaml", "contexts: []\ncurrentContext: lab\n");

  const Outcome outcome = run({"nodes"});

  EXPECT_EQ(outcome.code, 3);
  EXPECT_TRUE(has(outcome.err, "config.yaml:2: ")) << outcome.err;
}

using Failure = Cli;

TEST_F(Failure, OfTheServerGivesTheExitCodeOfItsStatus) {
  const struct {
    grpc::StatusCode code;
    int exit_code;
  } kCases[] = {{grpc::StatusCode::INVALID_ARGUMENT, 1}, {grpc::StatusCode::FAILED_PRECONDITION, 1},
                {grpc::StatusCode::NOT_FOUND, 4},        {grpc::StatusCode::PERMISSION_DENIED, 5},
                {grpc::StatusCode::ABORTED, 6},          {grpc::StatusCode::DEADLINE_EXCEEDED, 7},
                {grpc::StatusCode::UNAVAILABLE, 8},      {grpc::StatusCode::INTERNAL, 1}};
  const std::string file = write("policy.yaml", "kind: Pool\n");
  for (const auto& one : kCases) {
    control_.script().status = grpc::Status(one.code, "because");
    const Outcome outcome = run({"apply", "-f", file});
    EXPECT_EQ(outcome.code, one.exit_code) << one.code << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(has(outcome.err, "error: ")) << outcome.err;
  }
}

TEST_F(Failure, ListsEveryViolationWithFileAndLine) {
  v1::ErrorDetail detail;
  v1::Violation& violation = *detail.add_violations();
  violation.set_file("policy.yaml");
  violation.set_line(31);
  violation.set_path("Pool/chat.spec.table_slots");
  violation.set_message("65536 is no prime");
  detail.add_violations()->set_message("second");
  control_.script().status = to_grpc(absl::InvalidArgumentError("2 violations"), detail);

  const Outcome outcome = run({"diff", "-f", write("policy.yaml", "")});

  EXPECT_EQ(outcome.err,
            "policy.yaml:31: Pool/chat.spec.table_slots: 65536 is no prime\n"
            "second\n"
            "error: 2 violations\n");
  EXPECT_EQ(outcome.code, 1);
}

TEST_F(Failure, ListsThousandsOfViolationsToo) {
  constexpr int kCount = 5000;
  v1::ErrorDetail detail;
  for (int i = 0; i < kCount; ++i)
    detail.add_violations()->set_message("nothing is right about this line of the policy");
  control_.script().status = to_grpc(absl::InvalidArgumentError("5000 violations"), detail);

  const Outcome outcome = run({"diff", "-f", write("policy.yaml", "")});

  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), kCount + 1);
  EXPECT_EQ(outcome.code, 1);
}

TEST_F(Failure, ToReachTheServerNamesTheAddressAndTheRemedy) {
  const std::string address = "unix:" + folder_.path("nobody.sock");

  const Outcome outcome = run({"nodes", "--server", address});

  EXPECT_EQ(outcome.code, 8);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(has(outcome.err, "cannot reach the controller at " + address)) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "SLUICE_SERVER")) << outcome.err;
}

TEST_F(Failure, ToAnswerInTimeIsNoUnreachableServer) {
  // Takes connections and never says a word.
  const std::string path = folder_.path("silent.sock");
  const int silent = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(::bind(silent, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(::listen(silent, 1), 0);

  const Outcome outcome = run({"nodes", "--server", "unix:" + path, "--timeout", "300ms"});
  ::close(silent);

  EXPECT_EQ(outcome.code, 7) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "no answer from unix:" + path + " within 300ms")) << outcome.err;
}

// Does not take a single byte.
struct FullDevice : std::streambuf {};

TEST_F(Failure, ToWriteTheOutputIsAnError) {
  FullDevice device;
  std::istringstream in;
  std::ostream out(&device);
  std::ostringstream err;
  Invocation invocation{
      .arguments = {"version"}, .environment = environment_, .in = in, .out = out, .err = err};

  EXPECT_EQ(run_cli(invocation), ExitCode::kError);
  EXPECT_EQ(err.str(), "error: cannot write to standard output\n");
}

TEST_F(Failure, ToReadAFileIsAnErrorThatNamesIt) {
  const Outcome outcome = run({"plan", "-f", folder_.path("none.yaml")});

  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(has(outcome.err, folder_.path("none.yaml"))) << outcome.err;
}

}  // namespace
}  // namespace sluice::controlplane::cli
