// SPDX-License-Identifier: Apache-2.0
//
// What -f names: files, directories and standard input.
#include "controlplane/cli/input_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/temporary_directory.h"

namespace sluice::controlplane::cli {
namespace {

class InputFiles : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name)) << text;
  }
  std::string folder() const { return temporary_.path("policies"); }
  std::string path(const std::string& name) const { return folder() + "/" + name; }

  testing::TemporaryDirectory temporary_;
  std::istringstream in_{"from: stdin\n"};
};

TEST_F(InputFiles, OfADirectoryAreItsYamlRecursivelyAndSorted) {
  write("b.yaml", "b: 1\n");
  write("a/z.yml", "z: 1\n");
  write("a/readme.md", "no policy");

  const auto files = read_policy_files({folder()}, in_);

  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ((*files)[0].name(), path("a/z.yml"));
  EXPECT_EQ((*files)[1].yaml(), "b: 1\n");
}

TEST_F(InputFiles, KeepTheOrderOfTheArguments) {
  write("x.txt", "x: 1\n");

  const auto files = read_policy_files({"-", path("x.txt")}, in_);

  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ((*files)[0].name(), "-");
  EXPECT_EQ((*files)[0].yaml(), "from: stdin\n");
  EXPECT_EQ((*files)[1].yaml(), "x: 1\n");
}

TEST_F(InputFiles, ThatAreMissingAreNotFound) {
  EXPECT_TRUE(absl::IsNotFound(read_policy_files({path("none.yaml")}, in_).status()));
}

TEST_F(InputFiles, ThatAreNoUtf8NameTheLine) {
  write("latin.yaml", "kind: Pool\nname: gr\xf6sse\n");

  EXPECT_EQ(read_policy_files({path("latin.yaml")}, in_).status().message(),
            path("latin.yaml") + ":2: is not UTF-8: name: gr\\xf6sse");
}

TEST_F(InputFiles, OfADirectoryAreNotThoseInHiddenFolders) {
  write(".github/workflow.yml", "jobs: 1\n");
  write("a.yaml", "a: 1\n");

  EXPECT_EQ(read_policy_files({folder()}, in_)->size(), 1u);
}

TEST_F(InputFiles, OfADirectoryWithoutPolicyAreAnError) {
  write("readme.md", "no policy");

  EXPECT_TRUE(absl::IsInvalidArgument(read_policy_files({folder()}, in_).status()));
}

}  // namespace
}  // namespace sluice::controlplane::cli
