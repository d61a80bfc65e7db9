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

std::string script_of(const CLI::App& app) {
  std::string object_kinds = "backends nodes ";
  for (const Kind& kind : kinds())
    object_kinds += std::string(kind.plural) + " ";

  std::string script =
      "_sluice() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} verb='' word\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [[ $word == -* ]] || { verb=$word; break; }\n"
      "  done\n"
      "  local words\n"
      "  case $verb in\n";
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    const bool takes_kind = verb->get_name() == "get" || verb->get_name() == "describe";
    script += fmt::format("    {}) words='{}{}' ;;\n", verb->get_name(), words_of(*verb),
                          takes_kind ? object_kinds : "");
  }
  script += fmt::format("    *) words='{}' ;;\n", words_of(app));
  script +=
      "  esac\n"
      "  case ${COMP_WORDS[COMP_CWORD-1]} in\n"
      "    -f|--filename|--plan|--out|--key) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
      "    -o|--output) COMPREPLY=($(compgen -W 'table wide json yaml name' -- \"$current\")) ;;\n"
      "    *) COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
      "  esac\n"
      "}\n"
      "complete -F _sluice sluice\n";
  return script;
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
