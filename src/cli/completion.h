// Completion in shells. The scripts know nothing: they ask `acloud __complete WORD ...`, which answers from
// the cached catalog, so new operations complete as soon as they are known.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/catalog.h"
#include "cli/help.h"

namespace acloud::cli {

// The script for "bash", "zsh" or "fish". Errors: invalid_argument.
Result<std::string> completion_script(std::string_view shell);

struct Candidate {
  std::string word;
  std::string summary;
};
// What the last of `words` may become; the words before it are as typed, without the program's name.
// Nothing where a file name is wanted, which the shell completes itself.
std::vector<Candidate> complete(const Catalog& catalog, const std::vector<LocalHelp>& local, Words words);

}  // namespace acloud::cli
