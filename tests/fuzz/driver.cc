// SPDX-License-Identifier: Apache-2.0
//
// Runs a fuzz target over a fixed number of inputs, made from seeds by seeded mutation: the same
// inputs everywhere. Usage: TARGET [--inputs N] [--seed S] [SEED_FILE...]. With clang the targets
// link libFuzzer instead of this file.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/seeds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

namespace {

using Random = std::mt19937_64;

constexpr size_t kInputBytesMax = 64 * 1024;
constexpr size_t kCorpusMax = 4096;

struct Options {
  uint64_t inputs = 200'000;
  uint64_t seed = 1;
  std::vector<std::string> files;
};

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--inputs" && i + 1 < argc) {
      options.inputs = std::strtoull(argv[++i], nullptr, 10);
    } else if (argument == "--seed" && i + 1 < argc) {
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      options.files.emplace_back(argument);
    }
  }
  return options;
}

size_t below(Random& random, size_t limit) {
  return limit == 0 ? 0 : random() % limit;
}

void flip_bit(Random& random, std::string& input) {
  if (input.empty()) return;
  char& byte = input[below(random, input.size())];
  byte = static_cast<char>(byte ^ (1 << below(random, 8)));
}

// Values at the edges of lengths, counts and flags find more than even ones.
void set_byte(Random& random, std::string& input) {
  constexpr uint8_t kEdges[] = {0x00, 0x01, 0x0f, 0x10, 0x7f, 0x80, 0xfe, 0xff};
  if (input.empty()) return;
  const size_t position = below(random, input.size());
  const bool edge = below(random, 2) == 0;
  input[position] = static_cast<char>(edge ? kEdges[below(random, std::size(kEdges))] : random());
}

void truncate(Random& random, std::string& input) {
  input.resize(below(random, input.size() + 1));
}

void erase_piece(Random& random, std::string& input) {
  const size_t begin = below(random, input.size() + 1);
  input.erase(begin, below(random, 32));
}

void insert_bytes(Random& random, std::string& input) {
  std::string piece(below(random, 16) + 1, '\0');
  for (char& byte : piece)
    byte = static_cast<char>(random());
  input.insert(below(random, input.size() + 1), piece);
}

void repeat_piece(Random& random, std::string& input) {
  const size_t begin = below(random, input.size() + 1);
  const std::string piece = input.substr(begin, below(random, 64));
  input.insert(below(random, input.size() + 1), piece);
}

void splice(Random& random, std::string& input, const std::string& other) {
  const size_t begin = below(random, other.size() + 1);
  input.replace(below(random, input.size() + 1), std::string::npos, other, begin,
                std::string::npos);
}

std::string mutate(Random& random, const std::vector<std::string>& corpus) {
  std::string input = corpus[below(random, corpus.size())];
  const size_t steps = 1 + below(random, 6);
  for (size_t step = 0; step < steps; ++step) {
    switch (below(random, 8)) {
      case 0:
        truncate(random, input);
        break;
      case 1:
        erase_piece(random, input);
        break;
      case 2:
        insert_bytes(random, input);
        break;
      case 3:
        repeat_piece(random, input);
        break;
      case 4:
        splice(random, input, corpus[below(random, corpus.size())]);
        break;
      case 5:
        flip_bit(random, input);
        break;
      default:
        set_byte(random, input);
        break;
    }
  }
  input.resize(std::min(input.size(), kInputBytesMax));
  return input;
}

// A copy of exactly this size on the heap, so that a sanitizer sees a read past the end.
void run_one(const std::string& input) {
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

bool read_files(const std::vector<std::string>& files, std::vector<std::string>& corpus) {
  for (const std::string& file : files) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) {
      std::cerr << file << ": cannot be read\n";
      return false;
    }
    corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  std::vector<std::string> corpus = sluice::fuzz::seeds();
  if (!read_files(options.files, corpus)) return 2;
  corpus.emplace_back();

  for (const std::string& input : corpus)
    run_one(input);
  Random random(options.seed);
  for (uint64_t i = 0; i < options.inputs; ++i) {
    std::string input = mutate(random, corpus);
    run_one(input);
    if (corpus.size() < kCorpusMax && below(random, 64) == 0) corpus.push_back(std::move(input));
  }
  std::cout << options.inputs << " inputs from seed " << options.seed << ": nothing found\n";
  return 0;
}
