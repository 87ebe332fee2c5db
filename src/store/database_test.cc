// What a Database promises, on SQLite and on PostgreSQL.
#include "store/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "store/testing/databases.h"

namespace acloud::store {
namespace {

using ::testing::HasSubstr;

const Migration kSchema{"test-1", R"(
  CREATE TABLE item (
    name TEXT PRIMARY KEY,
    count BIGINT,
    size DOUBLE PRECISION,
    content BYTEA);
  CREATE TABLE tag (item TEXT NOT NULL REFERENCES item (name), tag TEXT NOT NULL, PRIMARY KEY (item, tag));
)"};

class DatabaseTest : public testing::OnEachDatabase {
 protected:
  Database& database_ = open({kSchema});

  Result<std::int64_t> execute(std::string sql, Params params = {}) {
    return run(
        database_.write_durably([&](Transaction& transaction) { return transaction.execute(sql, params); }));
  }
  Result<Rows> query(std::string sql, Params params = {}) {
    return run(database_.query(std::move(sql), std::move(params)));
  }
  std::int64_t count_items() { return query("SELECT COUNT(*) FROM item").value().at(0).integer(0); }
};
INSTANTIATE_TEST_SUITE_P(Databases, DatabaseTest, testing::each_database(), testing::name_of);

TEST_P(DatabaseTest, GivesBackWhatWasStored) {
  const std::string all_bytes = [] {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    return bytes;
  }();
  const std::vector<Params> stored{
      {std::string("null"), {}, {}, {}},
      {std::string("empty"), std::int64_t{0}, 0.0, Bytes{}},
      {std::string("smallest"), INT64_MIN, -1.5e308, Bytes{all_bytes}},
      {std::string("largest"), INT64_MAX, 5e-324, Bytes{std::string(1, '\0')}},
      {std::string("p\xc3\xa4ivitt\xc3\xa4\xc3\xa4 \xf0\x9f\x8c\x8d"), std::int64_t{-1}, 0.1, Bytes{"text"}},
      {std::string(), std::int64_t{1}, -0.0, Bytes{std::string(3 << 20, '\xff')}},
  };
  for (const Params& row : stored) {
    ASSERT_EQ(execute("INSERT INTO item (name, count, size, content) VALUES ($1, $2, $3, $4)", row), 1);
    const Rows rows = query("SELECT name, count, size, content FROM item WHERE name = $1", {row[0]}).value();
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].values, row);
  }
}

TEST_P(DatabaseTest, StoresHugeText) {
  const std::string huge(8 << 20, 'x');
  ASSERT_TRUE(execute("CREATE TABLE page (text TEXT)"));
  ASSERT_TRUE(execute("INSERT INTO page VALUES ($1)", {huge}));
  EXPECT_EQ(query("SELECT text FROM page").value().at(0).text(0), huge);
}

TEST_P(DatabaseTest, GivesIntegersAndNumbersForWhatTheDatabaseReckons) {
  ASSERT_TRUE(
      execute("INSERT INTO item (name, count, size) VALUES ('a', 9007199254740993, 1.5), ('b', 2, 2.5)"));
  const Rows rows =
      query("SELECT SUM(count), SUM(size), COUNT(*), 1, LENGTH('abc'), AVG(count) FROM item").value();
  EXPECT_EQ(rows[0].integer(0), 9007199254740995);
  EXPECT_EQ(rows[0].number(1), 4.0);
  EXPECT_EQ(rows[0].integer(2), 2);
  EXPECT_EQ(rows[0].integer(3), 1);
  EXPECT_EQ(rows[0].integer(4), 3);
  EXPECT_DOUBLE_EQ(rows[0].number(5), 9007199254740995.0 / 2);
}

