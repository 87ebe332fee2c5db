// How the check of a model and its child talk: words to it, an exit code and a line back.
#pragma once

#include <string>
#include <vector>

#include "inference/engine/engine.h"

namespace acloud::inference {

// The exit code of a child whose model can't be run; its last line says why.
inline constexpr int kUnsound = 3;

std::vector<std::string> words_of(const EngineOptions& options);

}  // namespace acloud::inference
