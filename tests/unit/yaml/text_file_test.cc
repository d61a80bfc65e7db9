// SPDX-License-Identifier: Apache-2.0
//
// Whole files of text.
#include "dataplane/yaml/text_file.h"

#include <fstream>

#include "gtest/gtest.h"
#include "tests/support/temporary_directory.h"

namespace sluice {
namespace {

TEST(TextFile, IsReadWholeAndMayBeEmpty) {
  const testing::TemporaryDirectory folder;
  std::ofstream(folder.path("empty"));
  std::ofstream(folder.path("text")) << "a\nb";

  EXPECT_EQ(*read_text_file(folder.path("empty")), "");
  EXPECT_EQ(*read_text_file(folder.path("text")), "a\nb");
}

TEST(TextFile, SaysWhyItCannotBeRead) {
  const testing::TemporaryDirectory folder;
  const auto message = [](const std::string& path) {
    return std::string(read_text_file(path).status().message());
  };

  EXPECT_EQ(message("/nowhere/x"), "cannot read /nowhere/x: No such file or directory");
  EXPECT_EQ(message(folder.path("")), "cannot read " + folder.path("") + ": Is a directory");
}

}  // namespace
}  // namespace sluice
