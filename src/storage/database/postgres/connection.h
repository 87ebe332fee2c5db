// A connection to PostgreSQL for SQL from strangers: every wait has a deadline, and what comes back is
// bounded.
#pragma once

#include <libpq-fe.h>

#include <memory>

#include "async/blocking_wait.h"
#include "storage/database/database_types.h"

namespace acloud::storage::postgres {

// Whom to connect as, in place of what the url says.
struct Login {
  std::string database;
  std::string user;
  std::string password;
};

class Connection {
 public:
  // Blocks. Errors: unavailable.
  static Result<std::unique_ptr<Connection>> open(const std::string& url, const std::optional<Login>& login,
                                                  Instant until);

  // Blocks until it is done; where the wait ends before, PostgreSQL is told to stop, and it is undone.
  // Errors: as SqlEngine::run.
  Result<QueryReply> run(const std::string& sql, const std::vector<Json>& params, std::int64_t limit,
                         const async::BlockingWait& wait);
  // A statement of the server's own. Errors: as run.
  Result<QueryReply> run(const std::string& sql);

  // The same within a transaction that may be open, and stay so.
  Result<QueryReply> ask(const std::string& sql, const std::vector<Json>& params, std::int64_t limit,
                         const async::BlockingWait& wait);
  bool in_transaction() const { return PQtransactionStatus(raw_.get()) != PQTRANS_IDLE; }
  // What PostgreSQL said was wrong with the last ask(), as SQLSTATE; "" where it said nothing: then the
  // connection is of no more use.
  const std::string& state() const { return state_; }
  static Error left_open();
  // A BEGIN came while a transaction was open.
  bool began_twice() const { return began_twice_; }

 private:
  struct Finish {
    void operator()(PGconn* raw) const { PQfinish(raw); }
  };
  struct Clear {
    void operator()(PGresult* raw) const { PQclear(raw); }
  };
  using ResultPtr = std::unique_ptr<PGresult, Clear>;
  struct Output;

  explicit Connection(PGconn* raw) : raw_(raw) {}
  Result<> wait_until_read(const async::BlockingWait& wait);
  Result<ResultPtr> next(const async::BlockingWait& wait);
  Result<> take(const PGresult* result, Output& output);
  static void notice(void* self, const PGresult* result);
  void cancel();
  std::unexpected<Error> lost();

  std::unique_ptr<PGconn, Finish> raw_;
  std::string state_;
  bool began_twice_ = false;
};

}  // namespace acloud::storage::postgres
