#include "inference/context_cache/kept_states.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>

#include "base/encoding.h"
#include "inference/context_cache/reading_cost.h"
#include "inference/context_cache/state_file.h"
#include "store/testing/fault_walk.h"

namespace acloud::inference {
namespace {

using store::testing::SimulatedDisk;

constexpr std::size_t kTokens = 200;
constexpr std::size_t kState = 10'000;
const std::string kFolder = "/data/prefixes";
const std::vector<std::string> kModels{"tiny", "large"};

std::string kind(std::string_view of = "a file") { return sha256(of); }

std::vector<Token> row(Token first, std::size_t size = kTokens) {
  std::vector<Token> tokens(size);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}
// Bytes that belong to this row alone.
std::string state_of(const std::vector<Token>& tokens, std::size_t size = kState) {
  std::mt19937 random(static_cast<std::uint32_t>(tokens.front() + tokens.size()));
  std::string state(size, '\0');
  std::ranges::generate(state, [&] { return static_cast<char>(random()); });
  return state;
}

// A server's time with a folder.
struct World {
  explicit World(store::Disk& disk, ByteCount limit = mebibytes(1), std::string folder = kFolder,
                 const std::string& of = "a file")
      : states(disk, clock,
               {.folder = std::move(folder), .limit = limit, .left = [this](const auto&) { return left; }}) {
    states.open(kModels);
    shelf = states.shelf("tiny", kind(of));
  }

  void keep(const std::vector<Token>& tokens) {
    shelf->keep(tokens, state_of(tokens));
    shelf->wait();
  }
  Result<std::string> read(const std::vector<Token>& prompt) {
    const auto match = shelf->find(prompt);
    if (!match) return fail(ErrorCode::not_found, "nothing begins so");
    Result<std::string> state = fail(ErrorCode::internal, "not done");
    shelf->read(match->id, [&](Result<KeptStates::Read> read) {
      if (read) {
        state = read->state;
      } else {
        state = std::unexpected(read.error());
      }
    });
    shelf->wait();
    return state;
  }

