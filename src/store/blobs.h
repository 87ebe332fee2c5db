// Large values, each stored once under the SHA-256 of its content.
//
// A blob is written to a staging file, synced, and renamed into place, so that a name always stands for whole
// content. Who refers to a blob is the database's business: a blob is put first, then the row that names it
// is written. A sweep removes blobs that no row names; one that was put within the grace time is kept, since
// its row may be on the way.
//
// One server owns the folder: DIR/ab/cdef... holds the blob whose digest is abcdef..., DIR/staging what is
// being put.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "async/wait.h"
#include "base/clock.h"
#include "net/http.h"
#include "store/disk.h"

namespace acloud::store {

struct BlobInfo {
  std::string digest;  // 64 hex digits
  std::uint64_t size = 0;
};

class Blobs {
 public:
  // Work that blocks runs on `pool`. Opening removes staging files that a crash left behind.
  // All references must outlive this, and this the streams that it gave.
  static Result<std::unique_ptr<Blobs>> open(Disk& disk, std::string folder, Clock& clock,
                                             async::BlockingPool& pool);
  ~Blobs();

  // Reads `source` to its end and stores it durably, in memory of a few pieces of 256 KiB at most.
  // Errors: those of the source; too_large beyond `limit`; unavailable (disk full); internal. Then nothing
  // is left that a sweep does not remove.
  Task<Result<BlobInfo>> put(net::Body& source, std::uint64_t limit);
  // The content from `offset` on, `length` bytes at most; empty past the end.
  // Errors: not_found; invalid_argument (no digest). The stream ends with internal, before its last piece,
  // where the file has lost bytes, or where it is read whole and is not the digest's content.
  Task<Result<std::unique_ptr<net::Stream>>> get(std::string digest, std::uint64_t offset = 0,
                                                 std::uint64_t length = UINT64_MAX);
  // Removes blobs put longer than `grace` ago for which `is_referenced` gives false. How many went.
  // The question is asked under a lock that a put of the same content also takes before it answers.
  Task<Result<std::uint64_t>> sweep(
      std::chrono::seconds grace, std::function<Task<Result<bool>>(const std::string& digest)> is_referenced);

 private:
  struct Impl;
  explicit Blobs(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace acloud::store
