// The disk as the store sees it, so that tests can make it fail, tear and forget at any call.
//
// What a real disk promises, and no more: bytes written are durable after sync() of the file; a file made,
// renamed or removed is durable after sync_folder() of its folder. Before that a crash may keep, lose or
// tear any of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace acloud::store {

class File {
 public:
  virtual ~File() = default;  // closes
  // Up to `size` bytes at `offset`; fewer only at the end of the file.
  virtual Result<std::string> read(std::uint64_t offset, std::size_t size) = 0;
  // Past the end: the gap reads as zeros.
  virtual Result<> write(std::uint64_t offset, std::string_view bytes) = 0;
  virtual Result<> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() = 0;
  // After a failure the bytes written since the last sync may be lost even if a second sync succeeds:
  // the kernel drops them. Whoever needs them writes them anew.
  virtual Result<> sync() = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  // All but `read` give a file that is read and written; `write` takes one that is there.
  enum class Open { read, write, create, create_new };
  // Errors of all: not_found, conflict (create_new of one that is there), unavailable (full, out of files),
  // internal (the device fails). Thread-safe.
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Open mode) = 0;
  // Replaces what has the name `to`.
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<> remove(const std::string& path) = 0;
  // And those above it. One that is there is fine.
  virtual Result<> make_folders(const std::string& path) = 0;
  // Names, not paths, in no order.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  virtual Result<> sync_folder(const std::string& path) = 0;
  // When a file was last written or touched. A crash may set it back.
  virtual Result<Time> modified(const std::string& path) = 0;
  virtual Result<> touch(const std::string& path, Time now) = 0;
};

// The machine's own.
std::unique_ptr<Disk> system_disk();

}  // namespace acloud::store