  ManualClock clock;
  std::int64_t left = 1LL << 40U;
  KeptStates states;
  std::optional<KeptStates::Shelf> shelf;
};

std::int64_t bytes_in(store::Disk& disk, const std::string& folder) {
  std::int64_t bytes = 0;
  for (const std::string& name : disk.list(folder).value_or(std::vector<std::string>()))
    bytes +=
        static_cast<std::int64_t>((*disk.open(folder + '/' + name, store::Disk::Open::read))->size().value());
  return bytes;
}

class KeptStatesTest : public ::testing::Test {
 protected:
  SimulatedDisk disk_;
};

TEST_F(KeptStatesTest, GivesBackWhatItWasGivenAlsoAfterARestart) {
  const auto tokens = row(1);
  {
    World world(disk_);
    EXPECT_FALSE(world.shelf->find(tokens));
    EXPECT_TRUE(world.shelf->wants(tokens, {kState}));
    world.keep(tokens);
    EXPECT_FALSE(world.shelf->wants(tokens, {kState}));
    EXPECT_EQ(world.read(tokens).value(), state_of(tokens));
  }
  World world(disk_);
  auto prompt = row(1, 150);
  prompt.push_back(7777);
  const auto match = world.shelf->find(prompt);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->tokens, 150);
  EXPECT_EQ(match->whole, 200);
  EXPECT_EQ(world.read(prompt).value(), state_of(tokens));
  EXPECT_EQ(world.states.bytes().value, bytes_in(disk_, kFolder));
}

TEST_F(KeptStatesTest, AnotherModelOrBuildFindsNothingAndRemovesIt) {
  {
    World world(disk_);
    world.keep(row(1));
    auto large = world.states.shelf("large", kind());
    EXPECT_FALSE(large->find(row(1)));
    large->keep(row(1), state_of(row(1)));
    large->wait();
  }
  EXPECT_EQ(disk_.list(kFolder)->size(), 2U);
  {
    World world(disk_, mebibytes(1), kFolder, "another file");
    EXPECT_FALSE(world.shelf->find(row(1)));
    EXPECT_EQ(disk_.list(kFolder)->size(), 1U);
    EXPECT_TRUE(world.states.shelf("large", kind())->find(row(1)));
  }
  ManualClock clock;
  KeptStates states(disk_, clock, {.folder = kFolder, .limit = mebibytes(1)});
  states.open(std::vector<std::string>{"somebody else"});
  EXPECT_TRUE(disk_.list(kFolder)->empty());
}

TEST_F(KeptStatesTest, WhereNothingIsKeptWhatIsThereGoes) {
  {
    World world(disk_);
    world.keep(row(1));
  }
  World world(disk_, {0});
  EXPECT_FALSE(world.shelf);
  EXPECT_TRUE(disk_.list(kFolder)->empty());
}

TEST_F(KeptStatesTest, TheFolderNeverExceedsItsLimit) {
  const std::int64_t each = state_file_bytes(kTokens, kState);
  const ByteCount limit{3 * each + 100};
  {
    World world(disk_, limit);
    for (Token i = 0; i < 3; ++i) world.keep(row(1000 * i));
    ASSERT_TRUE(world.read(row(0)));  // it is the last used now
    for (Token i = 3; i < 5; ++i) {
      world.keep(row(1000 * i));
      EXPECT_LE(bytes_in(disk_, kFolder), limit.value);
    }
    EXPECT_TRUE(world.shelf->find(row(0)));
    EXPECT_FALSE(world.shelf->find(row(1000)));
    EXPECT_FALSE(world.shelf->find(row(2000)));
    EXPECT_FALSE(world.shelf->wants(row(9000), {2 * each}));  // larger than half of all
  }
  World world(disk_, {2 * each});
  EXPECT_EQ(disk_.list(kFolder)->size(), 2U);
  EXPECT_EQ(world.states.bytes().value, 2 * each);
}

TEST_F(KeptStatesTest, ALongerOneTakesThePlaceOfItsBeginning) {
  World world(disk_);
  world.keep(row(1, 200));
  world.keep(row(1, 250));  // too little more
  EXPECT_EQ(world.shelf->find(row(1, 400))->whole, 200);
  world.keep(row(1, 400));
  EXPECT_EQ(disk_.list(kFolder)->size(), 1U);
  EXPECT_EQ(world.read(row(1, 200)).value(), state_of(row(1, 400)));
}

TEST_F(KeptStatesTest, KeepsNothingShort) {
  World world(disk_);
  EXPECT_FALSE(world.shelf->wants(row(1, kFewestKept - 1), {100}));
}

TEST_F(KeptStatesTest, LeavesSomeOfTheDiskToOthers) {
  World world(disk_);
  world.left = 1LL << 30U;
  world.keep(row(1));
  EXPECT_FALSE(world.shelf->find(row(1)));
  EXPECT_FALSE(world.shelf->wants(row(1), {kState}));  // for a while
  world.left = 1LL << 40U;
  world.clock.advance(std::chrono::minutes(1));
  world.keep(row(1));
  EXPECT_TRUE(world.shelf->find(row(1)));
}

// Whatever the disk does, what is found is whole, or is refused; the folder keeps its limit, and no garbage
// is left by the next start.
TEST_F(KeptStatesTest, BearsEveryFaultOfTheDisk) {
  const ByteCount limit{2 * state_file_bytes(kTokens, kState) + 100};
  const std::vector<Token> starts{1, 1000, 2000, 3000};
  store::testing::Scenario<int> scenario;
  scenario.run = [&](SimulatedDisk& disk) {
    World world(disk, limit);
    for (const Token start : starts) {
      world.keep(row(start));
      world.clock.advance(std::chrono::minutes(1));
    }
    (void)world.read(row(2000));
    return 0;
  };
  scenario.check = [&](SimulatedDisk& disk, const int&) -> std::string {
    World world(disk, limit);
    if (bytes_in(disk, kFolder) > limit.value) return "the folder is too large";
    for (const Token start : starts) {
      if (!world.shelf->find(row(start))) continue;
      const auto state = world.read(row(start));
      if (state && *state != state_of(row(start))) return "a state is another one";
      if (!state && world.shelf->find(row(start))) return "what was refused is still found";
    }
    if (bytes_in(disk, kFolder) != world.states.bytes().value) return "there is garbage";
    world.keep(row(9000));
    return world.read(row(9000)) ? "" : "nothing is kept any more";
  };
  const auto report = store::testing::walk_faults(scenario);
  EXPECT_GT(report.runs, 50U);
  EXPECT_EQ(report.broken, std::vector<std::string>());
}

// --- Files that were changed, on the machine's disk. ---

class StateFilesTest : public ::testing::Test {
 protected:
  StateFilesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "acloud-kept-XXXXXX").string();
    folder_ = std::string(mkdtemp(pattern.data())) + "/prefixes";
    World world(*disk_, mebibytes(1), folder_);
    world.keep(row(1));
    file_ = folder_ + '/' + disk_->list(folder_)->front();
    std::ifstream file(file_, std::ios::binary);
    good_.assign(std::istreambuf_iterator<char>(file), {});
  }
  ~StateFilesTest() override { std::filesystem::remove_all(std::filesystem::path(folder_).parent_path()); }

  // Whether the file with these bytes is refused and removed, by a server that starts or that runs.
  void expect_refused(const std::string& bytes) {
    {
      World world(*disk_, mebibytes(1), folder_);
      std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
      if (world.shelf->find(row(1))) EXPECT_FALSE(world.read(row(1)));
      EXPECT_FALSE(world.shelf->find(row(1)));
    }
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
    World world(*disk_, mebibytes(1), folder_);
    if (world.shelf->find(row(1))) EXPECT_FALSE(world.read(row(1)));
    EXPECT_FALSE(world.shelf->find(row(1)));
    // One whose tokens were changed is found by these, and refused then.
    StateLabel label;
    if (const auto opened = disk_->open(file_, store::Disk::Open::read); opened)
      label = read_label(**opened).value_or(StateLabel());
    if (!label.tokens.empty()) EXPECT_FALSE(world.read(label.tokens));
    EXPECT_TRUE(disk_->list(folder_)->empty());
  }

  std::unique_ptr<store::Disk> disk_ = store::system_disk();
  std::string folder_;
  std::string file_;
  std::string good_;
  std::mt19937_64 random_{5};
};

