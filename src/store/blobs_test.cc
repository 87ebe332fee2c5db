#include "store/blobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_scope.h"
#include "base/encoding.h"
#include "store/testing/fault_walk.h"

namespace acloud::store {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string digest_of(std::string_view content) { return to_hex(sha256(content)); }

std::string path_of(std::string_view content) {
  const std::string digest = digest_of(content);
  return "/data/blobs/" + digest.substr(0, 2) + "/" + digest.substr(2);
}

// Gives its pieces one by one, then `error` if there is one.
class Pieces final : public net::Stream {
 public:
  explicit Pieces(std::vector<std::string> pieces, std::optional<Error> error = {})
      : pieces_(std::move(pieces)), error_(std::move(error)) {}
  Task<Result<std::string>> read() override {
    if (next_ < pieces_.size()) co_return pieces_[next_++];
    if (error_) co_return std::unexpected(*error_);
    co_return std::string();
  }

 private:
  std::vector<std::string> pieces_;
  std::optional<Error> error_;
  std::size_t next_ = 0;
};

Task<Result<BlobInfo>> put(Blobs& blobs, std::string content, std::uint64_t limit = UINT64_MAX) {
  net::Body body(std::move(content));
  co_return co_await blobs.put(body, limit);
}

Task<Result<std::string>> get(Blobs& blobs, std::string digest, std::uint64_t offset = 0,
                              std::uint64_t length = UINT64_MAX) {
  ACLOUD_CO_TRY(auto stream, co_await blobs.get(std::move(digest), offset, length));
  std::string content;
  for (;;) {
    ACLOUD_CO_TRY(const std::string piece, co_await stream->read());
    if (piece.empty()) co_return content;
    content += piece;
  }
}

// In virtual time, on one thread for the disk: every run takes the same steps in the same order.
struct House {
  ManualClock clock;
  async::EventLoop loop{clock};
  async::BlockingPool pool{"blobs", 1};

  Result<std::unique_ptr<Blobs>> open(Disk& disk) { return Blobs::open(disk, "/data/blobs", clock, pool); }
};

std::unique_ptr<testing::SimulatedDisk> disk_with_data_folder() {
  auto disk = std::make_unique<testing::SimulatedDisk>();
  EXPECT_TRUE(disk->make_folders("/data"));
  EXPECT_TRUE(disk->sync_folder("/"));
  return disk;
}

class BlobsTest : public ::testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    return house_.loop.run_until_done(std::move(task));
  }
  std::vector<std::string> staged() { return disk_->list("/data/blobs/staging").value(); }
  bool is_there(std::string_view content) { return disk_->exists(path_of(content)).value(); }
  void overwrite(std::string_view content, std::uint64_t offset, std::string_view bytes) {
    ASSERT_TRUE(disk_->open(path_of(content), Disk::Open::write).value()->write(offset, bytes));
  }

  House house_;
  std::unique_ptr<testing::SimulatedDisk> disk_ = disk_with_data_folder();
  std::unique_ptr<Blobs> blobs_ = house_.open(*disk_).value();
};

TEST_F(BlobsTest, GivesBackWhatWasPut) {
  const std::string content = std::string(300'000, 'a') + std::string(300'000, 'b');
  const BlobInfo info = run(put(*blobs_, content)).value();
  EXPECT_EQ(info.digest, digest_of(content));
  EXPECT_EQ(info.size, content.size());
  EXPECT_EQ(run(get(*blobs_, info.digest)).value(), content);
  EXPECT_THAT(staged(), IsEmpty());
}

TEST_F(BlobsTest, GivesRanges) {
  const std::string digest = run(put(*blobs_, "0123456789")).value().digest;
  EXPECT_EQ(run(get(*blobs_, digest, 3, 4)).value(), "3456");
  EXPECT_EQ(run(get(*blobs_, digest, 8, 100)).value(), "89");
  EXPECT_EQ(run(get(*blobs_, digest, 10)).value(), "");
  EXPECT_EQ(run(get(*blobs_, digest, UINT64_MAX, UINT64_MAX)).value(), "");
  EXPECT_EQ(run(get(*blobs_, digest, 0, 0)).value(), "");
}

