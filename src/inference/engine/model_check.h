// Is a model file safe to load? llama.cpp checks much of a file, not all: a broken or hostile one may end the
// process that loads it, or keep it busy for ever. So it is first loaded and run for a token in a child
// process with limits, and only a file that passes is loaded by the server.
//
// A file that was made to run code in the child and to pass is not stopped by this: take models from where
// you would take programs from.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "inference/engine/engine.h"

namespace acloud::inference {

struct ModelCheck {
  // The command that runs check_model_main(): the words of the model come after these.
  std::vector<std::string> program = {"/proc/self/exe", "check-model"};
  std::chrono::seconds limit{120};
};

// Blocks until the child is done. Errors: not_found: no such file; invalid_argument: why it can't be run: the
// reason that the child gave, or how it died; internal: no child could be started.
Result<> check_model(const EngineOptions& options, const ModelCheck& check);

// The child's side: `words` are those that check_model() added. The exit code: 0 where the model is sound.
int check_model_main(std::span<const std::string> words);

}  // namespace acloud::inference
