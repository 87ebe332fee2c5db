// One libpq connection, kept in pipeline mode: a statement travels together with the commands before it that
// need no answer of their own (BEGIN, SAVEPOINT, the preparation of the statement), in one round trip.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/postgres/values.h"
#include "store/sql.h"

namespace acloud::store::postgres {

struct ClearResult {
  void operator()(PGresult* raw) const { PQclear(raw); }
};
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;

class Session {
 public:
  enum class Access { read_only, read_write };
  static constexpr std::size_t kPreparedStatements = 256;

  // Errors: unavailable (no such server), precondition_failed (its encoding or text order is not ours).
  static Result<std::unique_ptr<Session>> connect(const std::string& url, Access access);

  // Sent before the next statement; its failure is that statement's.
  void defer(std::string command) { deferred_.push_back(std::move(command)); }
  // What was deferred and not yet sent is forgotten.
  void forget_deferred() { deferred_.clear(); }

  // The statement, prepared once for each SQL and types of `params`.
  Result<ResultPtr> run(std::string_view sql, const Params& params);
  // A command without values, not prepared.
  Result<ResultPtr> run_command(std::string_view command);
  // Several statements at once.
  Result<> run_script(const std::string& sql);

  bool in_transaction() const;
  // False when the server has gone; looks at the socket, without waiting.
  bool alive();
  bool broken() const { return broken_; }
  // Since the last call of forget_race a failure was a race: see is_race.
  bool raced() const { return raced_; }
  void forget_race() { raced_ = false; }

 private:
  struct Finish {
    void operator()(PGconn* raw) const { PQfinish(raw); }
  };
  explicit Session(PGconn* raw) : raw_(raw) {}
  Result<> set_up(Access access);
  bool send_deferred();
  Result<ResultPtr> receive(bool sent, std::string_view what);
  Result<> plain(const std::string& sql);

  std::unique_ptr<PGconn, Finish> raw_;
  std::vector<std::string> deferred_;
  std::unordered_map<std::string, std::string> prepared_;  // signature and SQL: the statement's name
  std::uint64_t next_name_ = 0;
  bool raced_ = false;
  bool broken_ = false;
};

}  // namespace acloud::store::postgres
