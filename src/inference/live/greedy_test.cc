// Greedy output is that of llama.cpp's own simple loop, whatever else is computed beside it and however much
// of it was computed before.
#include <gtest/gtest.h>

#include <random>

#include "async/task_scope.h"
#include "inference/engine/testing/models.h"
#include "inference/engine/testing/simple_loop.h"
#include "inference/live/live_model.h"

namespace acloud::inference {
namespace {

constexpr std::size_t kPrompts = 100;
constexpr int kTokens = 16;
constexpr float kWavers = 1e-3f;

using Texts = std::vector<std::string>;

// Chats of different lengths, half of which begin alike.
std::vector<std::string> make_prompts() {
  std::mt19937_64 random(11);
  const std::array words{"store", "the",  "sum",    "of",  "column", "in",    "a",   "bucket",
                         "and",   "tell", "me",     "7",   "42",     "notes", "csv", "then",
                         "list",  "it",   "please", "row", "key",    "2024"};
  const auto sentence = [&](std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i)
      text += std::string(i == 0 ? "" : " ") + words[random() % words.size()];
    return text;
  };
  const std::string common = "<|im_start|>system\n" + sentence(40) + "<|im_end|>";
  std::vector<std::string> prompts;
  for (std::size_t i = 0; i < kPrompts + kPrompts / 5; ++i) {
    prompts.push_back((i % 2 == 0 ? common : "") + "<|im_start|>user\n" + sentence(3 + random() % 25) +
                      "<|im_end|><|im_start|>assistant\n");
  }
  return prompts;
}

class GreedyTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::tie(prompts_, expected_) = simple(make_prompts());
    ASSERT_GE(prompts_.size(), kPrompts);
    prompts_.resize(kPrompts);
    expected_.resize(kPrompts);
  }

  // What llama.cpp's own loop says to the prompts, without those at which it wavers: sums of 16-bit products
  // in another order differ by less than kWavers of a logit, and both tokens would be right.
  static std::pair<std::vector<std::string>, std::vector<Texts>> simple(
      const std::vector<std::string>& prompts) {
    const auto engine = open_llama({.file = testing::random_model()});
    std::vector<std::vector<Token>> tokens;
    for (const std::string& prompt : prompts) tokens.push_back(*(*engine)->tokenize(prompt, Reading::prompt));
    const auto all = testing::simple_loop(testing::random_model(), tokens, kTokens, true);
    std::pair<std::vector<std::string>, std::vector<Texts>> sure;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].least_lead < kWavers) continue;
      sure.first.push_back(prompts[i]);
      Texts& texts = sure.second.emplace_back();
      for (const Token token : all[i].tokens) texts.push_back((*engine)->text_of(token, false));
    }
    return sure;
  }

  void open(bool reuse, ByteCount aside = {}) {
    LiveModel::Options options;
    options.engine = {.file = testing::random_model(), .sequences = 8, .cells = 4096, .exact_state = true};
    options.worker.reuse = reuse;
    options.worker.chunk = 24;
    options.worker.aside = aside;
    options.check = testing::model_check();
    auto model = loop_.run_until_done(LiveModel::open(std::move(options), pool_, random_));
    ASSERT_TRUE(model) << model.error().message();
    model_ = *std::move(model);
  }

  static Task<Result<Texts>> say(LiveModel& model, std::size_t prompt) {
    Generate request{
        .workspace = "w" + std::to_string(prompt % 3), .prompt = prompts_[prompt], .most_tokens = kTokens};
    request.sampling.logprobs = 0;
    ACLOUD_CO_TRY(const auto generation, co_await model.generate(std::move(request)));
    Texts texts;
    for (;;) {
      ACLOUD_CO_TRY(const auto delta, co_await generation->next());
      if (!delta) co_return texts;
      for (const TokenLog& token : delta->tokens) texts.push_back(token.text);
    }
  }
  // Begins a reply and drops it after a few pieces.
  static Task<> begin_and_drop(LiveModel& model, std::size_t prompt, std::uint64_t pieces) {
    Generate request{.workspace = "other", .prompt = prompts_[prompt] + " " + std::to_string(pieces)};
    auto generation = co_await model.generate(std::move(request));
    if (!generation) co_return;
    for (std::uint64_t i = 0; i < pieces; ++i) {
      const auto delta = co_await (*generation)->next();
      if (!delta || !*delta) co_return;
    }
  }
  // Eight readers that take prompts one after the other, in an order of their own, and drop others now and
  // then.
  static Task<> reader(LiveModel& model, std::size_t first, std::vector<Texts>& said) {
    std::mt19937_64 random(first);
    for (std::size_t prompt = first; prompt < prompts_.size(); prompt += 8) {
      if (random() % 2 == 0) co_await begin_and_drop(model, random() % prompts_.size(), random() % 12);
      auto texts = co_await say(model, prompt);
      if (texts) said[prompt] = *std::move(texts);
    }
  }
  static Task<> eight_readers(LiveModel& model, std::vector<Texts>& said) {
    async::TaskScope scope;
    for (std::size_t first = 0; first < 8; ++first) scope.spawn(reader(model, first, said));
    co_await scope.join();
  }

  void expect_same(const std::vector<Texts>& said) {
    for (std::size_t i = 0; i < prompts_.size(); ++i) EXPECT_EQ(said[i], expected_[i]) << "prompt " << i;
  }
  void compare_alone() {
    std::vector<Texts> said(prompts_.size());
    for (std::size_t i = 0; i < prompts_.size(); ++i) said[i] = *loop_.run_until_done(say(*model_, i));
    expect_same(said);
  }
  void compare_together() {
    std::vector<Texts> said(prompts_.size());
    loop_.run_until_done(eight_readers(*model_, said));
    expect_same(said);
  }

  static inline std::vector<std::string> prompts_;
  static inline std::vector<Texts> expected_;
  async::EventLoop loop_;
  async::BlockingPool pool_{"test", 2};
  SystemRandom random_;
  std::unique_ptr<LiveModel> model_;
};

