// A JSON Schema as a list that people and agents read.
#pragma once

#include <string>

#include "base/schema.h"

namespace acloud::surfaces::skills {

// "- `bucket` (string, required): Name of the bucket." a field, nested ones indented; "" for an object
// without fields. What lies deeper than a few steps is left to the JSON Schema itself.
std::string fields_of(const OrderedJson& schema, int depth = 0);

}  // namespace acloud::surfaces::skills
