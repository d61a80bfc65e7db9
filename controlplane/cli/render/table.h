// SPDX-License-Identifier: Apache-2.0
//
// Rows of text in aligned columns.
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace sluice::controlplane::cli {

enum class Colour { kNone, kRed, kGreen, kYellow, kBold };

// Whether colours are written: only on a terminal, and never with NO_COLOR.
class Palette {
 public:
  enum class Mode { kPlain, kColoured };
  explicit Palette(Mode mode) : mode_(mode) {}
  std::string paint(Colour colour, const std::string& text) const;

 private:
  Mode mode_;
};

struct Cell {
  Cell(std::string cell_text,
       Colour cell_colour = Colour::kNone)  // NOLINT: rows are lists of texts
      : text(std::move(cell_text)), colour(cell_colour) {}
  Cell(const char* cell_text) : text(cell_text) {}  // NOLINT
  std::string text;
  Colour colour = Colour::kNone;
};

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> headers) : headers_(std::move(headers)) {}

  // Control characters of the texts are shown as `printable` does.
  void add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  // Each line begins with `indent` and has no trailing spaces; three spaces between columns.
  void print(std::ostream& out, const Palette& palette, const std::string& indent = "") const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<Cell>> rows_;  // each as long as headers_
};

}  // namespace sluice::controlplane::cli
