#include "base/json_schema.h"

#include <gtest/gtest.h>

namespace acloud {
namespace {

Json json(std::string_view text) { return parse_json(text).value(); }

// What is wrong with `value`, on one line; "" where it fits.
std::string wrong(std::string_view schema, std::string_view value) {
  const auto compiled = JsonSchema::compile(json(schema));
  EXPECT_TRUE(compiled) << compiled.error().message();
  if (!compiled) return "no schema";
  return fmt::format("{}", fmt::join(compiled->check(json(value)), "; "));
}

struct Case {
  const char* schema;
  std::vector<const char*> fit, miss;
};

TEST(JsonSchema, TakesWhatFitsAndRefusesWhatDoesNot) {
  const std::vector<Case> cases{
      {"true", {"1", "null"}, {}},
      {"false", {}, {"1", "null"}},
      {R"({"type":"integer"})", {"1", "1.0", "-7"}, {"1.5", "\"1\"", "null"}},
      {R"({"type":["number","null"]})", {"1.5", "null"}, {"\"\"", "[]"}},
      {R"({"enum":["a",1,{"b":2}]})", {"\"a\"", "1.0", R"({"b":2})"}, {"\"b\"", R"({"b":3})"}},
      {R"({"const":null})", {"null"}, {"0", "false"}},
      {R"({"properties":{"a":{"type":"string"}},"required":["a"]})",
       {R"({"a":"x","b":1})", "7"},
       {"{}", R"({"a":1})"}},
      {R"({"properties":{"a":true},"additionalProperties":false})", {"{}", R"({"a":1})"}, {R"({"b":1})"}},
      {R"({"additionalProperties":{"type":"number"}})", {R"({"b":1})"}, {R"({"b":"1"})"}},
      {R"({"propertyNames":{"maxLength":2}})", {R"({"ab":1})"}, {R"({"abc":1})"}},
      {R"({"minProperties":1,"maxProperties":2})", {R"({"a":1})"}, {"{}", R"({"a":1,"b":1,"c":1})"}},
      {R"({"dependentRequired":{"a":["b"]}})", {"{}", R"({"a":1,"b":1})"}, {R"({"a":1})"}},
      {R"({"items":{"type":"string"},"minItems":1,"maxItems":2})",
       {R"(["a"])"},
       {"[]", R"(["a","b","c"])", "[1]"}},
      {R"({"prefixItems":[{"type":"string"}],"items":{"type":"number"}})",
       {R"(["a",1,2])", "[]"},
       {"[1]", R"(["a","b"])"}},
      {R"({"contains":{"const":7},"maxContains":2})", {"[7]", "[1,7,7]"}, {"[]", "[7,7,7]"}},
      {R"({"contains":{"const":7},"minContains":0})", {"[]"}, {}},
      {R"({"uniqueItems":true})", {R"([1,"1",[1]])"}, {"[1,2,1]", "[[1],[1]]"}},
      {R"({"minimum":1,"exclusiveMaximum":3})", {"1", "2.9"}, {"0.9", "3"}},
      {R"({"maximum":3,"exclusiveMinimum":1})", {"3", "1.1"}, {"1", "3.1"}},
      {R"({"multipleOf":0.1})", {"0.3", "7"}, {"0.35"}},
      {R"({"multipleOf":3})", {"9", "-3", "18446744073709551615"}, {"10"}},
      {R"({"minLength":2,"maxLength":3})", {R"("åß")", R"("abc")"}, {R"("å")", R"("abcd")"}},
      {R"({"allOf":[{"minimum":1},{"maximum":2}]})", {"1"}, {"3"}},
      {R"({"anyOf":[{"type":"string"},{"minimum":3}]})", {"\"a\"", "3"}, {"2"}},
      {R"({"oneOf":[{"minimum":1},{"minimum":3}]})", {"2"}, {"0", "4"}},
      {R"({"not":{"type":"string"}})", {"1"}, {"\"\""}},
      {R"({"if":{"type":"string"},"then":{"minLength":1},"else":{"minimum":1}})",
       {"\"a\"", "1"},
       {"\"\"", "0"}},
      {R"({"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}})", {"\"a\""}, {"1"}},
      {R"({"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false})",
       {R"({"next":{"next":{}}})"},
       {R"({"next":{"text":{}}})"}},
  };
  for (const Case& each : cases) {
    for (const char* value : each.fit)
      EXPECT_EQ(wrong(each.schema, value), "") << each.schema << " " << value;
    for (const char* value : each.miss)
      EXPECT_NE(wrong(each.schema, value), "") << each.schema << " " << value;
  }
}

TEST(JsonSchema, SaysWhereAndWhat) {
  EXPECT_EQ(
      wrong(
          R"({"properties":{"items":{"items":{"required":["id"],"properties":{"price":{"type":"number"}}}}}})",
          R"({"items":[{"id":1},{"price":"cheap"}]})"),
      R"(items[1].id: is missing; items[1].price: must be "number", not "cheap")");
  EXPECT_EQ(wrong(R"({"anyOf":[{"type":"string"},{"required":["a","b"]}]})", "{}"),
            "the value: fits none of 2 forms; the nearest:; the value: must be \"string\", not {}");
  const std::string many = wrong(R"({"items":{"type":"string"}})", "[1,2,3,4,5,6,7,8,9,10,11,12]");
  EXPECT_EQ(std::ranges::count(many, ';'), JsonSchema::kProblemsMost - 1);
}

TEST(JsonSchema, RefusesSchemasThatItCanNotCheck) {
  for (const char* schema : {"7",
                             "[]",
                             "\"string\"",
                             R"({"type":"text"})",
                             R"({"type":[]})",
                             R"({"pattern":"a+"})",
                             R"({"enum":[]})",
                             R"({"requierd":["a"]})",
                             R"({"required":"a"})",
                             R"({"properties":[]})",
                             R"({"properties":{"a":7}})",
                             R"({"minItems":-1})",
                             R"({"minItems":1.5})",
                             R"({"multipleOf":0})",
                             R"({"anyOf":[]})",
                             R"({"not":[]})",
                             R"({"$ref":"#/$defs/none"})",
                             R"({"$ref":"https://example.com/a"})",
                             R"({"$ref":"#/~7"})",
                             R"({"$ref":7})",
                             R"({"uniqueItems":1})",
                             R"({"dependentRequired":{"a":"b"}})"}) {
    const auto compiled = JsonSchema::compile(json(schema));
    ASSERT_FALSE(compiled) << schema;
    EXPECT_EQ(compiled.error().code(), ErrorCode::invalid_argument);
  }
  EXPECT_TRUE(JsonSchema::compile(json(R"({"properties":{"a":{"type":"text"}}})"))
                  .error()
                  .message()
                  .starts_with("/properties/a/type: must be one of"));
}

// A reference can lead to what is not a schema at all: found when it is followed through, not trusted.
TEST(JsonSchema, AReferenceLeadsToASchema) {
  const auto compiled = JsonSchema::compile(json(R"({"$ref":"#/default","default":7})"));
  EXPECT_FALSE(compiled);
}

TEST(JsonSchema, WhatTakesForEverDoesNotFit) {
  EXPECT_NE(wrong(R"({"$ref":"#"})", "1"), "");
  EXPECT_NE(
      wrong(
          R"({"anyOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]}}})",
          "1"),
      "");
}

}  // namespace
}  // namespace acloud
