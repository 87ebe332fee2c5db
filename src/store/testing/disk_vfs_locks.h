// What SQLite keeps beside a database's file and shares between its connections: file locks (sqlite.org/
// lockingv3.html) and the WAL's index with its locks (sqlite.org/walformat.html), here for one process.
#pragma once

#include <sqlite3.h>

#include <array>
#include <map>
#include <memory>
#include <vector>

namespace acloud::store::testing {

// Identifies a connection by its file object's address.
using Holder = const void*;

// Not thread-safe: DiskVfs holds its mutex.
class FileLocks {
 public:
  int level(Holder holder) const;
  // Raises the holder's lock. SQLITE_BUSY where another's stands against it; asking for EXCLUSIVE then still
  // leaves PENDING, so that no new reader comes in.
  int lock(Holder holder, int level);
  void unlock(Holder holder, int level);
  // Whether anyone holds RESERVED or more.
  bool reserved() const;

 private:
  int highest_of_others(Holder holder) const;
  std::map<Holder, int> levels_;
};

class SharedIndex {
 public:
  // The address of a region, or null where it is not there and `extend` is false.
  void* map(std::size_t region, std::size_t bytes, bool extend);
  // SQLITE_BUSY where another holder stands against it.
  int lock(Holder holder, int first, int count, int flags);
  void add_user(Holder holder) { held_.try_emplace(holder); }
  // The last one takes the index along, which the next connection then rebuilds from the WAL.
  void remove_user(Holder holder);

 private:
  struct Held {
    unsigned shared = 0;  // a bit for each lock
    unsigned exclusive = 0;
  };
  std::map<Holder, Held> held_;
  std::vector<std::unique_ptr<char[]>> regions_;
};

}  // namespace acloud::store::testing
