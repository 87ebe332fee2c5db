// A model whose states outlast its memory, and the process: what is taken in from disk says what it would say
// without, and what was changed on disk meanwhile is as if it had not been.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "async/task_scope.h"
#include "inference/context_cache/state_file.h"
#include "inference/engine/testing/models.h"
#include "inference/live/live_model.h"

namespace acloud::inference {
namespace {

struct Said {
  std::string text;
  std::int32_t prompt = 0;
  std::int32_t cached = 0;
};

class KeptTest : public ::testing::Test {
 protected:
  KeptTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "acloud-live-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    folder_ = root_ + "/prefixes";
  }
  ~KeptTest() override {
    model_.reset();
    states_.reset();
    std::filesystem::remove_all(root_);
  }

  // As a server that is stopped, and started again.
  void start(std::int32_t sequences = 2, bool exact = true, ByteCount limit = mebibytes(64)) {
    stop();
    states_ = std::make_unique<KeptStates>(*disk_, clock_, KeptStates::Options{folder_, limit});
    states_->open(std::vector<std::string>{"tiny"});
    LiveModel::Options options;
    options.engine = {
        .file = testing::random_model(), .sequences = sequences, .cells = 4096, .exact_state = exact};
    options.check.reset();
    options.kept = states_.get();
    options.name = "tiny";
    auto model = loop_.run_until_done(LiveModel::open(std::move(options), pool_, random_));
    ASSERT_TRUE(model) << model.error().message();
    model_ = *std::move(model);
  }
  void stop() {
    model_.reset();
    states_.reset();
  }

  // Until what has left memory is on disk.
  void wait_for_writes() { states_->shelf("nobody", std::string(kKindBytes, '-'))->wait(); }

  static Task<Result<Said>> say_task(LiveModel& model, std::string prompt) {
    ACLOUD_CO_TRY(
        const auto generation,
        co_await model.generate({.workspace = "w", .prompt = std::move(prompt), .most_tokens = 16}));
    Said said;
    for (;;) {
      ACLOUD_CO_TRY(const auto delta, co_await generation->next());
      if (!delta) break;
      said.text += delta->content;
    }
    said.prompt = generation->outcome().prompt_tokens;
    said.cached = generation->outcome().cached_tokens;
    co_return said;
  }
  Said say(const std::string& prompt) {
    auto said = loop_.run_until_done(say_task(*model_, prompt));
    EXPECT_TRUE(said);
    return said.value_or(Said());
  }
  // Long, and begins as none of another number does.
  static std::string prompt(int number) {
    std::mt19937 random(static_cast<std::uint32_t>(number));
    std::string text = std::to_string(number) + ":";
    for (int i = 0; i < 500; ++i) text += static_cast<char>('0' + random() % 10);
    return text;
  }
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> files;
    if (!std::filesystem::exists(folder_)) return files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) files.push_back(entry.path());
    return files;
  }

  std::string root_;
  std::string folder_;
  std::unique_ptr<store::Disk> disk_ = store::system_disk();
  SystemClock clock_;
  async::EventLoop loop_;
  async::BlockingPool pool_{"test", 2};
  SystemRandom random_;
  std::unique_ptr<KeptStates> states_;
  std::unique_ptr<LiveModel> model_;
};

TEST_F(KeptTest, OutlastsTheProcess) {
  start();
  const Said first = say(prompt(1));
  EXPECT_EQ(first.cached, 0);
  start();
  const Said again = say(prompt(1));
  EXPECT_EQ(again.text, first.text);
  EXPECT_EQ(again.cached, again.prompt - 1);
  EXPECT_GT(again.prompt, 200);
  EXPECT_EQ(model_->stats().fetched_tokens, static_cast<std::uint64_t>(again.cached));
  // A prompt that goes on otherwise has the beginning.
  start();
  const Said other = say(prompt(1).substr(0, 450) + "another end");
  EXPECT_GT(other.cached, 400);
}

TEST_F(KeptTest, WhatLeavesMemoryComesBack) {
  start(2);
  std::vector<Said> first;
  for (int i = 0; i < 6; ++i) {
    first.push_back(say(prompt(i)));
    wait_for_writes();
  }
  for (int i = 0; i < 6; ++i) {
    const Said again = say(prompt(i));
    EXPECT_EQ(again.text, first[static_cast<std::size_t>(i)].text) << i;
    wait_for_writes();
  }
  // Not each: where the machine was busy, reading may have looked too slow.
  EXPECT_GT(model_->stats().fetched_tokens, 900U);
}

