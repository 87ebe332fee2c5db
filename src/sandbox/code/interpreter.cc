#include "sandbox/code/interpreter.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>

#include "async/channel.h"
#include "async/task_scope.h"
#include "net/socket.h"
#include "sandbox/code/drivers.h"
#include "sandbox/pump.h"
#include "sandbox/sandbox.h"
#include "sandbox/utf8_pieces.h"

namespace acloud::sandbox::code {
namespace {

constexpr std::size_t kAhead = 4;
constexpr std::chrono::seconds kInterruptPatience{2};
constexpr std::chrono::seconds kExitPatience{2};

struct Piece {
  Source source;
  std::string bytes;
};
using Event = std::variant<Piece, CodeResult>;
using Events = async::Channel<Event>;

class Queue final : public Sink {
 public:
  explicit Queue(Events& events) : events_(events) {}
  Task<bool> take(Source source, std::string bytes) override {
    co_return (co_await events_.send(Piece{source, std::move(bytes)})).has_value();
  }

 private:
  Events& events_;
};

std::string frame(char kind, std::string_view body) {
  return fmt::format("{} {}\n{}", kind, body.size(), body);
}

// Collects what a cell gives, and tells whoever listens.
class Listener {
 public:
  Listener(kernel::EventSink* events, std::size_t keep, Ran& ran) : events_(events), keep_(keep), ran_(ran) {}

  Task<Result<>> take(Event event) {
    if (auto* piece = std::get_if<Piece>(&event)) co_return co_await take_piece(*piece);
    co_return co_await take_result(std::get<CodeResult>(std::move(event)));
  }
  Task<Result<>> finish() {
    ACLOUD_CO_CHECK(co_await tell("stdout", out_.finish()));
    co_return co_await tell("stderr", err_.finish());
  }

 private:
  Task<Result<>> take_piece(const Piece& piece) {
    const bool out = piece.source == Source::out;
    (out ? ran_.out : ran_.err).add(piece.bytes, keep_);
    if (events_ == nullptr) co_return Result<>();
    co_return co_await tell(out ? "stdout" : "stderr", (out ? out_ : err_).add(piece.bytes));
  }
  Task<Result<>> take_result(CodeResult result) {
    if (events_ != nullptr) ACLOUD_CO_CHECK(co_await events_->emit("display", encode(result)));
    for (const auto& [type, form] : result.data) kept_ += type.size() + form.size();
    ran_.results_truncated |= kept_ > Interpreter::kResultsKept;
    if (!ran_.results_truncated) ran_.results.push_back(std::move(result));
    co_return Result<>();
  }
  Task<Result<>> tell(std::string_view event, std::string text) {
    if (text.empty() || events_ == nullptr) co_return Result<>();
    std::string data = R"({"text":)";
    append_json_string(data, text);
    co_return co_await events_->emit(event, data + '}');
  }

  kernel::EventSink* events_;
  std::size_t keep_;
  Ran& ran_;
  std::size_t kept_ = 0;
  Utf8Pieces out_, err_;
};

// Reads lines; what comes after one is kept for the next.
class Lines {
 public:
  explicit Lines(net::ByteStream& stream) : stream_(stream) {}

  // Errors: unavailable (the driver is gone, or sends nonsense), cancelled.
  Task<Result<std::string>> next(std::size_t most) {
    for (;;) {
      const std::size_t end = waiting_.find('\n', looked_);
      if (end != std::string::npos) {
        std::string line = waiting_.substr(0, end);
        waiting_.erase(0, end + 1);
        looked_ = 0;
        co_return line;
      }
      looked_ = waiting_.size();
      ACLOUD_CO_TRY(const std::string bytes, co_await stream_.read());
      if (bytes.empty() || waiting_.size() > most)
        co_return fail(ErrorCode::unavailable, "the interpreter has ended");
      waiting_ += bytes;
    }
  }

