#include "mcp/stdio_transport.h"

#include "base/log.h"
#include "mcp/tool.h"

namespace acloud::mcp {
namespace {

constexpr std::chrono::milliseconds kGrace{2000};      // for a process to end by itself, then by a signal
constexpr std::chrono::milliseconds kLastWords{2000};  // for how it ended, after its output did
constexpr std::size_t kErrorLine = 500;

}  // namespace

// A request that waits for its answer, for as long as it does.
class StdioTransport::Waiting {
 public:
  Waiting(StdioTransport& owner, std::string id) : owner_(owner), id_(std::move(id)) {
    owner_.waiting_.emplace(id_, answer);
  }
  ~Waiting() { owner_.waiting_.erase(id_); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  Answer answer;

 private:
  StdioTransport& owner_;
  std::string id_;
};

Result<std::unique_ptr<StdioTransport>> StdioTransport::start(const Command& command, std::string name,
                                                              Hearer& hearer) {
  ACLOUD_TRY(auto process, ChildProcess::start(command));
  std::unique_ptr<StdioTransport> made(new StdioTransport(std::move(process), std::move(name), hearer));
  made->scope_.spawn(made->write());
  made->scope_.spawn(made->read());
  made->scope_.spawn(made->read_errors());
  return made;
}

Task<Result<Message>> StdioTransport::request(Request request) {
  if (over_) co_return std::unexpected(*over_);
  const std::string id = std::to_string(next_id_++);
  Waiting waiting(*this, id);
  auto sent = co_await out_.send(request_message(id, request.method, request.params) + "\n");
  if (!sent) co_return std::unexpected(over_ ? *over_ : std::move(sent).error());
  auto answer = co_await waiting.answer.wait();
  if (answer) co_return *std::move(answer);
  if (!over_ && request.method != "initialize") {
    // Where the queue is full the server does not read, and won't miss it.
    (void)out_.try_send(
        notification_message("notifications/cancelled", fmt::format(R"({{"requestId":{}}})", id)) + "\n");
  }
  co_return std::unexpected(std::move(answer).error());
}

Task<Result<>> StdioTransport::notify(std::string method, std::string params) {
  if (over_) co_return std::unexpected(*over_);
  co_return co_await out_.send(notification_message(method, params) + "\n");
}

// Notifications come by themselves; where the revision wants to be asked, the request is never answered.
Task<> StdioTransport::listen(Request request) {
  if (!request.method.empty()) (void)co_await this->request(std::move(request));
}

Task<> StdioTransport::close() {
  end_with(Error(ErrorCode::unavailable, "the connection is being closed"));
  co_await process_->end(kGrace).shielded();
  scope_.cancel();
  co_await scope_.join();
}

Task<> StdioTransport::write() {
  for (;;) {
    const auto line = co_await out_.receive();
    if (!line || !*line) co_return;
    // What the process says of itself, when it has ended, is worth more than that it can't be written to.
    if (const auto written = co_await process_->input().write(**line); !written) co_return;
  }
}

Task<> StdioTransport::read() {
  for (;;) {
    const auto bytes = co_await process_->output().read();
    if (!bytes || bytes->empty()) break;
    if (const auto taken = take_bytes(*bytes); !taken) {
      end_with(taken.error());
      co_return;
    }
    if (over_) co_return;
  }
  end_with(co_await why_ended());
}

Task<Error> StdioTransport::why_ended() {
  const auto how = co_await async::with_deadline(async::Deadline::after(kLastWords), "the end of a process",
                                                 process_->wait());
  if (how)
    (void)co_await async::with_deadline(async::Deadline::after(kLastWords), "its standard error",
                                        errors_read_.wait_task());
  std::string message = how ? fmt::format("its process {}", *how) : "it closed its standard output";
  if (!last_error_.empty()) message += "; it said last: " + last_error_;
  co_return Error(ErrorCode::unavailable, std::move(message));
}

Task<> StdioTransport::read_errors() {
  std::string line;
  for (;;) {
    const auto bytes = co_await process_->errors().read();
    if (!bytes || bytes->empty()) break;
    for (const char c : *bytes) {
      if (c == '\n') {
        take_error(std::exchange(line, {}));
      } else if (line.size() < kErrorLine) {
        line += c;
      }
    }
  }
  take_error(line);
  errors_read_.set(true);
}

void StdioTransport::take_error(std::string_view line) {
  std::string text = plain_text(line, kErrorLine);
  if (text.empty()) return;
  log::debug("an MCP server's standard error", {{"server", name_}, {"line", text}});
  last_error_ = std::move(text);
}

Result<> StdioTransport::take_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (partial_.size() + part.size() > kMessageBytes)
      return fail(ErrorCode::unavailable, "it sends a line of more than {} bytes", kMessageBytes);
    if (end == bytes.npos) {
      partial_ += part;
      return {};
    }
    bytes.remove_prefix(end + 1);
    if (partial_.empty()) {
      ACLOUD_CHECK(take_line(part));
    } else {
      const std::string line = std::exchange(partial_, {}) + std::string(part);
      ACLOUD_CHECK(take_line(line));
    }
  }
  return {};
}

Result<> StdioTransport::take_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) return {};
  std::string id;
  auto message = parse_message(line, id);
  if (!message) {
    log::debug("an MCP server sent what is no message",
               {{"server", name_}, {"why", message.error().message}});
    if (++garbage_ <= kGarbageLines) return {};
    return fail(ErrorCode::unavailable, "{} lines of its standard output were no messages; the last: {}",
                garbage_, message.error().message);
  }
  if (message->kind == Message::Kind::response) {
    const auto found = waiting_.find(message->id);
    if (found == waiting_.end()) return count_unasked();
    Answer answer = found->second;
    waiting_.erase(found);
    answer.set(*std::move(message));
    return {};
  }
  ACLOUD_CHECK(count_unasked());
  std::string reply = take(*message);
  if (!reply.empty()) (void)out_.try_send(std::move(reply) + "\n");
  return {};
}

void StdioTransport::end_with(const Error& why) {
  if (over_) return;
  over_ = why;
  out_.close();
  for (auto& [id, answer] : std::exchange(waiting_, {})) answer.set(std::unexpected(why));
  hearer().lost(why);
}

}  // namespace acloud::mcp
