// Files, batches and what came of their lines, on both databases.
#include <gtest/gtest.h>

#include "batch/batch_rows.h"
#include "store/testing/databases.h"

namespace acloud::batch {
namespace {

class BatchRowsTest : public store::testing::OnEachDatabase {
 protected:
  template <class F>
  auto write(F work) {
    return run(database_.write_durably(std::move(work)));
  }
  template <class F>
  auto read(F work) {
    return run(database_.read(std::move(work)));
  }

  std::string add_file(const std::string& workspace, const std::string& purpose, const std::string& blob) {
    clock_.advance(std::chrono::microseconds(1));
    const StoredFile file{.shown = {.id = rows::new_id("file", clock_.now(), "0123456789ab"),
                                    .filename = "f",
                                    .purpose = purpose,
                                    .size = 1,
                                    .created = clock_.now()},
                          .workspace = workspace,
                          .place = "here",
                          .blob = blob};
    EXPECT_TRUE(write([file](store::Transaction& tx) { return rows::add_file(tx, file); }));
    return file.shown.id;
  }
  std::vector<std::string> files(ListFiles request, const std::string& after = "") {
    std::vector<std::string> ids;
    for (const File& file :
         *read([=](store::Reader& reader) { return rows::list_files(reader, "w", request, after); }))
      ids.push_back(file.id);
    return ids;
  }

  StoredBatch add_batch(const std::string& workspace, const std::string& place = "here") {
    clock_.advance(std::chrono::microseconds(1));
    StoredBatch made;
    made.owner = {
        .workspace = workspace, .principal = "root", .key = "key_1", .grants = {{.operations = {"a.*"}}}};
    made.place = place;
    made.shown.id = rows::new_id("batch", clock_.now(), "0123456789ab");
    made.shown.endpoint = Endpoint::embeddings;
    made.shown.input_file = "file_1";
    made.shown.metadata = {{"a", "b"}};
    made.shown.created = clock_.now();
    made.shown.expires = clock_.now() + kWindow;
    EXPECT_TRUE(write([made](store::Transaction& tx) { return rows::add_batch(tx, made); }));
    return made;
  }
  Result<> update(const StoredBatch& batch) {
    return write([batch](store::Transaction& tx) { return rows::update_batch(tx, batch); });
  }
  StoredBatch find(const StoredBatch& batch) {
    return *read([batch](store::Reader& reader) {
      return rows::find_batch(reader, batch.owner.workspace, batch.shown.id);
    });
  }
  std::vector<std::string> open(std::int64_t of_each, std::int64_t limit, Time abandoned = {}) {
    std::vector<std::string> ids;
    for (const StoredBatch& each : *read([=](store::Reader& reader) {
           return rows::open_batches(reader, "here", abandoned, of_each, limit);
         }))
      ids.push_back(each.shown.id);
    return ids;
  }
  void close(const StoredBatch& batch) {
    EXPECT_TRUE(write([id = batch.shown.id](store::Transaction& tx) { return rows::close_batch(tx, id); }));
  }

