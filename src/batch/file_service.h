// The part of product `batch` that keeps files: what batches read and write, and what else clients upload.
//
// A file's content is streamed to a blob first; the row that names it is written when that is on disk. Where
// servers share a database, the blob is in the data folder of the server that took it, and the others answer
// `unavailable`.
#pragma once

#include "batch/file_rows.h"
#include "kernel/call.h"
#include "store/blobs.h"

namespace acloud::batch {

class FileService {
 public:
  static constexpr std::int64_t kFilesMost = 10'000;  // in one workspace
  static constexpr std::int64_t kJsonMost = 8 << 20;  // larger ones are had as raw bytes alone

  struct Parts {
    store::Database& database;
    store::Blobs& blobs;
    std::string place;      // names this server's data folder
    std::uint64_t largest;  // bytes of one file
  };
  explicit FileService(Parts parts) : parts_(std::move(parts)) {}

  // Errors: too_large (the file, or a file more than the workspace can have).
  Task<Result<File>> upload(kernel::Context& context, UploadFile request);
  Task<Result<File>> get(kernel::Context& context, FileId request);
  Task<Result<FileList>> list(kernel::Context& context, ListFiles request);
  // Errors: not_found; unavailable where another server has it; too_large as JSON.
  Task<Result<FileContent>> read(kernel::Context& context, FileId request);
  // Errors: not_found; conflict while a batch reads it.
  Task<Result<FileId>> remove(kernel::Context& context, FileId request);

  // Whether a row names this blob, so that it is not swept.
  Task<Result<bool>> is_named(std::string digest);

 private:
  Parts parts_;
};

}  // namespace acloud::batch
