#include "inference/engine/model_check.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/json.h"
#include "inference/engine/model_check_words.h"

namespace acloud::inference {
namespace {

constexpr std::size_t kMostOutput = 64UZ << 10U;
constexpr std::size_t kMostReason = 500;

struct Child {
  pid_t pid = -1;
  int output = -1;
  ~Child() {
    if (output >= 0) ::close(output);
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }
};

struct Actions {
  posix_spawn_file_actions_t actions{};
  Actions() { ::posix_spawn_file_actions_init(&actions); }
  ~Actions() { ::posix_spawn_file_actions_destroy(&actions); }
};

Result<> start(Child& child, std::vector<std::string> words) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
  child.output = ends[0];
  Actions files;
  ::posix_spawn_file_actions_addopen(&files.actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files.actions, ends[1], 1);
  ::posix_spawn_file_actions_adddup2(&files.actions, ends[1], 2);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // Nothing of the server's environment is the child's business, its secrets least of all. ggml would start a
  // debugger when it aborts.
  std::string no_backtrace = "GGML_NO_BACKTRACE=1";
  std::array<char*, 2> environment{no_backtrace.data(), nullptr};
  const int status = ::posix_spawn(&child.pid, words.front().c_str(), &files.actions, nullptr,
                                   arguments.data(), environment.data());
  ::close(ends[1]);
  if (status != 0) child.pid = -1;
  return status == 0 ? Result<>() : fail_errno(status, words.front());
}

// What the child wrote until it closed its output. Nothing where it did not in time.
std::optional<std::string> read_all(int output, std::chrono::steady_clock::time_point until) {
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now())
            .count();
    pollfd waiting{output, POLLIN, 0};
    const int ready = left <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    const ssize_t size = ::read(output, piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    if (text.size() < kMostOutput) text.append(piece.data(), static_cast<std::size_t>(size));
  }
}

// Printable, on one line, not long: it was made from a hostile file.
std::string tidy(std::string_view text) {
  std::string tidied;
  for (const char c : text.substr(0, kMostReason)) tidied += c >= ' ' && c <= '~' ? c : ' ';
  return tidied;
}

std::string last_line(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t start = text.rfind('\n');
  return tidy(start == std::string_view::npos ? text : text.substr(start + 1));
}

Result<> verdict(const std::string& file, int status, std::string_view output) {
  const std::string said = last_line(output);
  if (WIFSIGNALED(status)) {
    return fail(ErrorCode::invalid_argument, "{}: a broken model: loading it ends with signal {} ({}){}{}",
                file, WTERMSIG(status), ::strsignal(WTERMSIG(status)), said.empty() ? "" : ": ", said);
  }
  if (WEXITSTATUS(status) == 0) return {};
  if (WEXITSTATUS(status) == kUnsound) return fail(ErrorCode::invalid_argument, "{}", said);
  return fail(ErrorCode::internal, "{}: the check ended with status {}: {}", file, WEXITSTATUS(status), said);
}

}  // namespace

Result<> check_model(const EngineOptions& options, const ModelCheck& check) {
  struct ::stat file{};
  if (::stat(options.file.c_str(), &file) != 0) return fail_errno(errno, options.file);
  if (!S_ISREG(file.st_mode)) return fail(ErrorCode::invalid_argument, "{}: not a file", options.file);
  std::vector<std::string> words = check.program;
  for (std::string& word : words_of(options)) words.push_back(std::move(word));

  Child child;
  ACLOUD_CHECK(start(child, std::move(words)));
  const auto output = read_all(child.output, std::chrono::steady_clock::now() + check.limit);
  if (!output) {
    return fail(ErrorCode::invalid_argument, "{}: loading it takes longer than {} s", options.file,
                check.limit.count());
  }
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  child.pid = -1;
  return verdict(options.file, status, *output);
}

}  // namespace acloud::inference
