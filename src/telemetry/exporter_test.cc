#include "telemetry/exporter.h"

#include <gtest/gtest.h>

#include <deque>

#include "async/wait.h"
#include "base/json.h"

namespace acloud::telemetry {
namespace {

using namespace std::chrono_literals;

// A collector in virtual time, which says what it is told to, then 200.
struct Script {
  struct Request {
    Duration at;
    std::string path;
    std::size_t spans;
  };
  std::deque<Result<CollectorAnswer>> answers;
  Duration takes{};
  std::vector<Request> requests;
};

class Scripted final : public Collector {
 public:
  Scripted(Script& script, async::EventLoop& loop) : script_(script), loop_(loop), start_(loop.now()) {}
  Task<Result<CollectorAnswer>> post(std::string_view path, std::string body) override {
    const Json json = *parse_json(body);
    const std::size_t spans =
        path == "/v1/traces" ? json["resourceSpans"][0]["scopeSpans"][0]["spans"].size() : 0;
    script_.requests.push_back({loop_.now() - start_, std::string(path), spans});
    ACLOUD_CO_CHECK(co_await async::sleep_for(script_.takes));
    if (script_.answers.empty()) co_return CollectorAnswer{};
    auto answer = std::move(script_.answers.front());
    script_.answers.pop_front();
    co_return answer;
  }

 private:
  Script& script_;
  async::EventLoop& loop_;
  const Instant start_;
};

class ExporterTest : public testing::Test {
 protected:
  // Starts it, lets `time` pass, and ends it.
  void run(Duration time) {
    auto task = [](Exporter& exporter, Duration length) -> Task<> {
      exporter.start();
      (void)co_await async::sleep_for(length);
      co_await exporter.end();
    };
    loop_.run_until_done(task(exporter_, time));
  }
  void add(std::size_t spans) {
    for (std::size_t i = 0; i < spans; ++i)
      exporter_.spans().take({.context = trace_named("x", 1), .name = "s"});
  }
  std::vector<Script::Request> of(std::string_view path) const {
    std::vector<Script::Request> found;
    std::ranges::copy_if(script_.requests, std::back_inserter(found),
                         [&](const auto& r) { return r.path == path; });
    return found;
  }
  double figure(std::string_view name, std::string_view reason = "") const {
    for (const auto& family : exporter_.own_figures()) {
      for (const auto& metric : family.metric) {
        if (family.name == name && (reason.empty() || metric.label.at(0).value == reason))
          return metric.counter.value;
      }
    }
    return -1;
  }
  double sent() const { return figure("acloud_telemetry_spans_sent_total"); }
  double dropped(std::string_view why) const { return figure("acloud_telemetry_spans_dropped_total", why); }

  ManualClock clock_;
  async::EventLoop loop_{clock_};
  async::BlockingPool pool_{"test", 1};
  SeededRandom random_{5};
  Script script_;
  Exporter exporter_{
      {.resource = {"acloud", "i", "0"}, .spans_every = 5s, .metrics_every = 60s, .queued_spans = 1000},
      {.loop = loop_,
       .pool = pool_,
       .clock = clock_,
       .random = random_,
       .collector = std::make_unique<Scripted>(script_, loop_),
       .figures = [this] { return exporter_.own_figures(); }}};
};

TEST_F(ExporterTest, SendsWhatWaitsEachFewSecondsAndAFullBatchAtOnce) {
  add(3);
  run(12s);
  ASSERT_EQ(of("/v1/traces").size(), 1u);
  EXPECT_EQ(of("/v1/traces")[0].at, 5s);
  EXPECT_EQ(of("/v1/traces")[0].spans, 3u);
  EXPECT_EQ(sent(), 3);
}

TEST_F(ExporterTest, SendsAFullBatchAtOnce) {
  add(513);
  run(1s);
  ASSERT_GE(of("/v1/traces").size(), 2u);
  EXPECT_EQ(of("/v1/traces")[0].at, 0s);
  EXPECT_EQ(of("/v1/traces")[0].spans, 512u);
  EXPECT_EQ(sent(), 513);
}

TEST_F(ExporterTest, SendsFiguresByTheirOwnClock) {
  run(125s);
  const auto requests = of("/v1/metrics");
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].at, 60s);
  EXPECT_EQ(requests[1].at, 120s);
  EXPECT_EQ(requests[2].at, 125s);  // the last words
}

TEST_F(ExporterTest, WaitsAsTheCollectorAsksAndSendsTheSameAgain) {
  script_.answers = {CollectorAnswer{503, "7", ""}, CollectorAnswer{429, "11", ""}, CollectorAnswer{}};
  add(2);
  run(40s);
  const auto requests = of("/v1/traces");
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[1].at - requests[0].at, 7s);
  EXPECT_EQ(requests[2].at - requests[1].at, 11s);
  EXPECT_EQ(requests[2].spans, 2u);
  EXPECT_EQ(sent(), 2);
}

