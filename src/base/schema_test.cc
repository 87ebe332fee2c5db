#include "base/schema.h"

#include <gtest/gtest.h>

namespace acloud {
namespace {

using namespace std::chrono_literals;

enum class Color { red, green };
constexpr auto enum_names(Color) {
  return std::array{std::pair{Color::red, std::string_view("red")},
                    std::pair{Color::green, std::string_view("green")}};
}

struct Limits {
  ByteCount memory = gibibytes(2);
  std::optional<int> processes;
  static constexpr auto schema =
      fields(field("memory_bytes", &Limits::memory, "Memory.", between(mebibytes(1), gibibytes(64))),
             field("processes", &Limits::processes, "Processes at most.", at_least(1)));
};

bool lower_case(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
}

struct Thing {
  std::string name;
  Color color = Color::red;
  std::chrono::seconds timeout{300};
  std::chrono::milliseconds wait{1500};
  Limits limits;
  std::vector<Limits> more;
  std::map<std::string, std::string> env;
  std::variant<std::string, std::vector<std::string>> command;
  std::optional<Time> created;
  Json extra = Json::object();
  static constexpr auto schema = fields(
      field("name", &Thing::name, "Its name.", required, length(1, 8), form(lower_case, "lower case")),
      field("color", &Thing::color, "Its colour."),
      field("timeout_s", &Thing::timeout, "Seconds.", between(1s, 24h)),
      field("wait_s", &Thing::wait, "Seconds."), field("limits", &Thing::limits, "What it may use."),
      field("more", &Thing::more, "Further limits.", length(0, 2)), field("env", &Thing::env, "Environment."),
      field("command", &Thing::command, "A line or words.", example(R"("ls -l")")),
      field("created", &Thing::created, "When."), field("extra", &Thing::extra, "Anything."));
};

std::string error_of(std::string_view text) {
  const auto thing = decode<Thing>(*parse_json(text));
  return thing ? "none" : thing.error().message();
}

TEST(Schema, ReadsWhatItWrote) {
  const std::string text =
      R"({"name":"abc","color":"green","timeout_s":60,"wait_s":0.25,"limits":{"memory_bytes":1048576},)"
      R"("more":[{"memory_bytes":2097152,"processes":4}],"env":{"A":"é\n"},"command":["ls","-l"],)"
      R"("created":"2026-11-22T10:00:00Z","extra":{"deep":[1,2.5,null]}})";
  const auto thing = decode<Thing>(*parse_json(text));
  ASSERT_TRUE(thing) << thing.error().message();
  EXPECT_EQ(encode(*thing), text);
}

TEST(Schema, KeepsDefaults) {
  const auto thing = decode<Thing>(*parse_json(R"({"name":"a"})"));
  ASSERT_TRUE(thing);
  EXPECT_EQ(thing->timeout, 300s);
  EXPECT_EQ(thing->limits.memory, gibibytes(2));
  EXPECT_FALSE(thing->created);
}

TEST(Schema, ErrorsNameTheFieldAndTheReason) {
  EXPECT_EQ(error_of(R"({"name":"a","limits":{"memory_bytes":12}})"),
            "limits.memory_bytes: 12 is below the minimum 1048576");
  EXPECT_EQ(error_of(R"({})"), "name: is required");
  EXPECT_EQ(error_of(R"({"name":7})"), "name: must be a string, not a number");
  EXPECT_EQ(error_of(R"({"name":"ABC"})"), R"(name: "ABC" is not lower case)");
  EXPECT_EQ(error_of(R"({"name":"abcdefghi"})"), "name: has 9 bytes, more than 8");
  EXPECT_EQ(error_of(R"({"name":"a","timeout_s":86401})"), "timeout_s: 86401 is above the maximum 86400");
  EXPECT_EQ(error_of(R"({"name":"a","timeout_s":1.5})"), "timeout_s: 1.5 is not an integer");
  EXPECT_EQ(error_of(R"({"name":"a","color":"blue"})"), R"(color: "blue" is not one of red, green)");
  EXPECT_EQ(error_of(R"({"name":"a","colour":"red"})"), R"(unknown field "colour"; did you mean color?)");
  EXPECT_EQ(error_of(R"({"name":"a","more":[{},{"processes":0}]})"),
            "more[1].processes: 0 is below the minimum 1");
  EXPECT_EQ(error_of(R"({"name":"a","more":[{},{},{}]})"), "more: has 3 items, more than 2");
  EXPECT_EQ(error_of(R"({"name":"a","command":7})"),
            "command: must be one of the documented forms, not a number");
  EXPECT_EQ(error_of(R"({"name":"a","env":{"A":null}})"), "env.A: must be a string, not null");
  EXPECT_EQ(error_of(R"({"name":"a","created":"noon"})"),
            R"(created: "noon" is not a time; write it like 2026-11-22T10:00:00Z)");
  EXPECT_EQ(error_of("[]"), "must be an object, not an array");
  const auto error = decode<Thing>(*parse_json(R"({"name":"a","limits":{"memory_bytes":12}})")).error();
  EXPECT_EQ(error.details().at("field"), "limits.memory_bytes");
}

TEST(Schema, DescribesItselfAsJsonSchema) {
  const OrderedJson schema = json_schema<Thing>();
  EXPECT_EQ(schema["required"], OrderedJson::array({"name"}));
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["properties"]["timeout_s"].dump(),
            R"({"type":"integer","description":"Seconds.","minimum":1,"maximum":86400,"default":300})");
  EXPECT_EQ(schema["properties"]["color"]["enum"], OrderedJson::array({"red", "green"}));
  EXPECT_EQ(schema["properties"]["command"]["anyOf"].size(), 2U);
  EXPECT_EQ(schema["properties"]["limits"]["properties"]["memory_bytes"]["minimum"], 1048576);
  EXPECT_EQ(schema["properties"].begin().key(), "name");
}

TEST(Schema, TextBecomesWhatTheSchemaWants) {
  const OrderedJson schema = json_schema<Thing>()["properties"];
  EXPECT_EQ(json_from_text(schema["timeout_s"], "60"), Json(60));
  EXPECT_EQ(json_from_text(schema["name"], "60"), Json("60"));
  EXPECT_EQ(json_from_text(schema["timeout_s"], "soon"), Json("soon"));
}

}  // namespace
}  // namespace acloud
