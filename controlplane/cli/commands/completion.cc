// SPDX-License-Identifier: Apache-2.0
//
// sluice completion: what a shell needs to complete verbs, options and kinds.
#include <memory>

#include "controlplane/cli/kinds.h"
#include "controlplane/cli/verbs.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

// The verbs of `app` and its long options, as one list of words.
std::string words_of(const CLI::App& app) {
  std::string words;
  for (const CLI::App* verb : app.get_subcommands(nullptr))
    words += verb->get_name() + " ";
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      words += "--" + name + " ";
  }
  return words;
}

// Runs `sluice` for the names of objects; without a controller it completes none of them.
constexpr char kNames[] =
    "_sluice_names() { command sluice --timeout 1s get \"$1\" -o name 2>/dev/null; }\n";

constexpr char kVerb[] =
    "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb='' at\n"
    "  for ((at = 1; at < COMP_CWORD; ++at)); do\n"
    "    case ${COMP_WORDS[at]} in\n"
    "      --server|--context|--timeout) ((++at)) ;;\n"
    "      -*) ;;\n"
    "      *) verb=${COMP_WORDS[at]}; break ;;\n"
    "    esac\n"
    "  done\n"
    "  local words\n";

constexpr char kReply[] =
    "  case $verb:$before in\n"
    "    *:-f|*:--filename|*:--plan|*:--out|*:--key|compile:-o)\n"
    "      COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
    "    *:-o|*:--output) COMPREPLY=($(compgen -W 'table wide json yaml name' -- \"$current\")) "
    ";;\n"
    "    *) COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
    "  esac\n";

// What a verb takes beside its options; "" : nothing that can be listed.
std::string arguments_of(const std::string& verb) {
  if (verb == "completion") return "bash zsh ";
  if (verb == "delete") return "$(_sluice_names all) ";
  if (verb == "drain" || verb == "undrain") {
    return "$(_sluice_names pools | sed s/^Pool/pool/) $(_sluice_names backends) ";
  }
  if (verb != "get" && verb != "describe") return "";
  std::string object_kinds = verb == "get" ? "all backends nodes " : "";
  for (const Kind& kind : kinds())
    object_kinds += std::string(kind.plural) + " ";
  return object_kinds;
}

std::string script_of(const CLI::App& app) {
  std::string script = fmt::format("{}_sluice() {{\n{}  case $verb in\n", kNames, kVerb);
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    script += fmt::format("    {}) words=\"{}{}\" ;;\n", verb->get_name(),
                          arguments_of(verb->get_name()), words_of(*verb));
  }
  script += fmt::format("    *) words=\"{}\" ;;\n  esac\n", words_of(app));
  // The second word of `get pool NAME`.
  script +=
      "  if [[ $verb == get || $verb == describe ]] && ((COMP_CWORD == at + 2)); then\n"
      "    words+=\" $(_sluice_names \"$before\" | sed 's#^[^/]*/##')\"\n"
      "  fi\n";
  return fmt::format("{}{}}}\ncomplete -F _sluice sluice\n", script, kReply);
}

}  // namespace

void add_completion(Verbs& verbs) {
  const auto shell = std::make_shared<std::string>();
  CLI::App& verb =
      verbs.add("completion", "Write a completion script for bash or zsh",
                "source <(sluice completion bash)", [shell, &app = verbs.app()](Session& session) {
                  if (*shell == "zsh")
                    session.out() << "autoload -U +X bashcompinit && bashcompinit\n";
                  session.out() << script_of(app);
                  return ExitCode::kOk;
                });
  verb.add_option("shell", *shell, "bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
}

}  // namespace sluice::controlplane::cli
