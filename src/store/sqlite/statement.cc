#include "store/sqlite/statement.h"

#include <charconv>

#include "store/sqlite/error.h"

namespace acloud::store::sqlite {
namespace {

Result<std::size_t> placeholder_number(const char* name) {
  const std::string_view text = name == nullptr ? std::string_view() : std::string_view(name);
  std::size_t number = 0;
  if (text.starts_with('$')) std::from_chars(text.data() + 1, text.data() + text.size(), number);
  if (number == 0 || text != fmt::format("${}", number)) {
    return fail(ErrorCode::internal, "placeholder '{}': they are $1, $2, ...", text);
  }
  return number;
}

int bind_one(sqlite3_stmt* raw, int index, const Value& value) {
  struct Binder {
    sqlite3_stmt* raw;
    int index;
    int operator()(std::monostate) const { return sqlite3_bind_null(raw, index); }
    int operator()(std::int64_t integer) const { return sqlite3_bind_int64(raw, index, integer); }
    int operator()(double number) const { return sqlite3_bind_double(raw, index, number); }
    // SQLITE_STATIC: the parameters outlive the statement's run, so nothing is copied.
    int operator()(const std::string& text) const {
      return sqlite3_bind_text64(raw, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    int operator()(const Bytes& bytes) const {
      return sqlite3_bind_blob64(raw, index, bytes.value.data(), bytes.value.size(), SQLITE_STATIC);
    }
  };
  return std::visit(Binder{raw, index}, value);
}

Value column(sqlite3_stmt* raw, int i) {
  const auto bytes = [&](const void* data) {
    return std::string(static_cast<const char*>(data),
                       static_cast<std::size_t>(sqlite3_column_bytes(raw, i)));
  };
  switch (sqlite3_column_type(raw, i)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(raw, i));
    case SQLITE_FLOAT:
      return sqlite3_column_double(raw, i);
    case SQLITE_TEXT:
      return bytes(sqlite3_column_text(raw, i));
    case SQLITE_BLOB: {
      const void* data = sqlite3_column_blob(raw, i);  // null where it is empty
      return data == nullptr ? Bytes{} : Bytes{bytes(data)};
    }
    default:
      return std::monostate{};
  }
}

}  // namespace

Result<std::unique_ptr<Statement>> Statement::prepare(sqlite3* database, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  if (sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw,
                         &rest) != SQLITE_OK) {
    return fail_sqlite(database, sql);
  }
  std::unique_ptr<Statement> statement(new Statement(database, raw));
  const std::string_view tail(rest, sql.data() + sql.size());
  if (raw == nullptr || tail.find_first_not_of(" \t\n;") != std::string_view::npos) {
    return fail(ErrorCode::internal, "not exactly one statement: {}", sql);
  }
  ACLOUD_CHECK(statement->read_placeholders(sql));
  return statement;
}

Result<> Statement::read_placeholders(std::string_view sql) {
  const int count = sqlite3_bind_parameter_count(raw_.get());
  for (int i = 1; i <= count; ++i) {
    auto number = placeholder_number(sqlite3_bind_parameter_name(raw_.get(), i));
    if (!number) return std::unexpected(std::move(number.error()).within(sql));
    placeholders_.push_back(*number);
    params_ = std::max(params_, *number);
  }
  return {};
}

Result<> Statement::bind(const Params& params) {
  if (params.size() != params_) {
    return fail(ErrorCode::internal, "{} values for {} placeholders: {}", params.size(), params_,
                sqlite3_sql(raw_.get()));
  }
  for (std::size_t i = 0; i < placeholders_.size(); ++i) {
    const int result = bind_one(raw_.get(), static_cast<int>(i) + 1, params[placeholders_[i] - 1]);
    if (result != SQLITE_OK) return fail_sqlite(database_, "bind");
  }
  return {};
}

Row Statement::row() const {
  const int count = sqlite3_column_count(raw_.get());
  Row row;
  row.values.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) row.values.push_back(column(raw_.get(), i));
  return row;
}

Result<> Statement::run(const Params& params, Rows* rows) {
  // Also after an error: an open statement would keep its snapshot, and bindings their dangling pointers.
  struct Reset {
    sqlite3_stmt* raw;
    ~Reset() {
      sqlite3_reset(raw);
      sqlite3_clear_bindings(raw);
    }
  };
  const Reset reset{raw_.get()};
  ACLOUD_CHECK(bind(params));
  for (;;) {
    switch (sqlite3_step(raw_.get())) {
      case SQLITE_ROW:
        if (rows != nullptr) rows->push_back(row());
        break;
      case SQLITE_DONE:
        return {};
      default:
        return fail_sqlite(database_, sqlite3_sql(raw_.get()));
    }
  }
}

Result<Statement*> StatementCache::get(std::string_view sql) {
  if (const auto found = by_sql_.find(sql); found != by_sql_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front().statement.get();
  }
  ACLOUD_TRY(auto statement, Statement::prepare(database_, sql));
  if (entries_.size() == kCapacity) {
    by_sql_.erase(entries_.back().sql);
    entries_.pop_back();
  }
  entries_.push_front({std::string(sql), std::move(statement)});
  by_sql_.emplace(entries_.front().sql, entries_.begin());
  return entries_.front().statement.get();
}

}  // namespace acloud::store::sqlite