TEST_F(KeptTest, EightWhoShareAKeptBeginningReadItOnce) {
  start(8);
  const std::string common = prompt(3);
  std::vector<std::string> expected;
  for (int i = 0; i < 8; ++i) expected.push_back(say(common + "end " + std::to_string(i)).text);
  start(8);
  std::vector<Task<Result<Said>>> tasks;
  for (int i = 0; i < 8; ++i) tasks.push_back(say_task(*model_, common + "end " + std::to_string(i)));
  const auto said = loop_.run_until_done(async::all(std::move(tasks)));
  ASSERT_TRUE(said);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ((*said)[i].text, expected[i]) << i;
    EXPECT_GT((*said)[i].cached, 400) << i;
  }
}

TEST_F(KeptTest, OtherOptionsFindNothing) {
  start();
  say(prompt(1));
  start(2, false);
  EXPECT_EQ(say(prompt(1)).cached, 0);
  stop();
  EXPECT_EQ(files().size(), 1U);  // the newer one's
  start(2, true);
  EXPECT_EQ(say(prompt(1)).cached, 0);
}

TEST_F(KeptTest, WhoLeavesWhileItsStateIsReadHarmsNobody) {
  start();
  const Said first = say(prompt(1));
  start();
  auto leave = [](LiveModel& model) -> Task<> {
    for (int i = 0; i < 5; ++i)
      (void)co_await model.generate({.workspace = "w", .prompt = prompt(1), .most_tokens = 16});
  };
  loop_.run_until_done(leave(*model_));
  EXPECT_EQ(say(prompt(1)).text, first.text);
  EXPECT_EQ(model_->stats().running, 0U);
}

TEST_F(KeptTest, ChangedFilesAreAsIfThereWereNone) {
  start();
  const Said first = say(prompt(1));
  stop();
  ASSERT_EQ(files().size(), 1U);
  const auto file = files().front();
  std::string good;
  {
    std::ifstream from(file, std::ios::binary);
    good.assign(std::istreambuf_iterator<char>(from), {});
  }
  std::mt19937_64 random(3);
  const int files_changed = std::getenv("ACLOUD_SOAK") == nullptr ? 20 : 400;
  for (int i = 0; i < files_changed; ++i) {
    SCOPED_TRACE(i);
    stop();
    for (const auto& other : files()) std::filesystem::remove(other);
    std::string bytes = good;
    if (i % 2 == 0) {
      bytes.resize(random() % bytes.size());
    } else {
      bytes[random() % bytes.size()] ^= static_cast<char>(1U << random() % 8);
    }
    std::ofstream(file, std::ios::binary) << bytes;
    start();
    const Said again = say(prompt(1));
    ASSERT_EQ(again.text, first.text);
    ASSERT_EQ(again.cached, 0);
    ASSERT_FALSE(std::filesystem::exists(file));
  }
}

// Sound by its checksum, and yet no state of this engine: llama.cpp refuses it, and the prompt is computed.
TEST_F(KeptTest, AStateThatTheEngineRefusesIsRemoved) {
  start();
  const Said first = say(prompt(1));
  stop();
  ASSERT_EQ(files().size(), 1U);
  const std::string path = files().front();
  const StateLabel label = read_label(*disk_->open(path, store::Disk::Open::read).value()).value();
  for (const std::string& state : {std::string(), std::string("nonsense"), std::string(100'000, '\x7f')}) {
    stop();
    for (const auto& other : files()) std::filesystem::remove(other);
    {
      const auto file = disk_->open(path, store::Disk::Open::create_new).value();
      ASSERT_TRUE(write_state(*file, label.kind, label.tokens, state));
    }
    start();
    const Said again = say(prompt(1));
    EXPECT_EQ(again.text, first.text);
    EXPECT_EQ(again.cached, 0);
    wait_for_writes();
    EXPECT_FALSE(std::filesystem::exists(path));
  }
}

}  // namespace
}  // namespace acloud::inference
