#include "storage/database/sqlite/worker.h"

#include <unistd.h>

#include <cstdio>
#include <list>

#include "storage/database/sqlite/confine.h"
#include "storage/database/sqlite/session.h"

namespace acloud::storage::sqlite {
namespace {

constexpr int kSocket = 0;
constexpr std::size_t kOpen = 16;  // files that stay open between queries

// The databases that were used last, open.
class Sessions {
 public:
  Result<QueryReply> run(const WorkerQuery& query) {
    auto found = std::ranges::find(open_, query.file, &Entry::file);
    // Removed since, and perhaps made again.
    if (found != open_.end() && ::access(query.file.c_str(), F_OK) != 0) {
      open_.erase(found);
      found = open_.end();
    }
    if (found == open_.end()) {
      ACLOUD_TRY(auto session, Session::open(query.file));
      if (open_.size() == kOpen) open_.pop_back();
      open_.push_front({query.file, std::move(session)});
    } else {
      open_.splice(open_.begin(), open_, found);
    }
    Session& session = *open_.front().session;
    auto reply = session.run(query);
    const bool sound = reply || reply.error().code() != ErrorCode::internal;
    if (!session.reusable() || !sound) open_.pop_front();
    return reply;
  }

 private:
  struct Entry {
    std::string file;
    std::unique_ptr<Session> session;
  };
  std::list<Entry> open_;  // the one used last in front
};

Result<QueryReply> answer(Sessions& sessions, const std::string& frame) {
  ACLOUD_TRY(const Json json, parse_json(frame));
  ACLOUD_TRY(const WorkerQuery query, decode<WorkerQuery>(json));
  return sessions.run(query);
}

WorkerReply to_reply(Result<QueryReply> result) {
  WorkerReply reply;
  if (result) {
    reply.reply = *std::move(result);
    return reply;
  }
  const Error& error = result.error();
  reply.error = WorkerError{std::string(traits(error.code()).name), error.message(), {}};
  if (const auto offset = error.details().find("offset"); offset != error.details().end())
    reply.error->offset = offset->get<std::int64_t>();
  return reply;
}

}  // namespace

int worker_main(std::span<const std::string> words) {
  if (words.size() != 1 || ::chdir(words.front().c_str()) != 0) {
    std::fputs("usage: database-worker FOLDER\n", stderr);
    return 2;
  }
  if (const auto confined = confine("."); !confined) {
    std::fprintf(stderr, "database-worker: %s\n", confined.error().message().c_str());
    return 1;
  }
  Sessions sessions;
  for (;;) {
    const auto frame = receive_frame(kSocket, async::BlockingWait(Instant::max()));
    if (!frame) return 0;
    if (!send_frame(kSocket, encode(to_reply(answer(sessions, *frame))), async::BlockingWait(Instant::max())))
      return 0;
  }
}

}  // namespace acloud::storage::sqlite