TEST_F(ExporterTest, LeavesACollectorAloneAsLongAsItAsksEvenWhereThatIsTooLongForABatch) {
  script_.answers = {CollectorAnswer{503, "600", ""}};
  auto task = [](auto& test) -> Task<> {
    test.add(2);
    test.exporter_.start();
    (void)co_await async::sleep_for(100s);
    test.add(3);
    (void)co_await async::sleep_for(600s);
    co_await test.exporter_.end();
  };
  loop_.run_until_done(task(*this));
  const auto requests = of("/v1/traces");
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_GE(requests[1].at - requests[0].at, 600s);
  EXPECT_EQ(dropped("collector_away"), 2);
  EXPECT_EQ(sent(), 3);
}

TEST_F(ExporterTest, BacksOffWhereTheCollectorIsAwayAndGivesUpInTheEnd) {
  for (int i = 0; i < 1000; ++i) script_.answers.push_back(fail(ErrorCode::unavailable, "refused"));
  add(4);
  run(200s);
  const auto requests = of("/v1/traces");
  ASSERT_GE(requests.size(), 5u);
  ASSERT_LE(requests.size(), 15u);
  EXPECT_GE(requests[4].at - requests[3].at, 4s);
  EXPECT_LE(requests.back().at, 5s + Exporter::kGiveUp);
  EXPECT_EQ(dropped("collector_away"), 4);
  EXPECT_EQ(sent(), 0);
}

TEST_F(ExporterTest, NeverSendsAgainWhatWasRefused) {
  script_.answers = {CollectorAnswer{400, "", ""}};
  add(4);
  run(30s);
  EXPECT_EQ(of("/v1/traces").size(), 1u);
  EXPECT_EQ(dropped("refused"), 4);
}

TEST_F(ExporterTest, CountsTheSpansThatACollectorRejectedOfABatch) {
  script_.answers = {CollectorAnswer{200, "", R"({"partialSuccess":{"rejectedSpans":"3"}})"}};
  add(10);
  run(8s);
  EXPECT_EQ(of("/v1/traces").size(), 1u);
  EXPECT_EQ(sent(), 7);
  EXPECT_EQ(dropped("refused"), 3);
}

TEST_F(ExporterTest, DropsWhatComesWhileTheCollectorIsSlow) {
  script_.takes = 1h;
  add(1500);
  EXPECT_EQ(dropped("queue_full"), 500);
  run(30s);
  EXPECT_EQ(sent(), 0);
}

TEST_F(ExporterTest, SendsWhatIsLeftAtItsEnd) {
  add(3);
  run(1s);
  ASSERT_EQ(of("/v1/traces").size(), 1u);
  EXPECT_EQ(sent(), 3);
}

TEST_F(ExporterTest, EndsInItsTimeWhereTheCollectorHangs) {
  script_.takes = 1h;
  add(3);
  const Instant start = loop_.now();
  run(6s);  // a request is under way
  EXPECT_EQ(loop_.now() - start, 6s + Exporter::kLastWords);
  EXPECT_EQ(of("/v1/traces").size(), 2u);
}

// Counts the spans that it takes.
class Counting final : public Collector {
 public:
  explicit Counting(std::size_t& spans) : spans_(spans) {}
  Task<Result<CollectorAnswer>> post(std::string_view path, std::string body) override {
    const Json json = *parse_json(body);
    if (path == "/v1/traces") spans_ += json["resourceSpans"][0]["scopeSpans"][0]["spans"].size();
    co_return CollectorAnswer{};
  }

 private:
  std::size_t& spans_;
};

TEST(ExporterOnThreads, SendsEachSpanThatItHadRoomForOnce) {
  constexpr std::size_t kThreads = 4, kEach = 3000;
  SystemClock clock;
  SystemRandom random;
  async::BlockingPool pool("test", 2);
  async::LoopThreads loops(1);
  std::size_t taken = 0;
  Exporter exporter(
      {.resource = {"acloud", "i", "0"}, .spans_every = 1ms, .metrics_every = 1ms, .queued_spans = 2000},
      {.loop = loops.at(0),
       .pool = pool,
       .clock = clock,
       .random = random,
       .collector = std::make_unique<Counting>(taken),
       .figures = [&exporter] { return exporter.own_figures(); }});
  exporter.start();
  {
    Tracer tracer(exporter.spans(), clock, random, 1);
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&tracer] {
        for (std::size_t n = 0; n < kEach; ++n) {
          Span span = tracer.begin({}, "work", SpanKind::server);
          span.set("n", static_cast<std::int64_t>(n));
        }
      });
    }
  }
  exporter.stop();
  const std::uint64_t dropped = exporter.spans().dropped();
  EXPECT_EQ(taken + dropped, kThreads * kEach);
  EXPECT_EQ(exporter.own_figures().at(0).metric.at(0).counter.value, static_cast<double>(taken));
  EXPECT_GT(taken, 0u);
}

}  // namespace
}  // namespace acloud::telemetry