 private:
  net::ByteStream& stream_;
  std::string waiting_;
  std::size_t looked_ = 0;
};

std::unique_ptr<net::ByteStream> adopt_copy(int fd) { return net::adopt(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

int port_of(int listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

// Waits for the driver to connect and to say the token, which tells it from other programs of the sandbox.
Task<Result<jail::Fd>> accept_driver(int listener, const std::string& token) {
  ACLOUD_CO_CHECK(co_await net::wait_readable(listener));
  jail::Fd link(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!link) co_return fail_errno(errno, "the interpreter's connection");
  const int on = 1;
  ::setsockopt(link.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto stream = adopt_copy(link.get());
  Lines lines(*stream);
  ACLOUD_CO_TRY(const std::string said, co_await lines.next(token.size()));
  if (said == token) co_return link;
  co_return fail(ErrorCode::unavailable,
                 "another program of the sandbox has taken the interpreter's connection; try again");
}

Task<> wait_for_driver(int listener, const std::string& token, async::Deadline by, Result<jail::Fd>& link) {
  link = co_await async::with_deadline(by, "the start of the interpreter", accept_driver(listener, token));
}

Task<> give_up_at_end(jail::Process& process, async::TaskScope& waiting) {
  if (co_await process.wait()) waiting.cancel();
}

}  // namespace

Task<Result<std::unique_ptr<Interpreter>>> Interpreter::start(Sandbox& sandbox, Language language,
                                                              jail::Command base, std::string token,
                                                              async::Deadline by) {
  ACLOUD_CO_TRY(jail::Fd listener, co_await sandbox.listen(0, by));
  base.argv = driver_command(language, port_of(listener.get()), token);
  ACLOUD_CO_TRY(auto process, co_await sandbox.start(std::move(base), by));
  co_return co_await meet(std::move(listener), std::move(process), std::move(token), by);
}

Task<Result<std::unique_ptr<Interpreter>>> Interpreter::start(jail::Jail& jail, Language language,
                                                              jail::Command base, std::string token,
                                                              async::Deadline by) {
  ACLOUD_CO_TRY(jail::Fd listener, co_await jail.listen(0, by));
  base.argv = driver_command(language, port_of(listener.get()), token);
  ACLOUD_CO_TRY(auto process, co_await jail.exec(std::move(base), by));
  co_return co_await meet(std::move(listener), std::move(process), std::move(token), by);
}

Task<Result<std::unique_ptr<Interpreter>>> Interpreter::meet(jail::Fd listener,
                                                             std::unique_ptr<jail::Process> process,
                                                             std::string token, async::Deadline by) {
  (void)process->close_input();
  process->input.reset();
  Result<jail::Fd> link = async::cancelled();
  async::TaskScope waiting, watching;
  const std::stop_callback on_stop(co_await async::this_stop_token(), [&waiting] { waiting.cancel(); });
  waiting.spawn(wait_for_driver(listener.get(), token, by, link));
  watching.spawn(give_up_at_end(*process, waiting));
  co_await waiting.join();
  watching.cancel();
  co_await watching.join();
  if (link) co_return std::unique_ptr<Interpreter>(new Interpreter(std::move(process), *std::move(link)));
  (void)process->signal(SIGKILL, jail::Scope::tree);
  const std::stop_token stop = co_await async::this_stop_token();
  if (link.error().code() != ErrorCode::cancelled || stop.stop_requested())
    co_return std::unexpected(std::move(link).error());
  co_return fail(ErrorCode::unavailable,
                 "the interpreter ended as it started: has the sandbox memory and processes left?");
}

// It says nothing between cells.
bool Interpreter::answers() const {
  pollfd link{link_.get(), POLLIN | POLLRDHUP, 0};
  return lives_ && ::poll(&link, 1, 0) == 0;
}

Interpreter::~Interpreter() {
  if (lives_) (void)process_->signal(SIGKILL, jail::Scope::tree);  // fails where it has just ended
}

// What the tasks of a run share.
struct Interpreter::Talk {
  const Cell& cell;
  async::Deadline by;
  Ran& ran;
  net::ByteStream& link;
  Lines lines;
  Events& events;
  async::TaskScope& pumps;

  // Hands the cell over and follows it. Errors: unavailable (the driver is gone), cancelled.
  Task<Result<>> converse();
  // Reads what the driver says of the cell, up to its end.
  Task<Result<>> follow();
};

Task<Result<>> Interpreter::Talk::converse() {
  std::string request;
  for (const auto& [name, value] : cell.env) request += frame('v', name + '=' + value);
  request += frame('x', cell.code);
  ACLOUD_CO_CHECK(co_await link.write(request));
  co_return co_await follow();
}

Task<Result<>> Interpreter::Talk::follow() {
  for (;;) {
    ACLOUD_CO_TRY(const std::string line, co_await lines.next(kLineMost));
    if (line.empty()) co_return fail(ErrorCode::unavailable, "the interpreter sends nonsense");
    ACLOUD_CO_TRY(const Json json, parse_json(std::string_view(line).substr(1)));
    if (line[0] == 'd') {
      if (json.empty()) co_return Result<>();
      ACLOUD_CO_TRY(ran.error, decode<CodeError>(json));
      co_return Result<>();
    }
    ACLOUD_CO_TRY(CodeResult result, decode<CodeResult>(json));
    // Fails where nobody listens any more: then the cell is about to be interrupted.
    (void)co_await events.send(std::move(result)).shielded();
  }
}

Task<> Interpreter::talk(Talk& talk) {
  auto said = co_await async::with_deadline(talk.by, "the code", talk.converse());
  talk.ran.timed_out = !said && said.error().code() == ErrorCode::deadline_exceeded;
  if (talk.ran.timed_out || (!said && said.error().code() == ErrorCode::cancelled)) {
    (void)process_->signal(SIGINT, jail::Scope::group);  // fails where it has just ended
    const auto patience = async::Deadline::after(kInterruptPatience);
    said = co_await async::with_deadline(patience, "its interruption", talk.follow()).shielded();
  }
  if (!said) {
    lives_ = false;
    (void)process_->signal(SIGKILL, jail::Scope::tree);
    talk.ran.error = co_await obituary().shielded();
  }
  talk.pumps.cancel();
  co_await talk.pumps.join();
  talk.events.close();
}

Task<CodeError> Interpreter::obituary() {
  const auto exit =
      co_await async::with_deadline(async::Deadline::after(kExitPatience), "its end", process_->wait());
  std::string how = "it was ended from outside";
  if (exit && exit->signal == SIGKILL) {
    how = "it was killed, as by a lack of memory";
  } else if (exit && exit->signal != 0) {
    how = fmt::format("signal {} ended it", exit->signal);
  } else if (exit) {
    how = fmt::format("it ended with exit code {}", exit->code);
  }
  co_return CodeError{.name = "InterpreterEnded",
                      .value = how + "; what it held is lost, and the next run begins anew",
                      .traceback = {}};
}

namespace {

Task<Result<>> listen(Events& queue, Listener& listener) {
  for (;;) {
    ACLOUD_CO_TRY(std::optional<Event> event, co_await queue.receive());
    if (!event) co_return co_await listener.finish();
    ACLOUD_CO_CHECK(co_await listener.take(*std::move(event)));
  }
}

// What comes while a cell that nobody listens to is brought to its end.
Task<> discard(Events& queue) {
  for (;;) {
    const auto event = co_await queue.receive();
    if (!event || !*event) co_return;
  }
}

}  // namespace

Task<Result<Ran>> Interpreter::run(const Cell& cell, async::Deadline by, kernel::EventSink* events,
                                   std::size_t keep) {
  Ran ran;
  Events queue(kAhead);
  Queue sink(queue);
  async::TaskScope pumps, talking;
  const auto link = adopt_copy(link_.get());
  Talk talk{cell, by, ran, *link, Lines(*link), queue, pumps};
  pumps.spawn(pump(process_->output.get(), Source::out, sink));
  pumps.spawn(pump(process_->error.get(), Source::err, sink));
  talking.spawn(this->talk(talk));
  Listener listener(events, keep, ran);
  const Result<> heard = co_await listen(queue, listener);
  if (!heard) {
    talking.cancel();
    co_await discard(queue).shielded();
  }
  co_await talking.join();
  if (!heard) co_return std::unexpected(heard.error());
  co_return ran;
}

}  // namespace acloud::sandbox::code
