// Checks values against a JSON Schema that a stranger wrote (2020-12, the part below).
//
//   auto schema = JsonSchema::compile(json);               // errors: what acloud can't check
//   for (const std::string& wrong : schema->check(value))  // "items[2].price: must be number, not \"cheap\""
//
// Takes type, enum, const, properties, required, additionalProperties, propertyNames, minProperties,
// maxProperties, dependentRequired, items, prefixItems, contains, minContains, maxContains, minItems,
// maxItems, uniqueItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength,
// maxLength, allOf, anyOf, oneOf, not, if, then, else, $ref within the schema ("#", "#/$defs/name"), $defs
// and definitions, and what only describes: title, description, default, examples, format and the like. A
// keyword that asserts something else (pattern, unevaluatedProperties) is refused rather than passed over: an
// answer that fits must fit.
//
// A schema can say what takes for ever to check, so a check has a bound on its work; what is over it does not
// fit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace acloud {

class JsonSchema {
 public:
  static constexpr std::size_t kSchemaMost = 256 << 10;  // bytes of a schema
  static constexpr std::size_t kProblemsMost = 8;        // that one check tells
  static constexpr std::size_t kWorkMost = 200'000;      // schemas applied to values in one check
  static constexpr int kDeepest = 256;                   // of schemas applied within each other

  // Errors: invalid_argument, naming the place in the schema: "/properties/a/type: ...".
  static Result<JsonSchema> compile(Json schema);

  // What is wrong with `value`; empty: it fits.
  std::vector<std::string> check(const Json& value) const;

 private:
  explicit JsonSchema(std::shared_ptr<const Json> schema) : schema_(std::move(schema)) {}
  std::shared_ptr<const Json> schema_;  // shared by copies; never changes
};

}  // namespace acloud
