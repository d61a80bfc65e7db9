// SPDX-License-Identifier: Apache-2.0
//
// Prints plans.
#include "controlplane/cli/render/plan.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "controlplane/cli/render/text.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

constexpr double kWholeShare = 1'000'000;

struct ActionStyle {
  const char* sign;
  Colour colour;
  const char* done;
};

ActionStyle style_of(v1::ObjectDiff::Action action) {
  switch (action) {
    case v1::ObjectDiff::ACTION_CREATE:
      return {"+", Colour::kGreen, "created"};
    case v1::ObjectDiff::ACTION_DELETE:
      return {"-", Colour::kRed, "deleted"};
    default:
      return {"~", Colour::kYellow, "changed"};
  }
}

std::string object_text(const v1::ObjectDiff& object) {
  return fmt::format("{}/{}", object.kind(), object.name());
}

// Values of one line stand beside their path; longer ones below it, line by line.
void print_value(std::ostream& out, const std::string& sign, const std::string& yaml, Colour colour,
                 const Palette& palette) {
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(yaml, '\n'))) {
    out << palette.paint(colour, fmt::format("        {} {}", sign, line)) << '\n';
  }
}

void print_field(std::ostream& out, const v1::FieldDiff& field, const Palette& palette) {
  const std::string before(absl::StripSuffix(field.before(), "\n"));
  const std::string after(absl::StripSuffix(field.after(), "\n"));
  const bool is_short =
      before.find('\n') == std::string::npos && after.find('\n') == std::string::npos;
  if (!is_short) {
    out << fmt::format("    ~ {}:\n", field.path());
    if (!before.empty()) print_value(out, "-", before, Colour::kRed, palette);
    if (!after.empty()) print_value(out, "+", after, Colour::kGreen, palette);
  } else if (before.empty()) {
    out << "    " << palette.paint(Colour::kGreen, fmt::format("+ {}: {}", field.path(), after))
        << '\n';
  } else if (after.empty()) {
    out << "    " << palette.paint(Colour::kRed, fmt::format("- {}: {}", field.path(), before))
        << '\n';
  } else {
    out << "    "
        << palette.paint(Colour::kYellow,
                         fmt::format("~ {}: {} -> {}", field.path(), before, after))
        << '\n';
  }
}

}  // namespace

void print_diff(std::ostream& out, const v1::PlanResponse& plan, const Palette& palette) {
  for (const v1::ObjectDiff& object : plan.diff()) {
    const ActionStyle style = style_of(object.action());
    out << palette.paint(style.colour, fmt::format("{} {}", style.sign, object_text(object)))
        << '\n';
    for (const v1::FieldDiff& field : object.fields())
      print_field(out, field, palette);
  }
}

void print_shares(std::ostream& out, const v1::PlanResponse& plan, const Palette& palette) {
  if (plan.shares().empty()) return;
  TextTable table({"SERVICE", "CLASS", "POOL", "BEFORE", "AFTER"});
  for (const v1::ShareChange& share : plan.shares()) {
    const Colour colour = share.after() > share.before() ? Colour::kGreen : Colour::kRed;
    table.add({share.service(),
               share.client_class(),
               share.pool(),
               percent_text(share.before(), kWholeShare),
               {percent_text(share.after(), kWholeShare), colour}});
  }
  out << "\nShares of new clients while every pool serves:\n";
  table.print(out, palette, "  ");
}

void print_names(std::ostream& out, const v1::PlanResponse& plan) {
  for (const v1::ObjectDiff& object : plan.diff())
    out << object_text(object) << '\n';
}

void print_warnings(std::ostream& err, const v1::PlanResponse& plan) {
  for (const v1::Violation& warning : plan.warnings()) {
    err << "warning: ";
    if (!warning.file().empty()) err << warning.file() << ':' << warning.line() << ": ";
    if (!warning.path().empty()) err << warning.path() << ": ";
    err << warning.message() << '\n';
  }
}

void print_nodes(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::NodeResult>& nodes,
                 const Palette& palette) {
  for (const v1::NodeResult& node : nodes) {
    out << fmt::format("node {}: ", node.node());
    if (node.committed()) {
      out << palette.paint(Colour::kGreen, "committed") << '\n';
    } else {
      out << palette.paint(Colour::kYellow, "not yet, catches up by itself") << " ("
          << node.message() << ")\n";
    }
  }
}

void print_applied(std::ostream& out, const v1::ApplyResponse& response, const Palette& palette) {
  for (const v1::ObjectDiff& object : response.plan().diff()) {
    const ActionStyle style = style_of(object.action());
    out << object_text(object) << ' ' << palette.paint(style.colour, style.done) << '\n';
  }
  if (response.plan().diff().empty()) {
    out << fmt::format("nothing changes: revision {}, generation {}\n", response.revision(),
                       response.generation());
  } else {
    out << fmt::format("revision {}, generation {}\n", response.revision(), response.generation());
  }
  print_strikes(out, response.plan());
  print_nodes(out, response.nodes(), palette);
}

}  // namespace sluice::controlplane::cli
