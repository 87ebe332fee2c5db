// What SQL from strangers may do in SQLite: everything within its own database, and nothing that reaches out
// of it or changes how it is kept.
#pragma once

#include <sqlite3.h>

#include <string>

namespace acloud::storage::sqlite {

class Authorizer {
 public:
  // Asks about every statement that `database` prepares from here on. REQUIRES: outlives its use.
  void watch(sqlite3* database);
  // While false everything is allowed, for what the session itself runs.
  void set_strict(bool strict) { strict_ = strict; }
  // Before each query.
  void begin() { *this = Authorizer(strict_); }
  // While there is one, the session's own table (Calls) is reached, which is nobody else's.
  class Own {
   public:
    explicit Own(Authorizer& authorizer) : authorizer_(authorizer) { authorizer_.own_ = true; }
    ~Own() { authorizer_.own_ = false; }
    Own(const Own&) = delete;
    Own& operator=(const Own&) = delete;

   private:
    Authorizer& authorizer_;
  };

  // What was refused first, as "ATTACH" or "PRAGMA journal_mode"; "" for nothing.
  const std::string& refused() const { return refused_; }
  // Something that lives as long as the connection was made or set: temporary tables, pragmas.
  bool leaves_traces() const { return leaves_traces_; }
  // The statement prepared last is BEGIN, COMMIT, SAVEPOINT or the like.
  bool take_transaction() {
    commits_ = false;
    return std::exchange(transaction_, false);
  }
  // The statement prepared last is COMMIT or RELEASE.
  bool commits() const { return commits_; }

  Authorizer() = default;

 private:
  explicit Authorizer(bool strict) : strict_(strict) {}
  static int on_action(void* self, int action, const char* first, const char* second, const char*,
                       const char*);
  int decide(int action, const char* first, const char* second);
  int refuse(std::string what);

  bool strict_ = false;
  bool leaves_traces_ = false;
  bool transaction_ = false;
  bool commits_ = false;
  bool own_ = false;
  std::string refused_;
};

}  // namespace acloud::storage::sqlite