TEST_F(StateFilesTest, AreTheServersAlone) {
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(folder_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

TEST_F(StateFilesTest, CutAnywhereAreRefused) {
  for (int i = 0; i < 100; ++i) {
    SCOPED_TRACE(i);
    expect_refused(good_.substr(0, i % 4 == 0 ? random_() % 100 : random_() % good_.size()));
  }
}

TEST_F(StateFilesTest, WithABitChangedAnywhereAreRefused) {
  for (int i = 0; i < 100; ++i) {
    SCOPED_TRACE(i);
    std::string bytes = good_;
    const std::size_t at = i < 88 ? static_cast<std::size_t>(i) : random_() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << random_() % 8));
    expect_refused(bytes);
  }
}

TEST_F(StateFilesTest, ThatAreNoneAreRemoved) {
  std::filesystem::remove(file_);
  for (const char* name :
       {"notes.txt", ".hidden", "0123456789abcdef-0123456789abcdef-0123456789abcdef.state", "x.part"}) {
    std::ofstream(folder_ + '/' + name) << "hello";
  }
  std::ofstream(file_ + ".part") << good_;
  World world(*disk_, mebibytes(1), folder_);
  EXPECT_TRUE(disk_->list(folder_)->empty());
}

}  // namespace
}  // namespace acloud::inference
