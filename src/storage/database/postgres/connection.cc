#include "storage/database/postgres/connection.h"

#include <poll.h>
#include <sys/ioctl.h>

#include <charconv>

#include "base/encoding.h"
#include "storage/database/postgres/values.h"

namespace acloud::storage::postgres {
namespace {

constexpr std::int64_t kRowMost = 32 << 20;  // bytes that may come without completing a row
constexpr std::chrono::milliseconds kCancelGrace{500};

ErrorCode code_of(std::string_view state) {
  if (state == "57014") return ErrorCode::deadline_exceeded;
  const std::string_view kind = state.substr(0, 2);
  if (kind == "23") return ErrorCode::conflict;
  if (kind == "54") return ErrorCode::too_large;
  if (kind == "08" || kind == "40" || kind == "53" || kind == "55" || kind == "57" || kind == "58")
    return ErrorCode::unavailable;
  if (kind == "XX") return ErrorCode::internal;
  return ErrorCode::invalid_argument;
}

Error took_too_long() {
  return Error(ErrorCode::deadline_exceeded, "the query took longer than it may (timeout_s) and was undone");
}

std::string field_of(const PGresult* result, int which) {
  const char* text = PQresultErrorField(result, which);
  return text == nullptr ? "" : text;
}

Error error_of(const PGresult* result) {
  const auto field = [&](int which) { return field_of(result, which); };
  const ErrorCode code = code_of(field(PG_DIAG_SQLSTATE));
  std::string message = to_valid_utf8(field(PG_DIAG_MESSAGE_PRIMARY));
  if (code == ErrorCode::deadline_exceeded) message = took_too_long().message();
  if (const std::string hint = field(PG_DIAG_MESSAGE_HINT); !hint.empty())
    message += ": " + to_valid_utf8(hint);
  Error error(code, std::move(message));
  const std::string at = field(PG_DIAG_STATEMENT_POSITION);
  std::int64_t position = 0;
  std::from_chars(at.data(), at.data() + at.size(), position);
  if (position > 0) return std::move(error).with_detail("offset", position - 1);
  return error;
}

// Commands that change nothing.
bool only_reads(std::string_view command) {
  constexpr std::array<std::string_view, 6> kReading = {"SELECT", "SHOW",  "EXPLAIN",
                                                        "FETCH",  "BEGIN", "COMMIT"};
  return std::ranges::any_of(kReading, [&](std::string_view each) { return command.starts_with(each); });
}

}  // namespace

struct Connection::Output {
  QueryReply reply;
  std::int64_t limit = 0;
  std::int64_t bytes = 0;
  bool ran = false;
  bool wrote = false;
  std::int64_t affected = 0;
  bool fresh = true;  // the next row is the first of its statement

  void begin(const PGresult* result) {
    fresh = false;
    bytes = 0;
    reply = {};
    for (int i = 0; i < PQnfields(result); ++i) reply.columns.push_back(to_valid_utf8(PQfname(result, i)));
  }

  void add_row(const PGresult* result) {
    std::int64_t size = 0;
    for (int i = 0; i < PQnfields(result); ++i) size += 16 + PQgetlength(result, 0, i);
    if (reply.truncated || std::ssize(reply.rows) == limit || bytes + size > kQueryBytesMost) {
      reply.truncated = true;
      return;
    }
    bytes += size;
    std::vector<Json>& row = reply.rows.emplace_back();
    for (int i = 0; i < PQnfields(result); ++i) {
      const std::string_view text(PQgetvalue(result, 0, i),
                                  static_cast<std::size_t>(PQgetlength(result, 0, i)));
      row.push_back(PQgetisnull(result, 0, i) == 1 ? Json() : to_json(PQftype(result, i), text));
    }
  }

  void end(PGresult* result) {
    ran = true;
    fresh = true;
    const std::string_view command = PQcmdStatus(result);
    if (only_reads(command)) return;
    wrote = true;
    const std::string_view count = PQcmdTuples(result);
    std::int64_t changed = 0;
    std::from_chars(count.data(), count.data() + count.size(), changed);
    affected += changed;
  }
};

Result<std::unique_ptr<Connection>> Connection::open(const std::string& url,
                                                     const std::optional<Login>& login, Instant until) {
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
      PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree);
  if (!parsed) return fail(ErrorCode::internal, "the store's url is none that libpq takes");
  std::map<std::string, std::string> options;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) options[option->keyword] = option->val;
  }
  if (login) {
    options.erase("options");  // they are the store's own
    options["dbname"] = login->database;
    options["user"] = login->user;
    options["password"] = login->password;
  }
  const auto left = std::chrono::ceil<std::chrono::seconds>(until - std::chrono::steady_clock::now()).count();
  options["connect_timeout"] = std::to_string(std::clamp<std::int64_t>(left, 2, 10));
  options["client_encoding"] = "UTF8";
  options["application_name"] = "acloud database";
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  keywords.reserve(options.size() + 1);
  values.reserve(options.size() + 1);
  for (const auto& [keyword, value] : options) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  std::unique_ptr<Connection> connection(
      new Connection(PQconnectdbParams(keywords.data(), values.data(), 0)));
  if (PQstatus(connection->raw_.get()) != CONNECTION_OK) return connection->lost();
  PQsetNoticeReceiver(connection->raw_.get(), &Connection::notice, connection.get());
  return connection;
}

