#include "telemetry/delivery.h"

#include <gtest/gtest.h>

namespace acloud::telemetry {
namespace {

using namespace std::chrono_literals;
using Kind = Verdict::Kind;

Verdict of(int status, std::string retry_after = "", std::string body = "") {
  return judge(CollectorAnswer{status, std::move(retry_after), std::move(body)});
}

TEST(Delivery, IsTriedAgainForTheFourStatusesThatOtlpNames) {
  for (const int status : {429, 502, 503, 504}) EXPECT_EQ(of(status).kind, Kind::again) << status;
  for (const int status : {300, 400, 401, 404, 408, 413, 500, 501, 505}) {
    EXPECT_EQ(of(status).kind, Kind::refused) << status;
  }
  for (const int status : {200, 202}) EXPECT_EQ(of(status).kind, Kind::taken) << status;
}

TEST(Delivery, WaitsAsLongAsItIsAskedTo) {
  EXPECT_EQ(of(503, "7").wait, 7s);
  EXPECT_EQ(of(429, "0").wait, 0s);
  EXPECT_EQ(of(429, "999999999999").wait, 1h);
  for (const char* other : {"", "-1", "soon", "7 ", "99999999999999999999999"})
    EXPECT_FALSE(of(503, other).wait) << other;
  EXPECT_FALSE(of(400, "7").wait);
}

TEST(Delivery, ThatNobodyAnsweredMayBeMadeAgain) {
  EXPECT_EQ(judge(fail(ErrorCode::unavailable, "refused")).kind, Kind::again);
  EXPECT_EQ(judge(fail(ErrorCode::deadline_exceeded, "late")).kind, Kind::again);
  EXPECT_EQ(judge(fail(ErrorCode::invalid_argument, "can't be written")).kind, Kind::refused);
}

TEST(Delivery, CountsWhatWasRejectedOfARequestThatWasTaken) {
  EXPECT_EQ(of(200, "", R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}})").rejected, 3u);
  EXPECT_EQ(of(200, "", R"({"partialSuccess":{"rejectedDataPoints":2}})").rejected, 2u);
  for (const char* other :
       {"", "{}", "[]", "not json", R"({"partialSuccess":7})",
        R"({"partialSuccess":{"rejectedSpans":"many"}})", R"({"partialSuccess":{"rejectedSpans":-1}})"}) {
    const Verdict verdict = of(200, "", other);
    EXPECT_EQ(verdict.kind, Kind::taken) << other;
    EXPECT_EQ(verdict.rejected, 0u) << other;
  }
}

TEST(BackoffTest, DoublesUpToItsMostWithJitter) {
  SeededRandom random(3);
  Backoff backoff(random);
  auto most = 1'000ms;
  for (int i = 0; i < 12; ++i) {
    const auto pause = backoff.next();
    EXPECT_GE(pause, most / 2);
    EXPECT_LT(pause, most * 3 / 2);
    most = std::min(most * 2, 30'000ms);
  }
}

}  // namespace
}  // namespace acloud::telemetry
