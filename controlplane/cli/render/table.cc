// SPDX-License-Identifier: Apache-2.0
//
// Aligns and colours tables.
#include "controlplane/cli/render/table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "controlplane/cli/render/text.h"

namespace sluice::controlplane::cli {
namespace {

constexpr size_t kGap = 3;

const char* start_of(Colour colour) {
  switch (colour) {
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kBold:
      return "\x1b[1m";
    case Colour::kNone:
      break;
  }
  return "";
}

// Columns that the text takes on a terminal: continuation bytes of UTF-8 take none.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

std::string Palette::paint(Colour colour, const std::string& text) const {
  if (mode_ == Mode::kPlain || colour == Colour::kNone || text.empty()) return text;
  return start_of(colour) + text + "\x1b[0m";
}

void TextTable::add(std::vector<Cell> row) {
  for (Cell& cell : row)
    cell.text = printable(cell.text);
  rows_.push_back(std::move(row));
}

void TextTable::print(std::ostream& out, const Palette& palette, const std::string& indent) const {
  std::vector<size_t> widths;
  for (const std::string& header : headers_)
    widths.push_back(width_of(header));
  for (const std::vector<Cell>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i].text));
  }

  const auto print_row = [&](const std::vector<Cell>& row) {
    std::string line = indent;
    std::string padding;
    for (size_t i = 0; i < row.size(); ++i) {
      if (!row[i].text.empty()) {
        line += padding + palette.paint(row[i].colour, row[i].text);
        padding.clear();
      }
      padding.append(widths[i] - width_of(row[i].text) + kGap, ' ');
    }
    out << line << '\n';
  };
  std::vector<Cell> header_row;
  for (const std::string& header : headers_)
    header_row.emplace_back(header, Colour::kBold);
  print_row(header_row);
  for (const std::vector<Cell>& row : rows_)
    print_row(row);
}

}  // namespace sluice::controlplane::cli