TEST_F(BlobsTest, KeepsAnEmptyValue) {
  EXPECT_EQ(run(put(*blobs_, "")).value().size, 0u);
  EXPECT_EQ(run(get(*blobs_, digest_of(""))).value(), "");
}

TEST_F(BlobsTest, PutsPiecesOfAnySizeTogether) {
  std::vector<std::string> pieces;
  std::string content;
  for (std::size_t n = 1; n < 900'000; n = n * 3 + 1) content += pieces.emplace_back(n, static_cast<char>(n));
  net::Body body(std::make_unique<Pieces>(pieces));
  EXPECT_EQ(run(blobs_->put(body, content.size())).value().digest, digest_of(content));
  EXPECT_EQ(run(get(*blobs_, digest_of(content))).value(), content);
}

TEST_F(BlobsTest, RefusesWhatIsLargerThanTheLimit) {
  EXPECT_EQ(run(put(*blobs_, "12345", 4)).error().code(), ErrorCode::too_large);
  net::Body endless(std::make_unique<Pieces>(std::vector<std::string>(100, std::string(100'000, 'x'))));
  EXPECT_EQ(run(blobs_->put(endless, 1'000'000)).error().code(), ErrorCode::too_large);
  EXPECT_THAT(staged(), IsEmpty());
  EXPECT_TRUE(run(put(*blobs_, "1234", 4)));
}

TEST_F(BlobsTest, LeavesNothingWhereTheSourceFails) {
  net::Body body(std::make_unique<Pieces>(std::vector<std::string>{std::string(400'000, 'x')},
                                          Error(ErrorCode::unavailable, "the client has gone")));
  EXPECT_EQ(run(blobs_->put(body, UINT64_MAX)).error().message(), "the client has gone");
  EXPECT_THAT(staged(), IsEmpty());
}

TEST_F(BlobsTest, TakesNothingButADigestForAName) {
  const std::string digest = digest_of("x");
  EXPECT_EQ(run(get(*blobs_, digest)).error().code(), ErrorCode::not_found);
  for (const std::string& name :
       {std::string(), std::string("../../root.key"), digest + "0", digest.substr(1),
        "../" + digest.substr(3), std::string(64, '\0'), std::string(64, 'A')}) {
    EXPECT_EQ(run(get(*blobs_, name)).error().code(), ErrorCode::invalid_argument) << name;
  }
}

TEST_F(BlobsTest, NoticesDamage) {
  const std::string content(600'000, 'a');
  const std::string digest = run(put(*blobs_, content)).value().digest;
  overwrite(content, 1000, "b");
  const auto altered = run(get(*blobs_, digest));
  EXPECT_THAT(altered.error().message(), HasSubstr("is not what was stored"));
  ASSERT_TRUE(disk_->open(path_of(content), Disk::Open::write).value()->truncate(0));
  EXPECT_EQ(run(get(*blobs_, digest)).error().code(), ErrorCode::internal);
  // Put again, it is whole again.
  ASSERT_TRUE(run(put(*blobs_, content)));
  EXPECT_EQ(run(get(*blobs_, digest)).value(), content);
}

Task<Error> read_past_damage(Blobs& blobs, std::string digest) {
  auto stream = (co_await blobs.get(std::move(digest))).value();
  while (co_await stream->read()) {
  }
  co_return (co_await stream->read()).error();
}

TEST_F(BlobsTest, DamageStaysAnErrorForAReaderWhoGoesOn) {
  const std::string digest = run(put(*blobs_, "abc")).value().digest;
  overwrite("abc", 0, "x");
  EXPECT_EQ(run(read_past_damage(*blobs_, digest)).code(), ErrorCode::internal);
}

TEST_F(BlobsTest, OpeningRemovesWhatACrashLeftInStaging) {
  ASSERT_TRUE(disk_->open("/data/blobs/staging/17", Disk::Open::create));
  ASSERT_TRUE(run(put(*blobs_, "kept")));
  blobs_ = house_.open(*disk_).value();
  EXPECT_THAT(staged(), IsEmpty());
  EXPECT_EQ(run(get(*blobs_, digest_of("kept"))).value(), "kept");
}

// -- sweeping -------------------------------------------------------------------------------------------

Task<Result<bool>> answer(bool is_referenced) { co_return is_referenced; }

TEST_F(BlobsTest, SweepsWhatIsOldAndUnreferenced) {
  ASSERT_TRUE(run(put(*blobs_, "referenced")));
  ASSERT_TRUE(run(put(*blobs_, "garbage")));
  house_.clock.advance(2h);
  ASSERT_TRUE(run(put(*blobs_, "new garbage")));
  const auto is_referenced = [](const std::string& digest) {
    return answer(digest == digest_of("referenced"));
  };
  EXPECT_EQ(run(blobs_->sweep(1h, is_referenced)).value(), 1u);
  EXPECT_TRUE(is_there("referenced"));
  EXPECT_FALSE(is_there("garbage"));
  EXPECT_TRUE(is_there("new garbage"));
}

TEST_F(BlobsTest, PuttingAgainStartsTheGraceAnew) {
  ASSERT_TRUE(run(put(*blobs_, "again")));
  house_.clock.advance(2h);
  ASSERT_TRUE(run(put(*blobs_, "again")));
  EXPECT_EQ(run(blobs_->sweep(1h, [](const std::string&) { return answer(false); })).value(), 0u);
}

TEST_F(BlobsTest, ASweepEndsWithTheErrorOfItsQuestion) {
  ASSERT_TRUE(run(put(*blobs_, "a")));
  house_.clock.advance(2h);
  const auto ask = [](const std::string&) -> Task<Result<bool>> {
    co_return fail(ErrorCode::unavailable, "no db");
  };
  EXPECT_EQ(run(blobs_->sweep(1h, ask)).error().message(), "no db");
  EXPECT_TRUE(is_there("a"));
}

Task<> put_into(Blobs& blobs, std::string content, std::optional<Result<BlobInfo>>& result) {
  result = co_await put(blobs, std::move(content));
}

// Starts a put of what is being asked about, and answers only when the put has come as far as it can: virtual
// time goes on when nothing else does.
Task<Result<bool>> put_meanwhile(Blobs& blobs, async::TaskScope& scope,
                                 std::optional<Result<BlobInfo>>& result) {
  scope.spawn(put_into(blobs, "contested", result));
  ACLOUD_CO_CHECK(co_await async::sleep_for(1s));
  co_return false;
}

Task<Result<std::uint64_t>> sweep_against_put(Blobs& blobs, std::optional<Result<BlobInfo>>& result) {
  async::TaskScope scope;
  const auto ask = [&](const std::string&) { return put_meanwhile(blobs, scope, result); };
  auto swept = co_await blobs.sweep(1h, ask);
  co_await scope.join();
  co_return swept;
}

TEST_F(BlobsTest, APutThatMeetsASweepOfTheSameContentKeepsIt) {
  ASSERT_TRUE(run(put(*blobs_, "contested")));
  house_.clock.advance(2h);
  std::optional<Result<BlobInfo>> result;
  EXPECT_EQ(run(sweep_against_put(*blobs_, result)).value(), 1u);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ(run(get(*blobs_, digest_of("contested"))).value(), "contested");
}

Task<Result<bool>> put_other(Blobs& blobs, std::string content) {
  ACLOUD_CO_CHECK(co_await put(blobs, std::move(content)));
  co_return false;
}

// The sweep has listed both as old; the one that it asks about second was put again by then.
TEST_F(BlobsTest, APutBetweenTheListAndTheQuestionKeepsTheBlob) {
  std::vector<std::string> pair{"0"};
  for (int n = 1; pair.size() < 2; ++n) {
    if (digest_of(fmt::to_string(n)).substr(0, 2) == digest_of("0").substr(0, 2))
      pair.push_back(fmt::to_string(n));
  }
  for (const auto& content : pair) ASSERT_TRUE(run(put(*blobs_, content)));
  house_.clock.advance(2h);
  const auto ask = [&](const std::string& digest) {
    return put_other(*blobs_, digest == digest_of(pair[0]) ? pair[1] : pair[0]);
  };
  EXPECT_EQ(run(blobs_->sweep(1h, ask)).value(), 1u);
  EXPECT_NE(is_there(pair[0]), is_there(pair[1]));
}

// -- faults ---------------------------------------------------------------------------------------------

// What a put of each content was answered with.
using KeptBlobs = std::map<std::string, bool>;

std::string check_promise(House& house, Disk& disk, const KeptBlobs& acknowledged) {
  const auto blobs = house.open(disk);
  if (!blobs) return blobs.error().message();
  if (!disk.list("/data/blobs/staging").value().empty()) return "staging is not empty";
  for (const auto& [content, promised] : acknowledged) {
    const auto found = house.loop.run_until_done(get(**blobs, digest_of(content)));
    const std::string what = fmt::format("{} bytes of '{}'", content.size(), content[0]);
    if (found && *found != content) return what + " became something else";
    if (!found && found.error().code() != ErrorCode::not_found) return found.error().message();
    if (!found && promised) return what + " are lost";
  }
  return "";
}

void make_data_folder(Disk& disk) {
  ASSERT_TRUE(disk.make_folders("/data"));
  ASSERT_TRUE(disk.sync_folder("/"));
}

// Puts a value of several pieces, one that is there already, and a small one.
testing::Scenario<KeptBlobs> three_puts(House& house) {
  const std::string before(2000, 'b'), large(270'000, 'l'), small(100, 's');
  return {
      .prepare =
          [=, &house](testing::SimulatedDisk& disk) {
            make_data_folder(disk);
            ASSERT_TRUE(house.loop.run_until_done(put(*house.open(disk).value(), before)));
          },
      .run =
          [=, &house](testing::SimulatedDisk& disk) {
            KeptBlobs acknowledged{{before, true}, {large, false}, {small, false}};
            const auto blobs = house.open(disk);
            if (!blobs) return acknowledged;
            for (const auto& content : {large, before, small}) {
              acknowledged[content] |= house.loop.run_until_done(put(**blobs, content)).has_value();
            }
            return acknowledged;
          },
      .check = [&house](testing::SimulatedDisk& disk,
                        const KeptBlobs& acknowledged) { return check_promise(house, disk, acknowledged); }};
}

testing::Scenario<KeptBlobs> first_put(House& house) {
  return {
      .prepare = make_data_folder,
      .run =
          [&house](testing::SimulatedDisk& disk) {
            const auto blobs = house.open(disk);
            return KeptBlobs{{"first", blobs && house.loop.run_until_done(put(**blobs, "first"))}};
          },
      .check = [&house](testing::SimulatedDisk& disk,
                        const KeptBlobs& acknowledged) { return check_promise(house, disk, acknowledged); }};
}

TEST(BlobsFaults, KeepTheirPromiseThroughEveryFault) {
  House house;
  const auto report = testing::walk_faults(three_puts(house));
  EXPECT_THAT(report.broken, IsEmpty());
  fmt::print("blobs: {} calls, {} runs, {} checks\n", report.calls, report.runs, report.checks);
}

TEST(BlobsFaults, KeepTheirPromiseWhereTheFolderIsNew) {
  House house;
  EXPECT_THAT(testing::walk_faults(first_put(house), 1).broken, IsEmpty());
}

TEST(BlobsFaults, TheCheckNoticesWhatIsLost) {
  House house;
  EXPECT_TRUE(testing::notices_lost_syncs(three_puts(house)));
  EXPECT_TRUE(testing::notices_lost_syncs(first_put(house)));
}

}  // namespace
}  // namespace acloud::store
