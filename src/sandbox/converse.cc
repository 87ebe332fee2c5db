#include "sandbox/converse.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "async/channel.h"
#include "async/task_scope.h"
#include "net/socket.h"
#include "sandbox/pump.h"
#include "sandbox/utf8_pieces.h"

namespace acloud::sandbox {
namespace {

constexpr std::size_t kPiecesAhead = 4;
constexpr std::chrono::seconds kKillPatience{5};

struct Piece {
  Source source;
  std::string bytes;
};
using Pieces = async::Channel<Piece>;

class Queue final : public Sink {
 public:
  explicit Queue(Pieces& pieces) : pieces_(pieces) {}
  // A channel that was closed lets go of whoever waits.
  Task<bool> take(Source source, std::string bytes) override {
    co_return (co_await pieces_.send({source, std::move(bytes)})).has_value();
  }

 private:
  Pieces& pieces_;
};

// What the program does not read is its own affair.
Task<> feed(jail::Process& process, std::string input) {
  const auto stream = net::adopt(process.input.release());
  (void)co_await stream->write(input);
  (void)process.close_input();
}

// Waits for the end, or brings it about, and then for what is left of the output.
Task<> see_end(jail::Process& process, async::Deadline by, async::TaskScope& pumps, Pieces& pieces,
               Result<jail::Exit>& exit, bool& timed_out) {
  exit = co_await async::with_deadline(by, "the command", process.wait());
  timed_out = !exit && exit.error().code() == ErrorCode::deadline_exceeded;
  if (timed_out || (!exit && exit.error().code() == ErrorCode::cancelled)) {
    (void)process.signal(SIGKILL, jail::Scope::tree);  // fails where it has just ended
  }
  if (timed_out) {
    // Its exit tells what it used. One that is frozen dies when it is thawed: nobody waits for that.
    auto killed =
        co_await async::with_deadline(async::Deadline::after(kKillPatience), "its end", process.wait());
    if (killed) exit = std::move(killed);
  }
  pumps.cancel();
  co_await pumps.join();
  pieces.close();
}

// Where pieces go: into what is kept, and to whoever listens.
class Listener {
 public:
  Listener(kernel::EventSink* events, std::size_t keep, Conversation& result)
      : events_(events), keep_(keep), result_(result) {}

  Task<Result<>> take(Piece piece) {
    const bool out = piece.source == Source::out;
    (out ? result_.out : result_.err).add(piece.bytes, keep_);
    if (events_ == nullptr) co_return Result<>();
    co_return co_await tell(out, (out ? out_ : err_).add(piece.bytes));
  }
  Task<Result<>> finish() {
    if (events_ == nullptr) co_return Result<>();
    ACLOUD_CO_CHECK(co_await tell(true, out_.finish()));
    co_return co_await tell(false, err_.finish());
  }

 private:
  Task<Result<>> tell(bool out, std::string text) {
    if (text.empty()) co_return Result<>();
    std::string data = R"({"text":)";
    append_json_string(data, text);
    co_return co_await events_->emit(out ? "stdout" : "stderr", data + '}');
  }

  kernel::EventSink* events_;
  std::size_t keep_;
  Conversation& result_;
  Utf8Pieces out_, err_;
};

Task<Result<>> listen(Pieces& pieces, Listener& listener) {
  for (;;) {
    ACLOUD_CO_TRY(std::optional<Piece> piece, co_await pieces.receive());
    if (!piece) co_return co_await listener.finish();
    ACLOUD_CO_CHECK(co_await listener.take(*std::move(piece)));
  }
}

}  // namespace

void Output::add(std::string_view bytes, std::size_t keep) {
  if (truncated) return;
  text += bytes;
  if (text.size() <= keep) return;
  truncated = true;
  text.resize(whole_utf8(std::string_view(text).substr(0, keep)));
}

Result<jail::Fd> no_input() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe");
  ::close(ends[1]);
  return jail::Fd(ends[0]);
}

Task<Result<Conversation>> converse(jail::Process& process, std::string input, async::Deadline by,
                                    kernel::EventSink* events, std::size_t keep) {
  Conversation result;
  Result<jail::Exit> exit;
  Pieces pieces(kPiecesAhead);
  Queue queue(pieces);
  async::TaskScope pumps, end;
  pumps.spawn(pump(process.output.get(), Source::out, queue));
  pumps.spawn(pump(process.error.get(), Source::err, queue));
  if (!input.empty()) pumps.spawn(feed(process, std::move(input)));
  end.spawn(see_end(process, by, pumps, pieces, exit, result.timed_out));

  Listener listener(events, keep, result);
  const Result<> heard = co_await listen(pieces, listener);
  if (!heard) {
    pieces.close();  // nobody receives any more: a pump must not wait for that
    end.cancel();
  }
  co_await end.join();
  if (!heard) co_return std::unexpected(heard.error());
  if (!exit && !result.timed_out) co_return std::unexpected(std::move(exit).error());
  if (exit) result.exit = *exit;
  co_return result;
}

}  // namespace acloud::sandbox
