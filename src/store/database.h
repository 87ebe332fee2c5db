// The durable state of the cloud: SQLite on one machine, PostgreSQL on several, behind one interface.
//
// Writes go through one writer, which runs what is waiting in one transaction and commits once: an fsync may
// cost milliseconds, so it is shared (group commit). A write therefore has two moments. `write` returns when
// the closure has run inside the open transaction; the Commit beside its value is awaited when the bytes are
// on disk. A caller goes on in between and promises nothing to anyone (the output gate of src/kernel awaits
// it before the last byte of a reply). If the commit fails, every write in its group fails with it.
//
// All writes behave as if they ran one after the other, also against other servers on the same PostgreSQL:
// there the writer's transactions are SERIALIZABLE. READ COMMITTED would let two servers read one balance and
// both spend it; REPEATABLE READ would let them insert side by side what together breaks a limit. The price:
// PostgreSQL may refuse a transaction that raced, even at its commit. The group is then run again, smaller
// (at most 100 times), and values are handed out only after the commit, so that none is taken back.
//
// So a write's closure may run more than once, and on another thread: it touches nothing but its Transaction
// and its own captures, and what it returns replaces what an earlier run returned. Once one of its calls has
// failed, all later ones give the same error and its changes are undone, whatever it returns: PostgreSQL
// can't go on after an error, so SQLite doesn't either. What may collide is written with ON CONFLICT.
//
// Tasks use a database from any loop. A task that is stopped while its closure waits gets `cancelled`, and
// the closure does not run; one whose closure has begun gets its answer. An exception of the closure is
// undone like an error and rethrown to the task.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "store/commit.h"
#include "store/job.h"
#include "store/sql.h"

namespace acloud::store {

template <class T>
struct Written {
  T value;
  Commit commit;
};
template <>
struct Written<void> {
  Commit commit;
};

// One step of the schema. Steps run once each, in order, and are never changed after they were released.
struct Migration {
  std::string name;  // unique and stable: "object-1"
  std::string sql;   // one or several statements, which both databases take
};

class Database {
 public:
  // REQUIRES: no call is under way. Commits may still be held.
  virtual ~Database() = default;

  // Runs `work`, a Result<T>(Transaction&), in the next group. Where it returns an error, or throws, its
  // changes are undone and the others of its group are not touched.
  template <class F>
  auto write(F work) -> Task<Result<Written<typename std::invoke_result_t<F&, Transaction&>::value_type>>>;
  // The same, returning when it is durable.
  template <class F>
  auto write_durably(F work) -> Task<std::invoke_result_t<F&, Transaction&>>;
  // Runs `work`, a Result<T>(Reader&), on one snapshot of the committed state, on a thread of its own.
  template <class F>
  auto read(F work) -> Task<std::invoke_result_t<F&, Reader&>>;
  // The same for a few reads by key: on SQLite `work` runs on this thread, which saves two changes of thread
  // (docs/store.md has the figures) and holds up the loop for as long as it takes. On PostgreSQL as `read`.
  template <class F>
  auto read_here(F work) -> Task<std::invoke_result_t<F&, Reader&>>;
  // One query on its own.
  Task<Result<Rows>> query(std::string sql, Params params = {});

  // "sqlite" or "postgres".
  virtual std::string_view kind() const = 0;

  struct Stats {
    std::uint64_t writes = 0;       // closures that succeeded
    std::uint64_t commits = 0;      // groups
    std::uint64_t reruns = 0;       // groups that raced with another server
    std::uint64_t write_queue = 0;  // waiting now
  };
  virtual Stats stats() const = 0;

 protected:
  template <class Queue, class J>
  friend class detail::JobAwaiter;
  virtual void submit(detail::WriteJob& job) = 0;
  virtual void submit(detail::ReadJob& job) = 0;
  // True where no thread has taken the job yet, and none will.
  virtual bool withdraw(detail::WriteJob& job) = 0;
  virtual bool withdraw(detail::ReadJob& job) = 0;
  // Runs and answers the job on this thread, where reading does not wait for a network.
  virtual bool run_here(detail::ReadJob& job) = 0;
};

struct OpenOptions {
  // "sqlite" (in the data folder), or "postgres://user:password@host:port/database".
  std::string url = "sqlite";
  std::string data_folder = {};
  std::size_t readers = 2;         // threads and connections for `read`
  std::size_t group_limit = 1024;  // writes in one transaction at most; 64 on PostgreSQL (docs/store.md)
  std::string sqlite_vfs = {};     // a registered SQLite VFS instead of the machine's files
};

// Opens, makes the data folder if need be, and brings the schema up to `migrations`, in one transaction.
// Errors: precondition_failed where the schema has steps that `migrations` lacks: a newer acloud wrote it;
// also where a PostgreSQL database orders text otherwise than by its bytes; unavailable (no such server),
// invalid_argument (url, two migrations of one name).
Result<std::unique_ptr<Database>> open(const OpenOptions& options, const std::vector<Migration>& migrations);

}  // namespace acloud::store

#include "store/database_inl.h"
