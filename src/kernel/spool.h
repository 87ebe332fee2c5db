// Records of reads, and of effects that do not outlive the machine: they must survive the server, but need
// not wait for the disk.
//
// A record is copied into a file that is mapped into memory before the reply leaves: the kernel has it then,
// so that kill -9 loses none, and it cost no system call. A background drain folds the files into the
// database, a few hundred records in one transaction with the position reached, so that each record is folded
// once whatever happens in between.
//
// On disk: <folder>/<instance>-<number>.spool, kFileBytes long from the beginning, so that a full disk is
// found out when the file is made. Each record: its length in bytes (32 bits), a checksum of them (32 bits),
// then them; a length of 0 ends the file. The length is stored last, so a record that was being copied when
// the server died is not there; one that a crash of the machine tore has a wrong checksum, and ends its file.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "kernel/record.h"
#include "store/database.h"

namespace acloud::kernel {

class Spool {
 public:
  static constexpr std::size_t kFileBytes = 1 << 20;

  static std::vector<store::Migration> migrations();
  // Makes the folder. Errors: unavailable, internal.
  static Result<std::unique_ptr<Spool>> open(std::string folder, std::string instance);
  ~Spool();

  // Thread-safe. Errors: unavailable (disk full).
  Result<> append(const CallRecord& record);

  // What is to be done with some records, in the transaction that also advances the position.
  using Fold = std::function<Result<>(store::Transaction&, std::span<const CallRecord>)>;
  // Folds all records that were appended before the call, those of earlier runs too, and removes their files.
  Task<Result<>> drain(store::Database& database, Fold fold);

 private:
  Spool(std::string folder, std::string instance)
      : folder_(std::move(folder)), instance_(std::move(instance)) {}
  Result<> open_next();
  Result<std::vector<std::string>> closed_files();
  Task<Result<>> drain_file(store::Database& database, const Fold& fold, std::string name);

  std::string folder_;
  std::string instance_;
  std::mutex mutex_;  // guards what follows
  std::string current_;
  std::uint64_t number_ = 0;
  char* mapped_ = nullptr;
  std::size_t used_ = 0;
  std::string encoded_;  // the record at hand; kept for its memory
};

}  // namespace acloud::kernel