TEST_P(DatabaseTest, KeepsTimesToTheMicrosecond) {
  const Time time{std::chrono::microseconds{1'795'000'000'123'456}};
  ASSERT_TRUE(execute("INSERT INTO item (name, count) VALUES ('t', $1)", {to_value(time)}));
  EXPECT_EQ(query("SELECT count FROM item").value().at(0).time(0), time);
}

TEST_P(DatabaseTest, TakesParametersInAnyOrderAndMoreThanOnce) {
  const Rows rows = query("SELECT $2 + 1, $1 || $1, $2 + 2", {std::string("a"), std::int64_t{40}}).value();
  EXPECT_EQ(rows[0].integer(0), 41);
  EXPECT_EQ(rows[0].text(1), "aa");
  EXPECT_EQ(rows[0].integer(2), 42);
}

TEST_P(DatabaseTest, ParametersNeverBecomeSql) {
  for (const std::string attempt :
       {"'; DROP TABLE item; --", "\" OR 1=1 --", "$1", "$2; DELETE FROM item", "\\'; --", "%' OR '1'='1",
        "x'); COMMIT; DROP TABLE item; --", "/*", "E'\\x00'"}) {
    ASSERT_EQ(execute("INSERT INTO item (name, content) VALUES ($1, $2)", {attempt, Bytes{attempt}}), 1)
        << attempt;
    EXPECT_EQ(query("SELECT content FROM item WHERE name = $1", {attempt}).value().at(0).bytes(0), attempt);
  }
  EXPECT_EQ(query("SELECT name FROM item WHERE name = $1", {std::string("' OR ''='")}).value().size(), 0u);
  EXPECT_EQ(count_items(), 9);
}

TEST_P(DatabaseTest, RefusesTextThatPostgresWouldNotTake) {
  const auto code = [&](Value value) {
    return execute("INSERT INTO item (name) VALUES ($1)", {std::move(value)}).error().code();
  };
  EXPECT_EQ(code(std::string("a\0b", 3)), ErrorCode::invalid_argument);
  EXPECT_EQ(code(std::string("\xc3(")), ErrorCode::invalid_argument);
  EXPECT_EQ(code(std::nan("")), ErrorCode::invalid_argument);
  EXPECT_EQ(code(Bytes{std::string(kMaxValueSize + 1, 'x')}), ErrorCode::too_large);
  EXPECT_EQ(count_items(), 0);
}

TEST_P(DatabaseTest, SaysWhichConstraintWasHit) {
  ASSERT_TRUE(execute("INSERT INTO item (name) VALUES ('a')"));
  const Error taken = execute("INSERT INTO item (name) VALUES ('a')").error();
  EXPECT_EQ(taken.code(), ErrorCode::conflict);
  EXPECT_THAT(taken.details().at("constraint"), HasSubstr("item"));
  EXPECT_EQ(execute("INSERT INTO tag VALUES ('b', 'c')").error().code(), ErrorCode::precondition_failed);
  EXPECT_EQ(execute("INSERT INTO item (name) VALUES ('a') ON CONFLICT DO NOTHING"), 0);
}

TEST_P(DatabaseTest, RefusesWrongSql) {
  for (const std::string sql : {"SELEC 1", "SELECT nothing FROM nowhere", "SELECT 1; SELECT 2", "",
                                "SELECT \"quoted\"", "DELETE FROM item WHERE name = $1"}) {
    EXPECT_EQ(execute(sql).error().code(), ErrorCode::internal) << sql;
  }
  EXPECT_TRUE(execute("SELECT 1"));  // and goes on
}

TEST_P(DatabaseTest, MindsTheCaseAndOrdersByBytes) {
  ASSERT_TRUE(execute("INSERT INTO item (name) VALUES ('B'), ('a'), ('A'), ('\xc3\xa4')"));
  const Rows rows = query("SELECT name FROM item ORDER BY name").value();
  EXPECT_EQ(rows.at(0).text(0) + rows.at(1).text(0) + rows.at(2).text(0) + rows.at(3).text(0), "ABa\xc3\xa4");
  EXPECT_EQ(query("SELECT name FROM item WHERE name LIKE 'a%'").value().size(), 1u);
}

TEST_P(DatabaseTest, CountsChangedRowsAndReturnsThem) {
  ASSERT_EQ(execute("INSERT INTO item (name, count) VALUES ('a', 1), ('b', 2), ('c', 3)"), 3);
  EXPECT_EQ(execute("UPDATE item SET count = count + 10 WHERE count > 1"), 2);
  EXPECT_EQ(execute("DELETE FROM item WHERE name = 'z'"), 0);
  EXPECT_EQ(execute("CREATE TABLE other (id BIGINT)"), 0);
  const auto returned = run(database_.write_durably([](Transaction& t) {
    return t.query("UPDATE item SET count = 0 WHERE name = $1 RETURNING name, count", {"b"});
  }));
  EXPECT_EQ(returned.value().at(0).text(0), "b");
  EXPECT_EQ(query("SELECT count FROM item WHERE name = 'b'").value().at(0).integer(0), 0);
}

TEST_P(DatabaseTest, ReadersCannotWrite) {
  EXPECT_FALSE(query("INSERT INTO item (name) VALUES ('a')"));
  EXPECT_FALSE(
      run(database_.read([](Reader& r) { return r.query("INSERT INTO item (name) VALUES ('a')"); })));
  EXPECT_FALSE(
      run(database_.read_here([](Reader& r) { return r.query("INSERT INTO item (name) VALUES ('a')"); })));
  EXPECT_EQ(count_items(), 0);
}

TEST_P(DatabaseTest, ReadsHereAsElsewhere) {
  ASSERT_TRUE(execute("INSERT INTO item (name, count) VALUES ('a', 7)"));
  const auto read = [](Reader& r) -> Result<std::int64_t> {
    ACLOUD_TRY(const Rows rows, r.query("SELECT count FROM item WHERE name = $1", {"a"}));
    return rows.at(0).integer(0);
  };
  EXPECT_EQ(run(database_.read(read)), 7);
  EXPECT_EQ(run(database_.read_here(read)), 7);
  EXPECT_EQ(run(database_.read_here([](Reader& r) { return r.query("nonsense"); })).error().code(),
            ErrorCode::internal);
  EXPECT_THROW(run(database_.read_here([](Reader&) -> Result<> { throw std::logic_error("bug"); })),
               std::logic_error);
  EXPECT_EQ(run(database_.read_here(read)), 7);
}

TEST_P(DatabaseTest, ReadsHereSeeEveryCommitThatWasAcknowledged) {
  ASSERT_TRUE(execute("INSERT INTO item (name, count) VALUES ('a', 0)"));
  std::atomic<std::int64_t> acknowledged{0};
  const std::jthread other([&](const std::stop_token& over) {  // another loop's
    async::EventLoop loop;
    while (!over.stop_requested()) {
      const std::int64_t least = acknowledged;
      const auto rows = loop.run_until_done(
          database_.read_here([](Reader& r) { return r.query("SELECT count FROM item WHERE name = 'a'"); }));
      EXPECT_GE(rows.value().at(0).integer(0), least);
    }
  });
  for (std::int64_t i = 1; i <= 200; ++i) {
    ASSERT_TRUE(execute("UPDATE item SET count = $1 WHERE name = 'a'", {i}));
    acknowledged = i;
    const auto rows = run(
        database_.read_here([](Reader& r) { return r.query("SELECT count FROM item WHERE name = 'a'"); }));
    ASSERT_EQ(rows.value().at(0).integer(0), i);
  }
}

TEST_P(DatabaseTest, ReadsHereDoNotKeepTheLogFromBeginningAnew) {
  if (!on_sqlite()) GTEST_SKIP() << "SQLite's log";
  ASSERT_TRUE(execute("INSERT INTO item (name) VALUES ('a')"));
  std::uintmax_t longest = 0;
  for (int i = 0; i < 100; ++i) {
    // Pages that stay the same are not written.
    Bytes large{std::string(4 << 20, static_cast<char>(i))};
    ASSERT_TRUE(execute("UPDATE item SET content = $1 WHERE name = 'a'", {std::move(large)}));
    ASSERT_TRUE(run(database_.read_here([](Reader& r) { return r.query("SELECT count FROM item"); })));
    longest = std::max(longest, std::filesystem::file_size(options_.data_folder + "/acloud.db-wal"));
  }
  EXPECT_LT(longest, std::uintmax_t{200} << 20) << "of 400 MiB that were written";
}

TEST_P(DatabaseTest, KeepsEverythingAcrossReopening) {
  ASSERT_TRUE(execute("INSERT INTO item (name) VALUES ('a')"));
  close_all();
  Database& again = open({kSchema});
  EXPECT_EQ(run(again.query("SELECT name FROM item")).value().at(0).text(0), "a");
}

TEST_P(DatabaseTest, UndoesAFailedClosureAlone) {
  const auto insert = [&](std::string name, bool fails) {
    return run(database_.write_durably([name, fails](Transaction& t) -> Result<> {
      ACLOUD_CHECK(t.execute("INSERT INTO item (name) VALUES ($1)", {name}));
      if (fails) return fail(ErrorCode::precondition_failed, "not like this");
      return {};
    }));
  };
  EXPECT_TRUE(insert("a", false));
  EXPECT_EQ(insert("b", true).error().code(), ErrorCode::precondition_failed);
  EXPECT_TRUE(insert("c", false));
  EXPECT_EQ(count_items(), 2);
}

TEST_P(DatabaseTest, UndoesAndRethrowsAnException) {
  EXPECT_THROW(run(database_.write([](Transaction& t) -> Result<> {
                 ACLOUD_CHECK(t.execute("INSERT INTO item (name) VALUES ('a')"));
                 throw std::logic_error("bug");
               })),
               std::logic_error);
  EXPECT_EQ(count_items(), 0);
  EXPECT_TRUE(execute("INSERT INTO item (name) VALUES ('b')"));
}

// PostgreSQL can't go on after an error inside a transaction, so on SQLite a closure may not either.
TEST_P(DatabaseTest, AClosureStaysFailedAfterItsFirstError) {
  ASSERT_TRUE(execute("INSERT INTO item (name) VALUES ('a')"));
  const auto swallowed = run(database_.write_durably([](Transaction& t) -> Result<> {
    const auto first = t.execute("INSERT INTO item (name) VALUES ('a')");
    const auto second = t.execute("INSERT INTO item (name) VALUES ('b')");
    EXPECT_EQ(second.error().code(), ErrorCode::conflict);
    return {};
  }));
  EXPECT_EQ(swallowed.error().code(), ErrorCode::conflict);
  EXPECT_EQ(count_items(), 1);
}

}  // namespace
}  // namespace acloud::store
