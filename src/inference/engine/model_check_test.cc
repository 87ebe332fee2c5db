// A model file that is cut, changed or not one at all is refused with a reason, or is harmless.
#include "inference/engine/model_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "inference/engine/testing/models.h"

namespace acloud::inference {
namespace {

using ::testing::HasSubstr;

class ModelCheckTest : public ::testing::Test {
 protected:
  ModelCheckTest() {
    std::ifstream file(testing::random_model(), std::ios::binary);
    good_.assign(std::istreambuf_iterator<char>(file), {});
    path_ = std::filesystem::temp_directory_path() /
            ("acloud-model-check-" + std::to_string(::getpid()) + ".gguf");
  }
  ~ModelCheckTest() override { std::filesystem::remove(path_); }

  Result<> check(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    return check_model({.file = path_.string(), .sequences = 2, .cells = 512, .batch = 64},
                       testing::model_check());
  }
  // The file as it lies there passed: then the server loads it, and nothing may happen to it.
  void use() {
    auto engine = open_llama({.file = path_.string(), .sequences = 2, .cells = 512, .batch = 64});
    ASSERT_TRUE(engine) << engine.error().message();
    auto tokens = (*engine)->tokenize("put 12 into the bucket", Reading::prompt);
    ASSERT_TRUE(tokens);
    const Input input{.tokens = *tokens, .wants_logits = true};
    ASSERT_TRUE((*engine)->decode({&input, 1}));
    ASSERT_TRUE((*engine)->sample(**(*engine)->make_sampler({}), 0));
  }

  std::string good_;
  std::filesystem::path path_;
  std::mt19937_64 random_{7};
};

// How many files of each kind: the long form takes minutes.
int rounds(int shortly, int at_length) { return std::getenv("ACLOUD_SOAK") == nullptr ? shortly : at_length; }

TEST_F(ModelCheckTest, TakesASoundModel) {
  const auto checked = check(good_);
  EXPECT_TRUE(checked) << checked.error().message();
}

TEST_F(ModelCheckTest, RefusesWhatIsNoModel) {
  for (const std::string& bytes :
       {std::string(), std::string("GGUF"), std::string(4096, '\0'), std::string("hello\n")}) {
    const auto checked = check(bytes);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code(), ErrorCode::invalid_argument);
    EXPECT_THAT(checked.error().message(), HasSubstr(path_.string()));
  }
  const auto missing = check_model({.file = "/nowhere/x.gguf"}, testing::model_check());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
  const auto folder = check_model({.file = "/tmp"}, testing::model_check());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code(), ErrorCode::invalid_argument);
}

TEST_F(ModelCheckTest, RefusesAFileCutAnywhere) {
  for (int i = 0; i < 100; ++i) {
    // Half of the cuts fall into the head, where the file's structure is.
    const std::size_t most = i % 2 == 0 ? good_.size() : good_.size() / 50;
    const std::size_t at = random_() % most;
    const auto checked = check(good_.substr(0, at));
    ASSERT_FALSE(checked) << "cut at " << at;
    EXPECT_EQ(checked.error().code(), ErrorCode::invalid_argument) << checked.error().message();
    EXPECT_GT(checked.error().message().size(), path_.string().size() + 10);
  }
}

TEST_F(ModelCheckTest, SurvivesChangedBytes) {
  int refused = 0;
  const int files = rounds(50, 1000);
  for (int i = 0; i < files; ++i) {
    SCOPED_TRACE(i);
    std::string bytes = good_;
    const std::size_t most = i % 2 == 0 ? bytes.size() : bytes.size() / 50;
    for (int change = 0; change < 1000 / files; ++change)
      bytes[random_() % most] = static_cast<char>(random_());
    const auto checked = check(bytes);
    if (checked) {
      use();
    } else {
      ++refused;
      EXPECT_EQ(checked.error().code(), ErrorCode::invalid_argument) << checked.error().message();
    }
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(refused, files / 4);
}

TEST_F(ModelCheckTest, EndsAChildThatTakesTooLong) {
  ModelCheck check{.program = {"/bin/sh", "-c", "echo started; exec sleep 1000"},
                   .limit = std::chrono::seconds(1)};
  const auto checked = check_model({.file = testing::random_model()}, check);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message(), HasSubstr("longer than 1 s"));
}

TEST_F(ModelCheckTest, SaysHowAChildDied) {
  ModelCheck check{.program = {"/bin/sh", "-c", "echo something failed; kill -SEGV $$"}};
  const auto checked = check_model({.file = testing::random_model()}, check);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code(), ErrorCode::invalid_argument);
  EXPECT_THAT(checked.error().message(), HasSubstr("signal 11"));
  EXPECT_THAT(checked.error().message(), HasSubstr("something failed"));
}

}  // namespace
}  // namespace acloud::inference
