// The models that tests run: random weights in the shape of acloud-tiny, made by the build (models/random).
#pragma once

#include <string>

#include "inference/engine/model_check.h"

namespace acloud::inference::testing {

inline std::string random_model() { return ACLOUD_RANDOM_MODEL; }
inline ModelCheck model_check() { return {.program = {ACLOUD_CHECK_MODEL}}; }

}  // namespace acloud::inference::testing
