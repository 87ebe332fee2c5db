#include "storage/database/sqlite/worker_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace acloud::storage::sqlite {
namespace {

// A worker stops a query by itself when its time is over; one that can't, as it is inside of one long step of
// SQLite's, is killed after this long.
constexpr std::chrono::milliseconds kGrace{500};

struct Actions {
  posix_spawn_file_actions_t actions{};
  Actions() { ::posix_spawn_file_actions_init(&actions); }
  ~Actions() { ::posix_spawn_file_actions_destroy(&actions); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
};

}  // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(const std::vector<std::string>& program,
                                                            const std::string& folder) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail_errno(errno, "socketpair");
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess());
  worker->socket_ = ends[0];
  Actions files;
  ::posix_spawn_file_actions_adddup2(&files.actions, ends[1], 0);
  ::posix_spawn_file_actions_addopen(&files.actions, 1, "/dev/null", O_WRONLY, 0);
  std::vector<std::string> words = program;
  words.push_back(folder);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // Nothing of the server's environment is the worker's business. With a time zone that needs no file,
  // 'localtime' is UTC.
  std::string temporary = "SQLITE_TMPDIR=" + folder;
  std::string zone = "TZ=UTC0";
  std::array<char*, 3> environment{temporary.data(), zone.data(), nullptr};
  const int status = ::posix_spawn(&worker->pid_, words.front().c_str(), &files.actions, nullptr,
                                   arguments.data(), environment.data());
  ::close(ends[1]);
  if (status != 0) {
    worker->pid_ = -1;
    return fail_errno(status, words.front());
  }
  return worker;
}

WorkerProcess::~WorkerProcess() {
  if (socket_ >= 0) ::close(socket_);
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<QueryReply> WorkerProcess::run(const WorkerQuery& query, const async::StopEvent& stop) {
  last_file_ = query.file;
  auto reply = exchange(query, stop);
  last_used_ = std::chrono::steady_clock::now();
  return reply;
}

Result<QueryReply> WorkerProcess::exchange(const WorkerQuery& query, const async::StopEvent& stop) {
  const async::BlockingWait wait(std::chrono::steady_clock::now() + query.time + kGrace, stop);
  sound_ = false;
  auto sent = send_frame(socket_, encode(query), wait);
  auto frame = sent ? receive_frame(socket_, wait) : std::unexpected(std::move(sent).error());
  if (!frame && frame.error().code() == ErrorCode::deadline_exceeded) {
    return fail(ErrorCode::deadline_exceeded, "the query took longer than it may (timeout_s) and was undone");
  }
  if (!frame && frame.error().code() == ErrorCode::unavailable) {
    return fail(
        ErrorCode::too_large,
        "the process that ran the query ended: the query needs more than a query may have; what it had "
        "not committed was undone");
  }
  if (!frame) return std::unexpected(std::move(frame).error());
  ACLOUD_TRY(const Json json, parse_json(*frame));
  ACLOUD_TRY(WorkerReply reply, decode<WorkerReply>(json));
  sound_ = true;
  if (!reply.error) return std::move(reply.reply);
  Error error(error_code(reply.error->code).value_or(ErrorCode::internal), std::move(reply.error->message));
  if (!reply.error->offset) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).with_detail("offset", *reply.error->offset));
}

}  // namespace acloud::storage::sqlite
