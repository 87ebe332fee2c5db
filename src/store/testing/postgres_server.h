// A PostgreSQL server of the tests' own: made by initdb in a temporary folder, reached through a socket there
// and not by network, gone with its folder when this goes. Data is synced as on a real one.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/error.h"

namespace acloud::store::testing {

class PostgresServer {
 public:
  // Where the machine's root runs the tests the server runs as `postgres` or `nobody`: it refuses root.
  // Errors: unavailable, with the server's own words.
  static Result<std::unique_ptr<PostgresServer>> start();
  // One for the whole test program, started when it is first asked for. Ends the program where there is none.
  static PostgresServer& shared();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The url of a new, empty store: a schema of its own, since a whole database takes a second to make.
  Result<std::string> make_database();
  std::string url(const std::string& database) const;
  // Runs SQL in a database, outside of the store.
  Result<> run(const std::string& database, const std::string& sql);

  void kill();       // with SIGKILL; returns when it and its children are gone
  Result<> again();  // after kill(): starts on the same data, and waits until it has recovered

 private:
  PostgresServer() = default;
  Result<> make_folder();
  Result<> init();
  Result<> wait_until_ready();
  std::string log_tail() const;

  std::string folder_;
  pid_t pid_ = -1;
  int databases_ = 0;
};

}  // namespace acloud::store::testing
