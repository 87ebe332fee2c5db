// One session with a database, which is all that SQLite and PostgreSQL each implement: what stands above it
// (group_writer, reader_pool, migrate) is the same code for both. Used by one thread at a time.
#pragma once

#include <memory>

#include "store/sql.h"

namespace acloud::store {

class Connection : public Transaction {
 public:
  enum class Mode {
    statement,  // each statement reads the committed state by itself
    read,       // all of them read one snapshot of it
    write,      // serial with all other writers, of this server and others
    alone,      // the same, and one at a time with others of this mode: for what raced before
    schema,     // alone: another opener waits until this one has ended
  };
  // Opens a transaction; connects again if the connection was lost. REQUIRES: none is open.
  virtual Result<> begin(Mode mode) = 0;
  // Durable when it returns. After an error rollback() is still due.
  virtual Result<> commit() = 0;
  // Ends what begin() began; also after an error, or where the connection is gone.
  virtual void rollback() = 0;

  // One level inside a write: what happened since savepoint() is kept, or undone.
  virtual Result<> savepoint() = 0;
  virtual Result<> keep() = 0;
  virtual Result<> undo() = 0;

  // Several statements, inside a transaction: for migrations.
  virtual Result<> run_script(const std::string& sql) = 0;

  // How the transaction stands. After `raced` or `lost` all of it is gone, and rollback() is all that is
  // left.
  enum class State {
    sound,
    raced,  // another server's transaction went first: run all again
    lost,   // the connection, or the whole transaction by a full disk
  };
  virtual State state() const = 0;
};

}  // namespace acloud::store
