// SPDX-License-Identifier: Apache-2.0
//
// YAML text into node trees.
#include "dataplane/yaml/load_documents.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace sluice {
namespace {

struct Loaded {
  std::vector<YamlDocument> documents;
  std::vector<YamlProblem> problems;
};

Loaded load(const std::string& text) {
  Loaded loaded;
  loaded.documents = load_documents(text, loaded.problems);
  return loaded;
}

TEST(LoadDocuments, KeepsTheLinesOfEveryDocument) {
  const Loaded loaded = load("a: 1\n---\n# nothing\n---\nb: 2\n--- {c: 3}\n");

  ASSERT_EQ(loaded.documents.size(), 3u);
  EXPECT_EQ(loaded.documents[0].first_line, 1u);
  EXPECT_EQ(loaded.documents[1].first_line, 4u);
  EXPECT_EQ(loaded.documents[2].first_line, 6u);
  EXPECT_TRUE(loaded.problems.empty());
}

TEST(LoadDocuments, LoadsTheOthersWhenOneHasASyntaxError) {
  const Loaded loaded = load("a: 1\n---\nb: [1, 2\nc: }\n---\nd: 4\n");

  EXPECT_EQ(loaded.documents.size(), 2u);
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_EQ(loaded.problems[0].line, 4u);
  EXPECT_TRUE(loaded.problems[0].message.starts_with("no valid YAML: "))
      << loaded.problems[0].message;
}

TEST(LoadDocuments, RefusesWhatStandsAfterTheEnd) {
  for (const char* text :
       {",`labels: {k: v}}\nsd: Client", "]", "{a: 1} {b: 2}", "[a]\n]", "a: 1\n}"}) {
    const Loaded loaded = load(text);
    EXPECT_TRUE(loaded.documents.empty()) << text;
    EXPECT_EQ(loaded.problems.size(), 1u) << text;
  }
  EXPECT_EQ(load("[a]\n]").problems[0].line, 2u);
}

TEST(LoadDocuments, EndsADocumentAtThreeDots) {
  const Loaded loaded =
      load("%YAML 1.2\n---\na: 1\n...\nb: 2\n...\n...\n---\nc: |\n  ---\n  ...\n");

  EXPECT_TRUE(loaded.problems.empty());
  ASSERT_EQ(loaded.documents.size(), 3u);
  EXPECT_EQ(loaded.documents[1].first_line, 5u);
  EXPECT_EQ(loaded.documents[2].root["c"].Scalar(), "---\n...\n");
}

TEST(LoadDocuments, RefusesWhatIsNoText) {
  for (const std::string& bytes : {std::string("a: 1\nb: \x04\n"), std::string("a: 1\n\xff\xfe\n"),
                                   std::string("a: 1\nb\0: 2\n", 12)}) {
    const Loaded loaded = load(bytes);
    EXPECT_TRUE(loaded.documents.empty());
    ASSERT_EQ(loaded.problems.size(), 1u);
    EXPECT_EQ(loaded.problems[0].line, 2u);
    EXPECT_EQ(loaded.problems[0].message, "the line is no UTF-8 text, or has control characters");
  }
}

TEST(LoadDocuments, AcceptsCarriageReturnsAtLineEnds) {
  const Loaded loaded = load("a: 1\r\n---\r\nb: 2\r\n");

  EXPECT_EQ(loaded.documents.size(), 2u);
  EXPECT_TRUE(loaded.problems.empty());
}

TEST(LoadDocuments, SurvivesDeepNestingAndUnknownAnchors) {
  EXPECT_EQ(load(std::string(100'000, '[')).problems.size(), 1u);
  EXPECT_EQ(load("a: " + std::string(100'000, '{')).problems.size(), 1u);
  EXPECT_EQ(load("a: *missing\n").problems.size(), 1u);
}

TEST(LoadDocuments, RefusesTooLongText) {
  const Loaded loaded = load(std::string(kYamlBytesMax + 1, '\n'));

  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_EQ(loaded.problems[0].message, "the text has 67108865 bytes, at most 67108864 are read");
}

}  // namespace
}  // namespace sluice
