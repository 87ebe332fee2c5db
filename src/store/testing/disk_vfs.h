// SQLite on a Disk: a VFS, so that the fault walk reaches every call that a transaction makes.
//
// It does what SQLite's own "unix" VFS does with the same guarantees: a folder is synced with the first sync
// of a new journal or WAL, and when a journal is removed. Locks and the WAL's shared memory live in this
// process, so several connections of one process share a database, and no other process must.
#pragma once

#include <memory>
#include <string>

#include "store/disk.h"

namespace acloud::store::testing {

class DiskVfs {
 public:
  // Registers with SQLite, under a name of its own, until destroyed.
  explicit DiskVfs(Disk& disk);
  ~DiskVfs();  // REQUIRES: every connection that uses it is closed
  DiskVfs(const DiskVfs&) = delete;
  DiskVfs& operator=(const DiskVfs&) = delete;

  // For sqlite3_open_v2 and OpenOptions.
  const std::string& name() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace acloud::store::testing
