#include "store/postgres/session.h"

#include <array>

#include "store/postgres/error.h"

namespace acloud::store::postgres {
namespace {

// A statement or a transaction that hangs would hold up every other writer, and a server that vanished would
// hold its locks: both are ended. A commit is acknowledged when it is on disk, whatever the server's default.
constexpr const char* kEverySession =
    "SET client_min_messages = warning; SET statement_timeout = 30000; "
    "SET idle_in_transaction_session_timeout = 60000; "
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = "
    "'off'";

}  // namespace

Result<std::unique_ptr<Session>> Session::connect(const std::string& url, Access access) {
  // What the url says comes last and so wins.
  constexpr std::array keywords{"connect_timeout",
                                "keepalives_idle",
                                "tcp_user_timeout",
                                "client_encoding",
                                "fallback_application_name",
                                "dbname",
                                static_cast<const char*>(nullptr)};
  const std::array values{
      "5", "10", "15000", "UTF8", "acloud", url.c_str(), static_cast<const char*>(nullptr)};
  PGconn* raw = PQconnectdbParams(keywords.data(), values.data(), 1);
  if (raw == nullptr) return fail(ErrorCode::unavailable, "connect to PostgreSQL: out of memory");
  std::unique_ptr<Session> session(new Session(raw));
  if (PQstatus(raw) != CONNECTION_OK) return std::unexpected(lost(raw, "connect to PostgreSQL"));
  ACLOUD_CHECK(session->set_up(access));
  return session;
}

Result<> Session::set_up(Access access) {
  PQsetNoticeProcessor(raw_.get(), [](void*, const char*) {}, nullptr);
  if (const char* encoding = PQparameterStatus(raw_.get(), "server_encoding");
      encoding == nullptr || std::string_view(encoding) != "UTF8") {
    return fail(ErrorCode::precondition_failed,
                "the PostgreSQL database has encoding {}: create it with ENCODING 'UTF8'",
                encoding == nullptr ? "unknown" : encoding);
  }
  ACLOUD_CHECK(plain(kEverySession));
  if (access == Access::read_only) ACLOUD_CHECK(plain("SET default_transaction_read_only = on"));
  const ResultPtr order(PQexec(raw_.get(), "SELECT 1 WHERE 'a' < 'B'"));
  if (PQresultStatus(order.get()) != PGRES_TUPLES_OK)
    return std::unexpected(error_of(order.get(), "text order"));
  if (PQntuples(order.get()) != 0) {
    return fail(
        ErrorCode::precondition_failed,
        "the PostgreSQL database orders text by a language, acloud needs the order of its bytes: create it "
        "with TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8'");
  }
  if (PQenterPipelineMode(raw_.get()) != 1) return std::unexpected(lost(raw_.get(), "pipeline mode"));
  return {};
}

Result<> Session::plain(const std::string& sql) {
  const ResultPtr result(PQexec(raw_.get(), sql.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return {};
  raced_ = raced_ || is_race(result.get());
  return std::unexpected(error_of(result.get(), "script"));
}

bool Session::send_deferred() {
  bool sent = true;
  for (const std::string& command : deferred_) {
    sent =
        sent && PQsendQueryParams(raw_.get(), command.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1) == 1;
  }
  deferred_.clear();
  return sent;
}

Result<ResultPtr> Session::run(std::string_view sql, const Params& params) {
  if (prepared_.size() == kPreparedStatements) {
    prepared_.clear();
    defer("DEALLOCATE ALL");
  }
  bool sent = send_deferred();
  const BoundParams bound(params);
  std::string key = fmt::format("{}:{}", bound.signature(), sql);
  const auto known = prepared_.find(key);
  const bool is_new = known == prepared_.end();
  const std::string name = is_new ? fmt::format("s{}", next_name_++) : known->second;
  if (is_new) {
    sent = sent && PQsendPrepare(raw_.get(), name.c_str(), std::string(sql).c_str(), bound.count(),
                                 bound.types()) == 1;
  }
  sent = sent && PQsendQueryPrepared(raw_.get(), name.c_str(), bound.count(), bound.values(), bound.lengths(),
                                     bound.formats(), 1) == 1;
  auto result = receive(sent, sql);
  // Prepared, even if it then failed to run. Only an unknown name would be wrong to keep.
  if (is_new && result) prepared_.emplace(std::move(key), name);
  return result;
}

Result<ResultPtr> Session::run_command(std::string_view command) {
  defer(std::string(command));
  return receive(send_deferred(), command);
}

Result<> Session::run_script(const std::string& sql) {
  if (!deferred_.empty()) ACLOUD_CHECK(receive(send_deferred(), "BEGIN"));
  // Pipelines take one statement at a time; a script is sent the old way.
  if (PQexitPipelineMode(raw_.get()) != 1) return std::unexpected(lost(raw_.get(), "script"));
  const Result<> ran = plain(sql);
  if (PQenterPipelineMode(raw_.get()) != 1) broken_ = true;
  return ran;
}

// Reads the answers up to the end of the pipeline. The last one counts, or the first failure: after one the
// server skips the rest.
Result<ResultPtr> Session::receive(bool sent, std::string_view what) {
  sent = sent && PQpipelineSync(raw_.get()) == 1;
  ResultPtr last;
  std::optional<Error> error;
  bool ended = false;
  // Each command's answers end with a null; two in a row, or one without a connection, mean there are no
  // more.
  for (int nulls = 0; sent && !ended && nulls < 2;) {
    ResultPtr result(PQgetResult(raw_.get()));
    nulls = result == nullptr ? nulls + 1 : 0;
    if (result == nullptr) continue;
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC:
        ended = true;
        break;
      case PGRES_PIPELINE_ABORTED:
        break;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        last = std::move(result);
        break;
      case PGRES_EMPTY_QUERY:
        error = Error(ErrorCode::internal, "not exactly one statement: it is empty");
        break;
      default:
        if (!error) error = error_of(result.get(), what);
        raced_ = raced_ || is_race(result.get());
    }
  }
  if (!ended) {
    broken_ = true;
    return std::unexpected(lost(raw_.get(), "the connection to PostgreSQL was lost"));
  }
  if (error) return std::unexpected(*std::move(error));
  return last;
}

bool Session::in_transaction() const { return !broken_ && PQtransactionStatus(raw_.get()) != PQTRANS_IDLE; }

bool Session::alive() {
  // Twice: a server that ends says goodbye first, and only the next look finds the connection closed.
  return !broken_ && PQconsumeInput(raw_.get()) == 1 && PQconsumeInput(raw_.get()) == 1 &&
         PQstatus(raw_.get()) == CONNECTION_OK;
}

}  // namespace acloud::store::postgres
