#include "model/generation/dialect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acloud::model::generation {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

Json body_of(const GenerationDialect& dialect, const Generate& request, Makes makes = Makes::video) {
  const std::string model = "wan2.6-t2v";
  const auto ask = dialect.make({.request = request, .model = model, .makes = makes});
  return ask ? Json{{"path", ask->path}, {"body", *parse_json(ask->body)}} : Json(ask.error().message());
}

TEST(GenerationDialect, DashScopeSaysWhatIsAskedFor) {
  const Json said = body_of(dashscope(), {.model = "wan",
                                          .prompt = "a boat",
                                          .negative_prompt = "rain",
                                          .duration = 7s,
                                          .resolution = "720P",
                                          .seed = 9,
                                          .parameters = {{"watermark", false}}});
  EXPECT_EQ(said["path"], "/services/aigc/video-generation/video-synthesis");
  EXPECT_EQ(
      said["body"],
      (Json{{"model", "wan2.6-t2v"},
            {"input", {{"prompt", "a boat"}, {"negative_prompt", "rain"}}},
            {"parameters", {{"watermark", false}, {"duration", 7}, {"resolution", "720P"}, {"seed", 9}}}}));
  EXPECT_EQ(dashscope().make({.request = {}, .model = "m"})->headers.value("x-dashscope-async"), "enable");
  EXPECT_EQ(dashscope().authorization("k"), "Bearer k");
}

TEST(GenerationDialect, DashScopeHasOtherPathsForFramesAndImages) {
  const Json frames = body_of(dashscope(), {.images = {"https://a/1.png", "https://a/2.png"}});
  EXPECT_EQ(frames["path"], "/services/aigc/image2video/video-synthesis");
  EXPECT_EQ(frames["body"]["input"]["last_frame_url"], "https://a/2.png");
  const Json image = body_of(dashscope(), {.prompt = "a boat", .count = 3}, Makes::image);
  EXPECT_EQ(image["path"], "/services/aigc/text2image/image-synthesis");
  EXPECT_EQ(image["body"]["parameters"]["n"], 3);
  EXPECT_FALSE(image["body"]["parameters"].contains("duration"));
}

TEST(GenerationDialect, DashScopeTellsHowFarItIs) {
  const auto seen = [](std::string_view text) { return dashscope().seen(*parse_json(text)); };
  EXPECT_EQ(seen(R"({"output":{"task_id":"t","task_status":"PENDING"}})").stage, Stage::waiting);
  EXPECT_EQ(seen(R"({"output":{"task_id":"t","task_status":"RUNNING"}})").stage, Stage::running);
  EXPECT_EQ(seen(R"({"output":{"task_id":"t","task_status":"UNKNOWN"}})").stage, Stage::unknown);
  EXPECT_EQ(seen(R"({"output":[]})").stage, Stage::unknown);
  EXPECT_EQ(seen(R"({"output":{"task_status":"CANCELED"}})").error, "it was cancelled");
  const Seen failed = seen(R"({"output":{"task_status":"FAILED","code":"C","message":"no such picture"}})");
  EXPECT_EQ(failed.stage, Stage::failed);
  EXPECT_EQ(failed.error, "no such picture");
  const Seen made = seen(R"({"output":{"task_status":"SUCCEEDED","video_url":"https://r/v.mp4"},
                             "usage":{"duration":10,"video_count":1,"SR":1080}})");
  EXPECT_EQ(made.stage, Stage::succeeded);
  EXPECT_THAT(made.urls, ElementsAre("https://r/v.mp4"));
  EXPECT_EQ(made.media, (ledger::Media{.video = 10s}));
  EXPECT_EQ(made.resolution, "1080P");
  const Seen older = seen(R"({"output":{"task_status":"SUCCEEDED","video_url":"u"},
                              "usage":{"video_duration":5.2,"video_ratio":"1280*720","video_count":1}})");
  EXPECT_EQ(older.media, (ledger::Media{.video = 5200ms}));
  EXPECT_EQ(older.resolution, "720P");
  const Seen images =
      seen(R"({"output":{"task_status":"SUCCEEDED","results":[{"url":"a"},{"code":"X"},{"url":"b"}]},
                               "usage":{"image_count":2}})");
  EXPECT_THAT(images.urls, ElementsAre("a", "b"));
  EXPECT_EQ(images.media, (ledger::Media{.images = 2}));
  EXPECT_EQ(seen(R"({"output":{"task_status":"SUCCEEDED"}})").media, std::nullopt);
  EXPECT_LE(seen(R"({"output":{},"usage":{"duration":1e300}})").media->video, ledger::kVideoMost);
}

