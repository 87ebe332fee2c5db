// What goes between the server and a worker process: frames of a length (four bytes, little-endian) and as
// many bytes of JSON. One request, then one reply.
#pragma once

#include <string>

#include "async/blocking_wait.h"
#include "storage/database/database_types.h"

namespace acloud::storage::sqlite {

inline constexpr std::size_t kFrameMost = 64 << 20;

// What a worker is asked. `file` is relative to its folder.
struct WorkerQuery {
  std::string file;
  std::string sql;
  std::vector<Json> params;
  std::int64_t limit = kQueryRowsDefault;
  std::chrono::milliseconds time{0};
  std::string once;  // the call's name (kernel::Context::once), "" for none
  Time at{};         // when it was made
  static constexpr auto schema =
      fields(field("file", &WorkerQuery::file, "", required), field("sql", &WorkerQuery::sql, "", required),
             field("params", &WorkerQuery::params, ""), field("limit", &WorkerQuery::limit, "", required),
             field("time_s", &WorkerQuery::time, "", required), field("once", &WorkerQuery::once, ""),
             field("at", &WorkerQuery::at, ""));
};

struct WorkerError {
  std::string code;
  std::string message;
  std::optional<std::int64_t> offset;
  static constexpr auto schema = fields(field("code", &WorkerError::code, "", required),
                                        field("message", &WorkerError::message, "", required),
                                        field("offset", &WorkerError::offset, ""));
};

struct WorkerReply {
  std::optional<WorkerError> error;
  QueryReply reply;
  static constexpr auto schema =
      fields(field("error", &WorkerReply::error, ""), field("reply", &WorkerReply::reply, ""));
};

// Block until it is done or the wait ends. Errors: as BlockingWait::ready; unavailable (the other end is
// gone), too_large.
Result<> send_frame(int socket, std::string_view text, const async::BlockingWait& wait);
Result<std::string> receive_frame(int socket, const async::BlockingWait& wait);

}  // namespace acloud::storage::sqlite
