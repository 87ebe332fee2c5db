// The requests and replies of product `database`.
#pragma once

#include "base/schema.h"
#include "kernel/page.h"

namespace acloud::storage {

bool is_database_name(std::string_view text);
inline constexpr std::string_view kDatabaseNameRule =
    "1 to 63 of letters, digits, '_', '.', '-', beginning with a letter or digit";

inline constexpr std::int64_t kQueryRowsDefault = 1000;
inline constexpr std::int64_t kQueryRowsMost = 10'000;
inline constexpr std::int64_t kQueryBytesMost = 4 << 20;     // of a reply's values
inline constexpr std::size_t kSqlMost = 1 << 20;             // bytes of `sql`
inline constexpr std::size_t kQueryParamsMost = 1000;        // values beside it
inline constexpr std::int64_t kDatabaseBytesMost = 1 << 30;  // of one database's file
inline constexpr std::chrono::seconds kQueryTimeDefault{30};
inline constexpr std::chrono::seconds kQueryTimeMost{300};

struct DatabaseName {
  std::string name;
  static constexpr auto schema = fields(field("name", &DatabaseName::name, "Name of the database.", required,
                                              form(is_database_name, kDatabaseNameRule)));
};

struct DatabaseEntry {
  std::string name;
  Time created{};
  static constexpr auto schema =
      fields(field("name", &DatabaseEntry::name, "Its name, unique in the workspace."),
             field("created", &DatabaseEntry::created, "When it was made."));
};

struct ListDatabases {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListDatabases::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListDatabases::cursor, "next_cursor of the page before."));
};

struct DatabaseList {
  std::vector<DatabaseEntry> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &DatabaseList::items, "Databases by name."),
      field("next_cursor", &DatabaseList::next_cursor, "Where the next page begins; absent on the last."));
};

struct QueryDatabase {
  std::string name;
  std::string sql;
  std::vector<Json> params;
  std::int64_t limit = kQueryRowsDefault;
  std::chrono::seconds timeout = kQueryTimeDefault;
  static constexpr auto schema = fields(
      field("name", &QueryDatabase::name, "Which database.", required,
            form(is_database_name, kDatabaseNameRule)),
      field("sql", &QueryDatabase::sql,
            "One statement, or several with ';' between: these are one transaction, and the rows are those "
            "of the last one that gives any.",
            required, length(1, kSqlMost)),
      field("params", &QueryDatabase::params,
            "Values for the placeholders $1, $2 and so on of a single statement: null, true or false, a "
            "number, text, or {\"base64\": ...} for bytes.",
            length(0, kQueryParamsMost)),
      field("limit", &QueryDatabase::limit, "Rows at most; `truncated` says that there were more.",
            between(1, kQueryRowsMost)),
      field("timeout_s", &QueryDatabase::timeout, "Stopped and undone after this long.",
            between(std::chrono::seconds(1), kQueryTimeMost)));
};

struct QueryReply {
  std::vector<std::string> columns;
  std::vector<std::vector<Json>> rows;
  std::optional<std::int64_t> rows_affected;
  std::optional<bool> truncated;
  static constexpr auto schema = fields(
      field("columns", &QueryReply::columns, "Names of the columns; none where nothing was asked for."),
      field("rows", &QueryReply::rows,
            "A list of values for each row, in the columns' order; bytes are {\"base64\": ...}."),
      field("rows_affected", &QueryReply::rows_affected,
            "How many rows were added, changed or removed; absent where the SQL only reads."),
      field("truncated", &QueryReply::truncated,
            "true where there were more rows than `limit`, or than fit into 4 MiB."));
};

struct DatabaseColumn {
  std::string name;
  std::string type;
  static constexpr auto schema = fields(field("name", &DatabaseColumn::name, "Its name."),
                                        field("type", &DatabaseColumn::type, "As it was declared."));
};

struct DatabaseTable {
  std::string name;
  std::vector<DatabaseColumn> columns;
  static constexpr auto schema = fields(field("name", &DatabaseTable::name, "Of the table or view."),
                                        field("columns", &DatabaseTable::columns, "Its columns, in order."));
};

struct DatabaseInfo {
  std::string name;
  std::string engine;
  Time created{};
  std::vector<DatabaseTable> tables;
  std::optional<bool> truncated;
  static constexpr auto schema =
      fields(field("name", &DatabaseInfo::name, "Its name."),
             field("engine", &DatabaseInfo::engine, "Whose SQL it speaks: sqlite or postgres."),
             field("created", &DatabaseInfo::created, "When it was made."),
             field("tables", &DatabaseInfo::tables, "Its tables and views, by name."),
             field("truncated", &DatabaseInfo::truncated, "true where it has more columns than are shown."));
};

}  // namespace acloud::storage