std::unexpected<Error> Connection::lost() {
  return fail(ErrorCode::unavailable, "PostgreSQL: {}",
              raw_ ? to_valid_utf8(PQerrorMessage(raw_.get())) : "out of memory");
}

// libpq keeps a row in memory until it is whole: one that is too large must be noticed before.
Result<> Connection::wait_until_read(const async::BlockingWait& wait) {
  std::int64_t came = 0;
  while (PQisBusy(raw_.get()) == 1) {
    const int socket = PQsocket(raw_.get());
    if (auto ready = wait.ready(socket, POLLIN); !ready) {
      if (ready.error().code() == ErrorCode::deadline_exceeded) return std::unexpected(took_too_long());
      return ready;
    }
    int waiting = 0;
    ::ioctl(socket, FIONREAD, &waiting);
    came += waiting;
    if (came > kRowMost) {
      return fail(ErrorCode::too_large,
                  "a row has more than {} bytes, the most that a reply has room for is {}", kRowMost,
                  kQueryBytesMost);
    }
    if (PQconsumeInput(raw_.get()) != 1) return lost();
  }
  return {};
}

Result<Connection::ResultPtr> Connection::next(const async::BlockingWait& wait) {
  ACLOUD_CHECK(wait_until_read(wait));
  return ResultPtr(PQgetResult(raw_.get()));
}

Result<> Connection::take(const PGresult* result, Output& output) {
  switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
      if (output.fresh) output.begin(result);
      output.add_row(result);
      return {};
    case PGRES_TUPLES_OK:
      if (output.fresh) output.begin(result);
      output.end(
          const_cast<PGresult*>(result));  // NOLINT(cppcoreguidelines-pro-type-const-cast): libpq's own
      return {};
    case PGRES_COMMAND_OK:
      output.end(const_cast<PGresult*>(result));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
      return {};
    case PGRES_EMPTY_QUERY:
      return {};
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
      return fail(ErrorCode::invalid_argument, "COPY from or to the client is not possible here");
    default:
      state_ = field_of(result, PG_DIAG_SQLSTATE);
      return std::unexpected(error_of(result));
  }
}

void Connection::notice(void* self, const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state != nullptr && std::string_view(state) == "25001")
    static_cast<Connection*>(self)->began_twice_ = true;
}

void Connection::cancel() {
  const std::unique_ptr<PGcancel, void (*)(PGcancel*)> handle(PQgetCancel(raw_.get()), &PQfreeCancel);
  std::array<char, 256> why{};
  if (!handle || PQcancel(handle.get(), why.data(), why.size()) != 1) return;
  // It should notice at once; whatever it says, the connection is not used again.
  (void)wait_until_read(async::BlockingWait(std::chrono::steady_clock::now() + kCancelGrace));
}

Result<QueryReply> Connection::run(const std::string& sql) {
  return run(sql, {}, kQueryRowsMost,
             async::BlockingWait(std::chrono::steady_clock::now() + kQueryTimeDefault));
}

Result<QueryReply> Connection::run(const std::string& sql, const std::vector<Json>& values,
                                   std::int64_t limit, const async::BlockingWait& wait) {
  ACLOUD_TRY(QueryReply reply, ask(sql, values, limit, wait));
  if (in_transaction()) return std::unexpected(left_open());
  return reply;
}

Error Connection::left_open() {
  return Error(ErrorCode::invalid_argument,
               "the SQL begins a transaction and does not end it: it was undone; end with COMMIT");
}

Result<QueryReply> Connection::ask(const std::string& sql, const std::vector<Json>& values,
                                   std::int64_t limit, const async::BlockingWait& wait) {
  state_.clear();
  if (sql.find('\0') != sql.npos) return fail(ErrorCode::invalid_argument, "sql: there is a NUL in it");
  ACLOUD_TRY(const Params params, Params::of(values));
  const auto pointers = params.pointers();
  const int sent = values.empty() ? PQsendQuery(raw_.get(), sql.c_str())
                                  : PQsendQueryParams(raw_.get(), sql.c_str(), params.count(), params.types(),
                                                      pointers.data(), params.lengths(), params.formats(), 0);
  if (sent != 1) return lost();
  PQsetSingleRowMode(raw_.get());
  Output output;
  output.limit = limit;
  Result<> done;
  for (;;) {
    auto result = next(wait);
    if (!result) {
      cancel();
      return std::unexpected(std::move(result).error());
    }
    if (!*result) break;
    Result<> taken = take(result->get(), output);
    if (!taken && done) done = std::move(taken);
    const ExecStatusType status = PQresultStatus(result->get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) break;
  }
  if (!done) return std::unexpected(std::move(done).error());
  if (!output.ran) return fail(ErrorCode::invalid_argument, "sql: there is no statement in it");
  if (output.wrote) output.reply.rows_affected = output.affected;
  return std::move(output.reply);
}

}  // namespace acloud::storage::postgres