TEST(GenerationDialect, AnIdThatCouldLeadElsewhereIsNone) {
  EXPECT_EQ(dashscope().begun(*parse_json(R"({"output":{"task_id":"0385-dc_7"}})"))->id, "0385-dc_7");
  for (const char* reply : {R"({"output":{"task_id":"../keys"}})", R"({"output":{"task_id":""}})",
                            R"({"output":{}})", R"({"output":{"task_id":["t"]}})", R"([])"}) {
    EXPECT_FALSE(dashscope().begun(*parse_json(reply))) << reply;
    EXPECT_FALSE(vidu().begun(*parse_json(reply))) << reply;
  }
}

TEST(GenerationDialect, ViduIsCalledByTheNumberOfPictures) {
  EXPECT_EQ(body_of(vidu(), {.prompt = "x"})["path"], "/ent/v2/text2video");
  EXPECT_EQ(body_of(vidu(), {.images = {"https://a/1"}})["path"], "/ent/v2/img2video");
  EXPECT_EQ(body_of(vidu(), {.images = {"https://a/1", "https://a/2"}})["path"], "/ent/v2/start-end2video");
  EXPECT_EQ(body_of(vidu(), {.images = {"https://a/1", "https://a/2", "https://a/3"}})["path"],
            "/ent/v2/reference2video");
  const Json said = body_of(vidu(), {.prompt = "x",
                                     .duration = 8s,
                                     .resolution = "1080P",
                                     .parameters = {{"movement_amplitude", "small"}}});
  EXPECT_EQ(said["body"], (Json{{"model", "wan2.6-t2v"},
                                {"prompt", "x"},
                                {"duration", 8},
                                {"resolution", "1080p"},
                                {"movement_amplitude", "small"}}));
  EXPECT_TRUE(body_of(vidu(), {.prompt = "x", .negative_prompt = "y"}).is_string());
  EXPECT_EQ(vidu().authorization("k"), "Token k");
}

TEST(GenerationDialect, ViduSaysAtOnceWhatItWillBe) {
  const auto begun = vidu().begun(
      *parse_json(R"({"task_id":"7","state":"created","duration":5,"resolution":"720p","credits":12})"));
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->media, (ledger::Media{.video = 5s}));
  EXPECT_EQ(begun->resolution, "720P");
  EXPECT_EQ(vidu().look("7").path, "/ent/v2/tasks/7/creations");
  const Seen made = vidu().seen(*parse_json(
      R"({"id":"7","state":"success","creations":[{"id":"1","url":"https://r/v.mp4","cover_url":"c"}]})"));
  EXPECT_EQ(made.stage, Stage::succeeded);
  EXPECT_THAT(made.urls, ElementsAre("https://r/v.mp4"));
  EXPECT_EQ(made.media, std::nullopt);
  const Seen failed =
      vidu().seen(*parse_json(R"({"id":"7","state":"failed","err_code":"CreditInsufficient"})"));
  EXPECT_EQ(failed.stage, Stage::failed);
  EXPECT_EQ(failed.error, "CreditInsufficient");
  EXPECT_EQ(vidu().seen(*parse_json(R"({"state":"queueing","progress":40})")).percent, 40);
}

TEST(GenerationDialect, ResolutionsHaveOneName) {
  EXPECT_EQ(resolution_of("720p"), "720P");
  EXPECT_EQ(resolution_of("1280*720"), "720P");
  EXPECT_EQ(resolution_of("1080x1920"), "1080P");
  EXPECT_EQ(resolution_of("1080"), "1080P");
  EXPECT_EQ(resolution_of("4k"), "4K");
  EXPECT_EQ(resolution_of("wide*high"), "");
  EXPECT_EQ(resolution_of(Generate{.parameters = {{"size", "832*480"}}}), "480P");
}

// Each would change what is paid for, or send the provider's word elsewhere.
TEST(GenerationDialect, ParametersThatHaveAFieldAreRefused) {
  for (const char* name : {"n", "duration", "resolution", "callback_url", "model"}) {
    const auto checked = check({.prompt = "x", .parameters = {{name, 4}}}, Makes::video);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().details()["field"], std::string("parameters.") + name);
  }
  EXPECT_TRUE(check({.prompt = "x", .parameters = {{"size", "1280*720"}}}, Makes::video));
  EXPECT_FALSE(check({.prompt = ""}, Makes::video));
  EXPECT_FALSE(check({.prompt = "x", .count = 2}, Makes::video));
  EXPECT_FALSE(check({.images = {"file:///etc/passwd"}}, Makes::video));
  EXPECT_FALSE(check({.images = {"http://127.0.0.1/"}}, Makes::video));
  EXPECT_TRUE(check({.images = {"data:image/png;base64,iVBO"}}, Makes::video));
}

}  // namespace
}  // namespace acloud::model::generation