  ManualClock clock_;
  store::Database& database_ = OnEachDatabase::open(migrations());
};

TEST_P(BatchRowsTest, FilesAreListedByAgeAndPurpose) {
  const auto first = add_file("w", "batch", "b1");
  const auto second = add_file("w", "other", "b2");
  const auto third = add_file("w", "batch", "b3");
  add_file("other", "batch", "b4");
  EXPECT_EQ(files({}), (std::vector{third, second, first}));
  EXPECT_EQ(files({.order = Order::asc}), (std::vector{first, second, third}));
  EXPECT_EQ(files({}, third), (std::vector{second, first}));
  EXPECT_EQ(files({.purpose = "batch"}, third), (std::vector{first}));
  EXPECT_EQ(files({.order = Order::asc, .limit = 1}, first), (std::vector{second, third}))
      << "one more than asked";
}

TEST_P(BatchRowsTest, ABlobIsNamedAsLongAsAnyFileNamesIt) {
  const auto named = [this](const std::string& blob) {
    return *read([blob](store::Reader& reader) { return rows::is_named(reader, blob); });
  };
  const auto remove = [this](const std::string& id) {
    return write([id](store::Transaction& tx) { return rows::remove_file(tx, "w", id); });
  };
  const auto one = add_file("w", "batch", "same");
  const auto two = add_file("w", "batch", "same");
  EXPECT_FALSE(named("another"));
  EXPECT_TRUE(remove(one));
  EXPECT_TRUE(named("same"));
  EXPECT_TRUE(remove(two));
  EXPECT_FALSE(named("same"));
  EXPECT_EQ(remove(two).error().code(), ErrorCode::not_found);
}

TEST_P(BatchRowsTest, WhatHasExpiredGoesButForWhatABatchReads) {
  const Time now = clock_.now();
  const auto add = [&](const std::string& id, std::optional<Time> expires) {
    const StoredFile file{
        .shown = {.id = id, .filename = "f", .purpose = "batch", .created = now, .expires = expires},
        .workspace = "w",
        .place = "here",
        .blob = id};
    ASSERT_TRUE(write([file](store::Transaction& tx) { return rows::add_file(tx, file); }));
  };
  const auto prune = [this](Time at) {
    return *write([at](store::Transaction& tx) { return rows::remove_expired_files(tx, at, 10); });
  };
  const auto due = [this](Time at) {
    return *read([at](store::Reader& reader) { return rows::has_to_prune(reader, at, Time{}); });
  };
  add("file_1", now + std::chrono::hours(1));  // which add_batch() reads
  add("file_2", now + std::chrono::hours(1));
  add("file_3", now + std::chrono::hours(2));
  add("file_4", std::nullopt);
  EXPECT_EQ(read([](store::Reader& reader) { return rows::find_file(reader, "w", "file_3"); })->shown.expires,
            now + std::chrono::hours(2));
  StoredBatch batch = add_batch("w");
  EXPECT_FALSE(due(now));
  EXPECT_TRUE(due(now + std::chrono::hours(1)));
  EXPECT_EQ(prune(now), 0);
  EXPECT_EQ(prune(now + std::chrono::hours(1)), 1);
  EXPECT_EQ(files({.order = Order::asc}), (std::vector<std::string>{"file_1", "file_3", "file_4"}));
  batch.shown.state = State::completed;
  batch.shown.ended = now;
  ASSERT_TRUE(update(batch));
  close(batch);
  EXPECT_EQ(prune(now + std::chrono::hours(9)), 2);
  EXPECT_EQ(files({}), std::vector<std::string>{"file_4"});
}

TEST_P(BatchRowsTest, BatchesThatEndedLongAgoAreForgotten) {
  StoredBatch ended = add_batch("w");
  const StoredBatch open = add_batch("w");
  ended.shown.state = State::completed;
  ended.shown.ended = clock_.now();
  ASSERT_TRUE(update(ended));
  const auto prune = [this](Time at) {
    return *write([at](store::Transaction& tx) { return rows::remove_ended(tx, at, 10); });
  };
  EXPECT_EQ(prune(clock_.now() + std::chrono::hours(1)), 0) << "there is still something to be done for it";
  close(ended);
  EXPECT_EQ(prune(*ended.shown.ended), 0);
  EXPECT_EQ(prune(*ended.shown.ended + std::chrono::seconds(1)), 1);
  EXPECT_EQ(read([&](store::Reader& reader) { return rows::find_batch(reader, "w", ended.shown.id); })
                .error()
                .code(),
            ErrorCode::not_found);
  EXPECT_EQ(find(open).shown.id, open.shown.id);
}

TEST_P(BatchRowsTest, ABatchIsReadAsItWasWritten) {
  StoredBatch batch = add_batch("w");
  batch.shown.state = State::finalizing;
  batch.shown.started = batch.shown.finalizing = clock_.now();
  batch.shown.counts.total = 7;
  batch.shown.errors = {{"code", "what", 3}, {"code", "all", std::nullopt}};
  batch.ends_as = State::expired;
  batch.output_expires_after = std::chrono::hours(2);
  ASSERT_TRUE(update(batch));
  const StoredBatch found = find(batch);
  EXPECT_EQ(found.output_expires_after, std::chrono::hours(2));
  EXPECT_EQ(encode(found.shown), encode(batch.shown));
  EXPECT_EQ(found.ends_as, State::expired);
  EXPECT_EQ(found.owner.key, "key_1");
  ASSERT_EQ(found.owner.grants.size(), 1);
  EXPECT_EQ(found.owner.grants[0].operations, std::vector<std::string>{"a.*"});
  EXPECT_FALSE(found.owner.is_operator);
}

TEST_P(BatchRowsTest, ACancellationAndAnEndAreNotTakenBack) {
  StoredBatch batch = add_batch("w");
  StoredBatch cancelled = batch;
  cancelled.shown.state = State::cancelling;
  cancelled.shown.cancelling = clock_.now();
  ASSERT_TRUE(write([cancelled](store::Transaction& tx) { return rows::set_cancelling(tx, cancelled); }));
  batch.shown.state = State::in_progress;
  EXPECT_EQ(update(batch).error().code(), ErrorCode::conflict);
  cancelled.shown.state = State::cancelled;
  cancelled.shown.ended = clock_.now();
  ASSERT_TRUE(update(cancelled));
  batch.shown.state = State::completed;
  EXPECT_EQ(update(batch).error().code(), ErrorCode::conflict);
  EXPECT_EQ(find(batch).shown.state, State::cancelled);
}

TEST_P(BatchRowsTest, NoWorkspaceTakesAllTurns) {
  std::vector<StoredBatch> many;
  for (int i = 0; i < 4; ++i) many.push_back(add_batch("w"));
  const StoredBatch other = add_batch("other");
  const StoredBatch away = add_batch("away", "there");
  EXPECT_EQ(open(2, 10), (std::vector{many[0].shown.id, many[1].shown.id, other.shown.id}));
  EXPECT_EQ(open(2, 1), (std::vector{many[0].shown.id}));
  EXPECT_EQ(*read([](store::Reader& reader) { return rows::count_open(reader, "w"); }), 4);
  many[0].shown.state = State::completed;
  many[0].shown.ended = clock_.now();
  ASSERT_TRUE(update(many[0]));
  EXPECT_EQ(open(1, 10)[0], many[0].shown.id) << "what its lines gave is to be removed";
  close(many[0]);
  EXPECT_EQ(open(1, 10), (std::vector{many[1].shown.id, other.shown.id}));
  EXPECT_EQ(open(1, 10, away.shown.expires + std::chrono::seconds(1)).back(), away.shown.id)
      << "nobody else ends it";
}

TEST_P(BatchRowsTest, AnInputIsHeldWhileItsBatchGoesOn) {
  StoredBatch batch = add_batch("w");
  const auto reader_of = [this](const std::string& workspace) {
    return *read(
        [workspace](store::Reader& reader) { return rows::open_batch_of(reader, workspace, "file_1"); });
  };
  EXPECT_EQ(reader_of("w"), batch.shown.id);
  EXPECT_EQ(reader_of("other"), std::nullopt);
  batch.shown.state = State::failed;
  batch.shown.ended = clock_.now();
  ASSERT_TRUE(update(batch));
  EXPECT_EQ(reader_of("w"), std::nullopt);
}

TEST_P(BatchRowsTest, ALineCountsOnce) {
  const StoredBatch batch = add_batch("w");
  const auto add = [&](std::vector<LineResult> results) {
    return write([id = batch.shown.id, results](store::Transaction& tx) {
      return rows::add_results(tx, id, results);
    });
  };
  ASSERT_TRUE(add({{1, true, "one"}, {3, true, "three"}, {2, false, "two"}}));
  ASSERT_TRUE(add({{3, true, "again"}, {4, true, "four"}}));
  EXPECT_EQ(find(batch).shown.counts.completed, 3);
  EXPECT_EQ(find(batch).shown.counts.failed, 1);
  const auto results = [&](bool ok, std::int64_t after, std::int64_t limit) {
    std::string all;
    for (const LineResult& each : *read([=, id = batch.shown.id](store::Reader& reader) {
           return rows::results(reader, id, ok, after, limit);
         }))
      all += each.json + " ";
    return all;
  };
  EXPECT_EQ(results(true, 0, 10), "one three four ");
  EXPECT_EQ(results(true, 1, 1), "three ");
  EXPECT_EQ(results(false, 0, 10), "two ");
  EXPECT_EQ(*read([id = batch.shown.id](store::Reader& reader) { return rows::lines_done(reader, id); }),
            (std::set<std::int64_t>{1, 2, 3, 4}));
  const auto remove = [&] {
    return *write([id = batch.shown.id](store::Transaction& tx) { return rows::remove_results(tx, id, 3); });
  };
  EXPECT_EQ(remove(), 3);
  EXPECT_EQ(remove(), 1);
}

TEST_P(BatchRowsTest, OfAWorkspaceThatIsGoneNothingStays) {
  const StoredBatch batch = add_batch("w");
  add_file("w", "batch", "b");
  const auto add = [&] {
    return write([id = batch.shown.id](store::Transaction& tx) {
      return rows::add_results(tx, id, {{1, true, "x"}});
    });
  };
  ASSERT_TRUE(add());
  ASSERT_TRUE(write([](store::Transaction& tx) { return forget_workspace(tx, "w"); }));
  EXPECT_EQ(add().error().code(), ErrorCode::not_found) << "a line under way is not kept";
  EXPECT_TRUE(
      read([id = batch.shown.id](store::Reader& reader) { return rows::lines_done(reader, id); })->empty());
  EXPECT_TRUE(files({}).empty());
}

INSTANTIATE_TEST_SUITE_P(Databases, BatchRowsTest, store::testing::each_database(), store::testing::name_of);

}  // namespace
}  // namespace acloud::batch
