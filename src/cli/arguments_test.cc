#include "cli/arguments.h"

#include <gtest/gtest.h>

#include "cli/completion.h"
#include "cli/help.h"
#include "cli/names.h"
#include "cli/testing/sample_catalog.h"

namespace acloud::cli {
namespace {

const Catalog& catalog() {
  static const Catalog parsed = parse_catalog(testing::sample_catalog()).value();
  return parsed;
}

const Operation& operation(std::string_view product, std::string_view name) {
  return *catalog().find(product)->find(name);
}

struct Parsed {
  std::string request;  // as JSON; "" where it was refused
  std::string error;
  std::optional<std::string> body_path;
  Options options;
};

Parsed parse(const Operation& operation, std::vector<std::string> words) {
  Parsed parsed;
  const ReadFile files = [](const std::string& path) -> Result<std::string> {
    if (path == "limits.json") return R"({"memory_bytes": 7})";
    if (path == "-") return R"({"bucket": "from-stdin", "key": "k"})";
    if (path == "text") return "from a file";
    return fail(ErrorCode::invalid_argument, "{}: no such file", path);
  };
  const auto request = parse_request(operation, words, parsed.options, files);
  if (request) {
    parsed.request = request->fields.dump();
    parsed.body_path = request->body_path;
  } else {
    parsed.error = request.error().message();
  }
  return parsed;
}

std::string put(std::vector<std::string> words) {
  return parse(operation("object", "put"), std::move(words)).request;
}
std::string put_error(std::vector<std::string> words) {
  return parse(operation("object", "put"), std::move(words)).error;
}
std::string create(std::vector<std::string> words) {
  return parse(operation("sandbox", "create"), std::move(words)).request;
}
std::string create_error(std::vector<std::string> words) {
  return parse(operation("sandbox", "create"), std::move(words)).error;
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Arguments, FillRequiredFieldsByPlaceAndOthersByFlag) {
  EXPECT_EQ(put({"b", "k"}), R"({"bucket":"b","key":"k"})");
  EXPECT_EQ(put({"--bucket", "b", "--key=k"}), R"({"bucket":"b","key":"k"})");
  EXPECT_EQ(put({"--key", "k", "b"}), R"({"key":"k","bucket":"b"})");
  EXPECT_EQ(put({"b", "k", "--content", "-"}), R"({"content":"-","bucket":"b","key":"k"})");
  EXPECT_EQ(put({"--", "--b", "-k"}), R"({"bucket":"--b","key":"-k"})");
}

TEST(Arguments, TakeBothSpellings) {
  EXPECT_EQ(put({"b", "k", "--content-type", "a"}), put({"b", "k", "--content_type", "a"}));
  EXPECT_EQ(catalog().find("object")->find("list-buckets"), catalog().find("object")->find("list_buckets"));
}

TEST(Arguments, BecomeWhatTheSchemaSays) {
  EXPECT_EQ(create({"--limits.memory-bytes", "5", "--limits.cpus", "0.5"}),
            R"({"limits":{"memory_bytes":5,"cpus":0.5}})");
  EXPECT_EQ(create({"--limits", R"({"cpus": 2})", "--limits.memory_bytes", "5"}),
            R"({"limits":{"cpus":2,"memory_bytes":5}})");
  EXPECT_EQ(create({"--limits", "@limits.json"}), R"({"limits":{"memory_bytes":7}})");
  EXPECT_EQ(create({"--secrets", "a", "--secrets", "@b"}), R"({"secrets":["a","@b"]})");
  EXPECT_EQ(create({"--mounts", R"({"path":"/a"})", "--mounts", R"({"path":"/b"})"}),
            R"({"mounts":[{"path":"/a"},{"path":"/b"}]})");
  EXPECT_EQ(create({"--mounts", R"([{"path":"/a"}])"}), R"({"mounts":[{"path":"/a"}]})");
  EXPECT_EQ(create({"--wait"}), R"({"wait":true})");
  EXPECT_EQ(create({"--no-wait"}), R"({"wait":false})");
  EXPECT_EQ(create({"--wait=false"}), R"({"wait":false})");
  EXPECT_EQ(create({"--env.A.B", "1", "--env", "C=d=e", "--env", R"({"F":"g"})"}),
            R"({"env":{"A.B":"1","C":"d=e","F":"g"}})");
  EXPECT_EQ(create({"--anything", "[1,2]"}), R"({"anything":[1,2]})");
  EXPECT_EQ(create({"--anything", "word"}), R"({"anything":"word"})");
}

TEST(Arguments, GiveACommandAsTextOrAsWords) {
  const auto exec = [](std::vector<std::string> words) {
    return parse(operation("sandbox", "exec"), std::move(words)).request;
  };
  EXPECT_EQ(exec({"sbx", "ls -l"}), R"({"id":"sbx","command":"ls -l"})");
  EXPECT_EQ(exec({"sbx", "--", "ls", "-l", "/"}), R"({"id":"sbx","command":["ls","-l","/"]})");
  EXPECT_EQ(exec({"sbx", R"(["ls","-l"])"}), R"({"id":"sbx","command":["ls","-l"]})");
  EXPECT_EQ(exec({"sbx", "[ -f x ]"}), R"({"id":"sbx","command":"[ -f x ]"})");
}

TEST(Arguments, TakeAWholeRequestAndAddToIt) {
  EXPECT_EQ(put({"--json", R"({"bucket":"b","key":"k"})", "--key", "other"}),
            R"({"bucket":"b","key":"other"})");
  EXPECT_EQ(put({"--json", "-"}), R"({"bucket":"from-stdin","key":"k"})");
  EXPECT_SAYS(put_error({"--json", "{"}), "--json: ");
  EXPECT_SAYS(put_error({"--json", "[]"}), "takes a JSON object");
}

TEST(Arguments, ReadFieldsFromFiles) {
  const Parsed parsed = parse(operation("object", "put"), {"b", "k", "--content-file", "-"});
  EXPECT_EQ(parsed.request, R"({"bucket":"b","key":"k"})");
  EXPECT_EQ(parsed.body_path, "-");  // streamed when it is sent
  EXPECT_EQ(put({"b", "k", "--content-type-file", "text"}),
            R"({"content_type":"from a file","bucket":"b","key":"k"})");
}

TEST(Arguments, AreOfTheOperationFirstAndOfTheProgramElse) {
  const Parsed parsed = parse(operation("object", "put"),
                              {"b", "--key", "k", "--output", "json", "-o", "table", "--timeout", "2m"});
  EXPECT_EQ(parsed.request, R"({"key":"k","bucket":"b"})");
  EXPECT_EQ(parsed.options.output, Format::table);
  EXPECT_EQ(parsed.options.timeout, std::chrono::minutes(2));
  EXPECT_FALSE(parsed.options.key);
}

TEST(Arguments, SayWhatIsWrongAndWhatToType) {
  EXPECT_SAYS(put_error({"b"}), "acloud object put needs --key; see acloud object put --help");
  EXPECT_SAYS(put_error({"b", "k", "x"}), "\"x\" is one argument too many: acloud object put BUCKET KEY");
  EXPECT_SAYS(put_error({"--buckte", "b"}), "has no flag --buckte; did you mean \"--bucket\"?");
  EXPECT_SAYS(put_error({"--outptu", "b"}), "did you mean \"--output\"?");
  EXPECT_SAYS(put_error({"b", "k", "--content"}), "--content needs a value");
  EXPECT_SAYS(put_error({"b", "--key", "a", "--key", "b"}),
              "--key is given twice; the program's own --key goes before");
  EXPECT_SAYS(create_error({"--limits.cpus", "many"}), "--limits.cpus takes a number, not \"many\"");
  EXPECT_SAYS(create_error({"--limits", "5"}), "--limits takes a JSON object");
  EXPECT_SAYS(create_error({"--image", "bas"}), "--image takes one of base, python, not \"bas\"");
  EXPECT_SAYS(create_error({"--limits", "@nowhere"}), "no such file");
  EXPECT_SAYS(create_error({"--timeout", "soon"}), "--timeout takes a time");
  EXPECT_SAYS(create_error({"--output", "xml"}), "--output takes");
}

TEST(Names, AreForgivingOfSlips) {
  const std::vector<std::string> known{"object", "sandbox", "model", "list-buckets"};
  EXPECT_EQ(nearest("objcet", known), "object");
  EXPECT_EQ(nearest("list_bukets", known), "list-buckets");
  EXPECT_EQ(nearest("list", known), "list-buckets");
  EXPECT_EQ(nearest("zzz", known), "");
  EXPECT_EQ(nearest("", known), "");
}

TEST(Help, IsMadeFromTheCatalog) {
  const std::string page = operation_help(operation("object", "put"));
  EXPECT_SAYS(page, "Usage: acloud object put BUCKET KEY");
  EXPECT_SAYS(page, "--content-type TEXT");
  EXPECT_SAYS(page, "--content-file PATH");
  EXPECT_SAYS(page, "acloud object put b k --content 'it'\\''s me'");
  EXPECT_SAYS(operation_help(operation("sandbox", "create")), "--limits.memory-bytes INTEGER");
  EXPECT_SAYS(operation_help(operation("sandbox", "create")), "--wait, --no-wait");
  EXPECT_SAYS(product_help(*catalog().find("object")), "list-buckets");
  EXPECT_SAYS(program_help(&catalog(), {{"serve", "Start a server."}}), "serve");
}

// An example is typed as it stands in the help page: it must mean the request that it was made from.
TEST(Help, GivesExamplesThatMeanWhatTheySay) {
  const auto& example = operation("object", "put").examples.at(0);
  EXPECT_EQ(put({"b", "k", "--content", "it's me"}), R"({"content":"it's me","bucket":"b","key":"k"})");
  EXPECT_EQ(OrderedJson::parse(put({"b", "k", "--content", "it's me"})).size(), example.request.size());
}

std::vector<std::string> completed(std::vector<std::string> words) {
  std::vector<std::string> found;
  for (const auto& candidate : complete(catalog(), {{"doctor", ""}, {"completion", ""}}, words))
    found.push_back(candidate.word);
  return found;
}

TEST(Completion, KnowsWhatMayComeNext) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(completed({""}), (Words{"object", "sandbox", "doctor", "completion"}));
  EXPECT_EQ(completed({"sa"}), (Words{"sandbox"}));
  EXPECT_EQ(completed({"object", "list_"}), (Words{"list-buckets"}));
  EXPECT_EQ(completed({"--url", "http://x", "object", "g"}), (Words{"get"}));
  EXPECT_EQ(completed({"object", "put", "--content"}),
            (Words{"--content", "--content-file", "--content-type"}));
  EXPECT_EQ(completed({"sandbox", "create", "--image", ""}), (Words{"base", "python"}));
  EXPECT_EQ(completed({"sandbox", "create", "--output", "n"}), (Words{"ndjson"}));
  EXPECT_EQ(completed({"object", "put", "--content-file", ""}), Words{});
  EXPECT_EQ(completed({"completion", ""}), (Words{"bash", "zsh", "fish"}));
  EXPECT_EQ(completed({"nothing", ""}), Words{});
}

TEST(Catalog, RefusesWhatIsNone) {
  EXPECT_FALSE(parse_catalog("<html>"));
  EXPECT_FALSE(parse_catalog("[]"));
  EXPECT_FALSE(parse_catalog(R"({"openapi": "3.1"})"));
  const auto odd =
      parse_catalog(R"({"products": [1, {"name": 2}, {"name": "x", "operations": [{}, null]}]})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->products.size(), 1U);
}

}  // namespace
}  // namespace acloud::cli
