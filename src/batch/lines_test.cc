#include "batch/lines.h"

#include <gtest/gtest.h>

#include "async/event_loop.h"
#include "batch/answers.h"

namespace acloud::batch {
namespace {

class Pieces final : public net::Stream {
 public:
  explicit Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  Task<Result<std::string>> read() override {
    co_return next_ == pieces_.size() ? std::string() : pieces_[next_++];
  }

 private:
  std::vector<std::string> pieces_;
  std::size_t next_ = 0;
};

Task<Result<std::vector<Line>>> all_of(std::vector<std::string> pieces) {
  LineReader reader{net::Body(std::make_unique<Pieces>(std::move(pieces)))};
  std::vector<Line> lines;
  for (;;) {
    ACLOUD_CO_TRY(auto line, co_await reader.next());
    if (!line) co_return lines;
    lines.push_back(*std::move(line));
  }
}

Result<std::vector<Line>> read(std::vector<std::string> pieces) {
  ManualClock clock;
  async::EventLoop loop(clock);
  return loop.run_until_done(all_of(std::move(pieces)));
}

std::string code_of(std::string_view text) {
  const auto line = parse_line(text, Endpoint::chat_completions);
  return line ? "" : line.error().details().value("code", "none");
}

std::string line_with(std::string_view field, std::string_view value) {
  Json line = {
      {"custom_id", "a"}, {"method", "POST"}, {"url", "/v1/chat/completions"}, {"body", {{"model", "m"}}}};
  if (value.empty()) {
    line.erase(std::string(field));
  } else {
    line[std::string(field)] = *parse_json(value);
  }
  return to_text(line);
}

TEST(Lines, AreCutWhereverThePiecesEnd) {
  const std::string text = "one\r\n\ntwo\nthree";
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    const auto lines = read({text.substr(0, cut), text.substr(cut)});
    ASSERT_TRUE(lines && lines->size() == 3) << cut;
    EXPECT_EQ((*lines)[0].text, "one");
    EXPECT_EQ((*lines)[1].text, "two");
    EXPECT_EQ((*lines)[1].number, 3) << "empty lines count";
    EXPECT_EQ((*lines)[2].text, "three");
  }
  EXPECT_TRUE(read({})->empty());
}

TEST(Lines, ALineThatIsTooLongIsRefusedAndNotKept) {
  const std::string most(kLineMost, 'x');
  ASSERT_TRUE(read({most, "\n", "y"}));
  EXPECT_EQ(read({most, "x\n"}).error().code(), ErrorCode::too_large);
  EXPECT_EQ(read({"y\n", most, most, most}).error().code(), ErrorCode::too_large);
}

TEST(Lines, ARequestTravelsAsItCame) {
  const std::string body = R"({ "model": "m", "z": 1.0, "a": 12345678901234567890 })";
  const auto line =
      parse_line(R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":)" + body + "}",
                 Endpoint::chat_completions);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->body, body);
  EXPECT_EQ(line->model, "m");
}

TEST(Lines, WhatIsWrongIsNamed) {
  EXPECT_EQ(code_of(line_with("custom_id", R"("a")")), "");
  EXPECT_EQ(code_of("{"), "invalid_json_line");
  EXPECT_EQ(code_of("[]"), "invalid_json_line");
  EXPECT_EQ(code_of(R"({"custom_id":"a","custom_id":"b"})"), "invalid_json_line");
  EXPECT_EQ(code_of(line_with("custom_id", "")), "missing_required_parameter");
  EXPECT_EQ(code_of(line_with("custom_id", "7")), "invalid_json_line");
  EXPECT_EQ(code_of(line_with("custom_id", R"("")")), "invalid_custom_id");
  EXPECT_EQ(code_of(line_with("method", R"("GET")")), "invalid_method");
  EXPECT_EQ(code_of(line_with("url", R"("/v1/embeddings")")), "mismatched_endpoint");
  EXPECT_EQ(code_of(line_with("body", "")), "missing_required_parameter");
  EXPECT_EQ(code_of(line_with("body", "7")), "invalid_json_line");
  EXPECT_EQ(code_of(line_with("body", "{}")), "missing_required_parameter");
  EXPECT_EQ(code_of(line_with("body", R"({"model":"m","stream":true})")), "stream_not_supported");
}

TEST(Answers, StandOnOneLineEach) {
  const std::string line = answered("batch_1", 7, "a\"b", 200, "req_1", "{\n  \"text\": \"a\\nb\"\r\n}");
  EXPECT_EQ(line.find('\n'), line.npos);
  const auto json = parse_json(line);
  ASSERT_TRUE(json) << line;
  EXPECT_EQ((*json)["custom_id"], "a\"b");
  EXPECT_EQ((*json)["response"]["body"]["text"], "a\nb");
  EXPECT_EQ((*parse_json(answered("b", 1, "c", 502, "r", "<html>\n")))["response"]["body"], "<html>\n");
  EXPECT_EQ((*parse_json(unanswered("b", 1, "c", "batch_expired", "late")))["error"]["code"],
            "batch_expired");
}

}  // namespace
}  // namespace acloud::batch
