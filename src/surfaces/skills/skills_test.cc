#include "surfaces/skills/skills.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "kernel/catalog.h"
#include "surfaces/skills/example_forms.h"
#include "surfaces/skills/skill_writer.h"

namespace acloud::surfaces::skills {
namespace {

using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Feed {
  std::string id;
  std::int64_t pid = 0;
  std::vector<std::string> words;
  static constexpr auto schema =
      fields(field("id", &Feed::id, "Whom.", required), field("pid", &Feed::pid, "Which.", between(1, 9)),
             field("words", &Feed::words, "What."));
};

class Kennel {
 public:
  Task<Result<Feed>> feed(kernel::Context&, Feed request) { co_return request; }
};

class SkillsTest : public ::testing::Test {
 protected:
  SkillsTest() {
    auto& dog = catalog_.add("guard_dog", "Dogs that guard.");
    dog.operation<Feed, Feed>("feed")
        .summary("Feed a dog.")
        .effect(kernel::Effect::spend)
        .streams()
        .example("It's fed", R"({"id":"dog_00c1d2e3f4a5b6c7d8e9","pid":7,"words":["it's"]})")
        .example("Flat", R"({"id":"dog_00c1d2e3f4a5b6c7d8e9","pid":7})")
        .handler(kennel_, &Kennel::feed);
    catalog_.add("cat", "Cats.");
  }
  static net::Request get(std::string target) { return {.target = std::move(target)}; }
  const kernel::Operation& feed() const { return catalog_.declared().front().operations().front(); }

  Kennel kennel_;
  kernel::Catalog catalog_;
};

std::string file(const Skill& skill, std::string_view path) {
  const auto found = std::ranges::find(skill.files, path, &SkillFile::path);
  return found == skill.files.end() ? "" : found->content;
}

TEST_F(SkillsTest, AProductWithoutAPageHasOneAllTheSame) {
  const auto skills = write_skills(catalog_, {}, "1.2.3");
  ASSERT_EQ(skills.size(), 3U);
  EXPECT_EQ(skills[0].name, "acloud");
  EXPECT_EQ(skills[1].name, "acloud-guard-dog");
  EXPECT_THAT(skills[1].description, StartsWith("Dogs that guard. Use it"));
  EXPECT_THAT(file(skills[1], "SKILL.md"), HasSubstr("[`feed`](references/feed.md) | spend | Feed a dog."));
  EXPECT_THAT(file(skills[1], "references/feed.md"), HasSubstr("- `pid` (integer, at least 1, at most 9"));
}

TEST_F(SkillsTest, APageGivesItsJudgementAndItsSetUp) {
  const EmbeddedText pages[] = {
      {"guard_dog.md",
       "Use it at night.\n\n## When\n\nAlways.\n\n## Set-up\n\n```sh\nDOG=$(get_dog)\n```\n"}};
  const Skill skill = write_skills(catalog_, pages, "1")[1];
  EXPECT_EQ(skill.description, "Dogs that guard. Use it at night.");
  EXPECT_THAT(file(skill, "SKILL.md"), HasSubstr("## When\n\nAlways.\n\n## Calling it"));
  EXPECT_THAT(file(skill, "SKILL.md"), Not(HasSubstr("get_dog")));
  EXPECT_THAT(file(skill, "references/feed.md"), HasSubstr("DOG=$(get_dog)\n```"));
  EXPECT_THAT(file(skill, "references/feed.md"), HasSubstr("--id \"$DOG\" --pid 7"));
}

TEST_F(SkillsTest, ExamplesAreShellWordsWhateverTheyHold) {
  const std::set<std::string> variables{"DOG", "PID"};
  const ExampleForms nested(feed(), feed().examples[0], variables);
  EXPECT_EQ(nested.json(), R"({"id":"$DOG","pid":$PID,"words":["it's"]})");
  EXPECT_THAT(nested.curl(), EndsWith(R"(-d '{"id":"'"$DOG"'","pid":'"$PID"',"words":["it'\''s"]}')"));
  EXPECT_EQ(nested.mcp(),
            R"({"name":"call","arguments":{"operation":"guard_dog.feed","arguments":{"id":"$DOG","pid":$PID,)"
            R"("words":["it's"]}}})");
  EXPECT_EQ(ExampleForms(feed(), feed().examples[1], variables).cli(),
            R"(acloud guard-dog feed --id "$DOG" --pid "$PID" --output json)");
  EXPECT_EQ(ExampleForms(feed(), feed().examples[1], {}).cli(),
            "acloud guard-dog feed --id dog_00c1d2e3f4a5b6c7d8e9 --pid 7 --output json");
  EXPECT_EQ(shell_word("$(id) `id`"), "'$(id) `id`'");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_THAT(variables_of("A=1\n  B=2\nc=3\nD_E=$(x)\necho F=4\n"), ::testing::ElementsAre("A", "D_E"));
}

TEST_F(SkillsTest, ASetUpIsCutToWhatIsNeeded) {
  constexpr std::string_view kScript =
      "BOX=$(call box)\nDOG=$(call dog \"$BOX\")\nCAT=$(call cat)\ncall feed  # for walk, stroke\ncall all\n";
  EXPECT_EQ(set_up_for(kScript, "walk", {"DOG"}),
            "BOX=$(call box)\nDOG=$(call dog \"$BOX\")\ncall feed\ncall all\n");
  EXPECT_EQ(set_up_for(kScript, "strok", {"CAT"}), "CAT=$(call cat)\ncall all\n");
  EXPECT_EQ(set_up_for("", "walk", {}), "");
}

TEST_F(SkillsTest, BothIndexesNameWhatIsThere) {
  Skills skills(catalog_, "1");
  const auto newer = skills.handle(get("/.well-known/agent-skills/index.json"), "http://h:1");
  ASSERT_TRUE(newer);
  const Json index = Json::parse(newer->body.bytes());
  EXPECT_EQ(index["$schema"], "https://schemas.agentskills.io/discovery/0.2.0/schema.json");
  ASSERT_EQ(index["skills"].size(), 3U);
  for (const Json& entry : index["skills"]) {
    const auto archive = skills.handle(get(entry["url"]), "http://h:1");
    ASSERT_TRUE(archive);
    EXPECT_EQ(entry["digest"], "sha256:" + to_hex(sha256(archive->body.bytes())));
    EXPECT_EQ(archive->headers.value("content-type"), "application/gzip");
  }
  const auto older = skills.handle(get("/.well-known/skills/index.json"), "http://h:1");
  ASSERT_TRUE(older);
  for (const Json& entry : Json::parse(older->body.bytes())["skills"]) {
    for (const Json& path : entry["files"]) {
      const std::string target =
          fmt::format("/.well-known/skills/{}/{}", entry["name"].get<std::string>(), path.get<std::string>());
      EXPECT_TRUE(skills.handle(get(target), "http://h:1")) << target;
    }
  }
}

TEST_F(SkillsTest, AProductAloneHasItsOwnSkillAlone) {
  Skills skills(catalog_, "1");
  for (const char* form : {"agent-skills", "skills"}) {
    const auto index =
        skills.handle(get(fmt::format("/guard_dog/.well-known/{}/index.json", form)), "http://h");
    ASSERT_TRUE(index);
    const Json listed = Json::parse(index->body.bytes())["skills"];
    ASSERT_EQ(listed.size(), 1U);
    EXPECT_EQ(listed[0]["name"], "acloud-guard-dog");
  }
  EXPECT_TRUE(skills.handle(get("/guard_dog/.well-known/skills/acloud-guard-dog/SKILL.md"), "http://h"));
  for (const char* path :
       {"/guard_dog/.well-known/skills/acloud-cat/SKILL.md",
        "/guard_dog/.well-known/agent-skills/acloud-cat.tar.gz", "/wolf/.well-known/skills/index.json",
        "/.well-known/skills/../index.json", "/.well-known/guard_dog:skills/index.json",
        "/.well-known/agent-skills/", "/.well-known/skills/acloud-cat/references/none.md"}) {
    const auto missing = skills.handle(get(path), "http://h");
    ASSERT_FALSE(missing) << path;
    EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
  }
  EXPECT_FALSE(Skills::takes(get("/a/b/.well-known/skills/index.json")));
  EXPECT_FALSE(Skills::takes(get("/.well-known/oauth-protected-resource")));
}

TEST_F(SkillsTest, NamesTheAddressThatTheClientUsed) {
  Skills skills(catalog_, "1");
  const std::string path = "/.well-known/skills/acloud-cat/SKILL.md";
  for (int host = 0; host < 40; ++host) {  // more than are kept
    const std::string origin = fmt::format("http://host-{}", host);
    const auto text = skills.handle(get(path), origin);
    ASSERT_TRUE(text);
    EXPECT_THAT(text->body.bytes(), HasSubstr("ACLOUD_URL=" + origin + "\n"));
    EXPECT_THAT(text->body.bytes(), Not(HasSubstr("{{")));
  }
  EXPECT_THAT(file(skills.skills()[2], "SKILL.md"), HasSubstr(std::string(kNoOrigin)));
}

TEST_F(SkillsTest, IsNotSentAgainToOneWhoHasIt) {
  Skills skills(catalog_, "1");
  const auto first = skills.handle(get("/.well-known/skills/acloud-cat/SKILL.md"), "http://h");
  ASSERT_TRUE(first);
  net::Request again = get("/.well-known/skills/acloud-cat/SKILL.md");
  again.headers.add("if-none-match", std::string(first->headers.value("etag")));
  EXPECT_EQ(skills.handle(again, "http://h")->status, 304);
  EXPECT_EQ(skills.handle(again, "http://other")->status, 200);
}

}  // namespace
}  // namespace acloud::surfaces::skills