TEST_F(GreedyTest, TheLoopSaysSomethingToCompare) {
  std::set<Texts> distinct(expected_.begin(), expected_.end());
  EXPECT_GT(distinct.size(), kPrompts / 3);  // how many depends on the processor
}

TEST_F(GreedyTest, AloneWithoutReuse) {
  open(false);
  compare_alone();
  EXPECT_EQ(model_->stats().cached_tokens, 0U);
}

TEST_F(GreedyTest, AloneWithReuse) {
  open(true);
  compare_alone();
  EXPECT_GT(model_->stats().cached_tokens, model_->stats().prompt_tokens / 3);
}

TEST_F(GreedyTest, EightTogetherWithoutReuse) {
  open(false);
  compare_together();
}

TEST_F(GreedyTest, EightTogetherWithReuse) {
  open(true);
  compare_together();
  EXPECT_GT(model_->stats().cached_tokens, model_->stats().prompt_tokens / 3);
}

// Three conversations take turns. Each turn is long enough to clear what is idle, and goes on from where its
// conversation was.
TEST_F(GreedyTest, ConversationsThatWerePutAside) {
  std::array<std::string, 3> conversations;
  std::vector<std::string> turns;
  for (std::size_t turn = 0; turn < 4; ++turn) {
    for (std::size_t i = 0; i < conversations.size(); ++i) {
      for (std::size_t k = 0; k < 5; ++k) conversations[i] += prompts_[(20 * i + 5 * turn + k) * 2 % 100 + 1];
      turns.push_back(conversations[i]);
    }
  }
  auto [said_to, expected] = simple(turns);
  ASSERT_GE(said_to.size(), turns.size() - 2);
  prompts_.swap(said_to);
  expected_.swap(expected);
  open(true, mebibytes(64));
  compare_alone();
  EXPECT_GT(model_->stats().recalled_tokens, model_->stats().prompt_tokens / 3);
  prompts_.swap(said_to);
  expected_.swap(expected);
}

// In the middle of each reply, the state is saved, dropped, and restored into another sequence.
TEST_F(GreedyTest, AfterSavingAndRestoring) {
  const auto engine =
      *open_llama({.file = testing::random_model(), .sequences = 8, .cells = 4096, .exact_state = true});
  const auto sampler = *engine->make_sampler({});
  std::vector<Texts> said(prompts_.size());
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    std::vector<Token> tokens = *engine->tokenize(prompts_[i], Reading::prompt);
    Sequence sequence = static_cast<Sequence>(i % 8);
    std::int32_t position = 0;
    while (said[i].size() < kTokens) {
      const Input input{sequence, position, tokens, true};
      ASSERT_TRUE(engine->decode({&input, 1}));
      position += static_cast<std::int32_t>(tokens.size());
      const Token token = engine->sample(*sampler, 0)->token;
      if (engine->ends_reply(token)) break;
      said[i].push_back(engine->text_of(token, false));
      tokens = {token};
      if (said[i].size() != kTokens / 2) continue;
      const auto state = engine->save(sequence);
      ASSERT_TRUE(state);
      ASSERT_TRUE(engine->truncate(sequence, 0));
      sequence = (sequence + 3) % 8;
      ASSERT_TRUE(engine->restore(sequence, *state, position));
    }
    engine->truncate(sequence, 0);
  }
  expect_same(said);
}

}  // namespace
}  // namespace acloud::inference
