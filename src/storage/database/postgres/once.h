// A call's SQL, done once however often the call is made: what it gave is kept in the database itself, in a
// schema of its own, in the transaction of its effect.
//
// SQL with a COMMIT of its own leaves a mark in its first transaction; where the server dies after that, the
// call is not done again, and a repeat is told that its reply is lost. SQL that PostgreSQL will not have
// within a transaction (VACUUM, CREATE INDEX CONCURRENTLY) is done as often as it is asked for.
#pragma once

#include "storage/database/postgres/connection.h"
#include "storage/database/sql_engine.h"

namespace acloud::storage::postgres {

// REQUIRES: `query` has a name, and nothing was begun on `connection`. Blocks. Errors: as SqlEngine::run;
// conflict: it was done in part, and its reply is lost.
Result<QueryReply> run_once(Connection& connection, const SqlQuery& query, const async::BlockingWait& wait);

}  // namespace acloud::storage::postgres
