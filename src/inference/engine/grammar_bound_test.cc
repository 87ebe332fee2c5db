#include "inference/engine/grammar_bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acloud::inference {
namespace {

std::string times(std::string_view part, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += part;
  return all;
}

TEST(CheckAmbiguity, TakesWhatPeopleWrite) {
  for (const std::string& grammar : std::vector<std::string>{
           std::string(R"(root ::= "a")"),
           std::string(R"(root ::= object
object ::= "{" space ( pair ("," space pair)* )? "}" space
pair ::= string ":" space value # of an object
string ::= "\"" ([^"\\] | "\\" ["\\/bfnrt])* "\"" space
value ::= object | string | number | ("true" | "false" | "null") space
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9]+)? space
space ::= | " " | "\n"{1,2} [ \t]{0,20})"),
           R"(root ::= [a-z0-9._]+ "@" ([a-z0-9]{1,63} "."){1,10} [a-z]{2,63})",
           "root ::= \"\\\"\" [a-z]{0,100000} \"\\\"\"",
           "root ::= " + times("[a-z]* \",\" ", 500),
           "root ::= " + times("(\"a\" | \"b\")* ", 24),
           "root ::= " + times("(\"key\" \":\" [a-z]* )? ", 200),
           std::string("root ::= root"),
           std::string("not a grammar"),
           std::string(),
           std::string("root ::= ((("),
       }) {
    const auto checked = check_ambiguity(grammar);
    EXPECT_TRUE(checked) << grammar;
  }
}

TEST(CheckAmbiguity, RefusesWhatHasTooManyWays) {
  for (const std::string& grammar : std::vector<std::string>{
           "root ::= \"x\" " + times("(\"a\" | \"b\")* ", 50),
           "root ::= " + times("[a-z]+ ", 60),
           "root ::= " + times("\"a\"? ", 300),
           std::string("root ::= ((([a-z]?){0,40}) [a-z]?){0,40}"),
           "root ::= " + times("many ", 60) + "\nmany ::= [a-z]*\n",
           "root ::= " + times("(", 1000),
           std::string("root ::= (\"a\" \"b\"{4,1})?"),
       }) {
    const auto checked = check_ambiguity(grammar);
    ASSERT_FALSE(checked) << grammar;
    EXPECT_EQ(checked.error().code(), ErrorCode::invalid_argument);
  }
  EXPECT_THAT(check_ambiguity("a ::= \"x\"\nroot ::= " + times("[a-z]* ", 60)).error().message(),
              ::testing::HasSubstr("in root too many"));
}

}  // namespace
}  // namespace acloud::inference
