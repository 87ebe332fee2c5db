#include "cli/completion.h"

#include "base/json_text.h"
#include "cli/names.h"
#include "cli/options.h"
#include "cli/shape.h"

namespace acloud::cli {
namespace {

constexpr std::string_view kBash = R"(# acloud completion for bash: source <(acloud completion bash)
_acloud() {
  local IFS=$'\n'
  local words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null | cut -f1))
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}
complete -o default -F _acloud acloud
)";

constexpr std::string_view kZsh = R"(#compdef acloud
# acloud completion for zsh: source <(acloud completion zsh)
_acloud() {
  local -a candidates
  local word summary
  while IFS=$'\t' read -r word summary; do
    candidates+=("${word//:/\\:}${summary:+:$summary}")
  done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( ${#candidates} )); then _describe 'acloud' candidates; else _files; fi
}
compdef _acloud acloud
)";

constexpr std::string_view kFish = R"(# acloud completion for fish: acloud completion fish | source
function __acloud_complete
  set -l words (commandline -opc)
  set -l candidates ($words[1] __complete $words[2..] (commandline -ct) 2>/dev/null)
  if test (count $candidates) -gt 0
    printf '%s\n' $candidates
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c acloud -f -a '(__acloud_complete)'
)";

using Candidates = std::vector<Candidate>;

void add_options(Candidates& all) {
  for (const OptionFlag& option : option_flags())
    all.push_back({fmt::format("--{}", option.name), std::string(option.help)});
}

// The values that the flag `typed` may have; nothing where any text will do.
Candidates values_of(const Operation* operation, std::string_view typed) {
  Candidates all;
  if (operation) {
    const Shape request = Shape::of(operation->request, operation->request);
    const auto property = request.property(typed.substr(2));
    if (property.schema) {
      for (const auto& choice : Shape::of(*property.schema, operation->request).choices())
        all.push_back({choice, ""});
      return all;
    }
  }
  if (const OptionFlag* option = find_option(typed); option && option->name == "output") {
    for (const char* format : {"table", "json", "ndjson", "raw"}) all.push_back({format, ""});
  }
  return all;
}

bool takes_value(const Operation* operation, std::string_view word) {
  if (!word.starts_with("-") || word.find('=') != word.npos || word == "--") return false;
  if (operation && word.starts_with("--")) {
    const Shape request = Shape::of(operation->request, operation->request);
    if (const auto property = request.property(word.substr(2)); property.schema) {
      return !Shape::of(*property.schema, operation->request).is_flag();
    }
  }
  const OptionFlag* option = find_option(word);
  return option ? !option->placeholder.empty() : operation != nullptr && !word.starts_with("--no-");
}

Candidates flags_of(const Operation& operation) {
  Candidates all;
  for (const auto& property : Shape::of(operation.request, operation.request).properties()) {
    all.push_back({"--" + shown(property.name), text_at(*property.schema, "description")});
    if (operation.body_in == property.name) {
      all.push_back(
          {fmt::format("--{}-file", shown(property.name)), "Sent from a file; - is standard input."});
    }
  }
  add_options(all);
  return all;
}

// Where in a command line the word to complete stands.
struct Place {
  const Product* product = nullptr;
  const Operation* operation = nullptr;
  std::string first;      // the first word that is no flag
  std::string value_of;   // the flag whose value it is, or ""
  std::size_t words = 0;  // words before it that are no flags
};

Place place_of(const Catalog& catalog, Words before) {
  Place place;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (takes_value(place.operation, before[i])) {
      if (i + 1 == before.size()) place.value_of = before[i];
      ++i;
    } else if (!before[i].starts_with('-')) {
      if (place.words == 0) {
        place.first = before[i];
        place.product = catalog.find(before[i]);
      }
      if (place.words == 1 && place.product) place.operation = place.product->find(before[i]);
      ++place.words;
    }
  }
  return place;
}

Candidates all_candidates(const Catalog& catalog, const std::vector<LocalHelp>& local, const Place& place,
                          bool flag) {
  Candidates all;
  if (!place.value_of.empty()) return values_of(place.operation, place.value_of);
  if (place.operation) {
    if (flag) return flags_of(*place.operation);
    return all;
  }
  if (flag) {
    add_options(all);
  } else if (place.words == 0) {
    for (const Product& product : catalog.products) all.push_back({shown(product.name), product.summary});
    for (const LocalHelp& command : local) all.push_back({command.name, command.summary});
  } else if (place.words == 1 && place.product) {
    for (const Operation& operation : place.product->operations)
      all.push_back({shown(operation.name), operation.summary});
  } else if (place.words == 1 && place.first == "completion") {
    for (const char* shell : {"bash", "zsh", "fish"}) all.push_back({shell, ""});
  } else if (place.words == 1 && place.first == "schema") {
    for (const Product& product : catalog.products) {
      for (const Operation& operation : product.operations)
        all.push_back({operation.full_name(), operation.summary});
    }
  }
  return all;
}

}  // namespace

Result<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return fail(ErrorCode::invalid_argument, "acloud completion takes bash, zsh or fish, not \"{}\"", shell);
}

std::vector<Candidate> complete(const Catalog& catalog, const std::vector<LocalHelp>& local, Words words) {
  const std::string typed = words.empty() ? "" : words.back();
  const Words before = words.empty() ? words : words.first(words.size() - 1);
  const bool flag = typed.starts_with('-');
  Candidates candidates = all_candidates(catalog, local, place_of(catalog, before), flag);
  // Both spellings may be typed; the one with dashes is offered.
  std::erase_if(candidates,
                [&](const Candidate& one) { return !canonical(one.word).starts_with(canonical(typed)); });
  return candidates;
}

}  // namespace acloud::cli
