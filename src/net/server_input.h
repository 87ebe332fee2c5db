// The bytes that a connection receives, kept until they are consumed.
//
// At most one read is under way. It may have been started in the background, to notice that the peer goes
// away while its request is handled; what it brings is kept for whoever asks next. A task that waits for
// bytes can therefore be stopped without losing any.
//
// Include it in .cc files of src/net alone.
#pragma once

#include "async/wait.h"
#include "net/transport.h"

namespace acloud::net {

class Input {
 public:
  enum class Event { more, ended, stopped };

  // `on_end` is called when the peer has ended or broken the connection.
  Input(Transport& transport, std::function<void()> on_end)
      : transport_(transport), on_end_(std::move(on_end)) {}
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  std::string_view bytes() const { return {storage_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t count) { begin_ += count; }

  // co_await fill(n): waits for more bytes than there are. The buffer may grow to `capacity`, and must not
  // have reached it. `stopped` where the task was.
  class Fill;
  Fill fill(std::size_t capacity);

  // Reads in the background, up to what a small buffer has room for, unless a read is under way.
  void read_ahead();
  // No byte will come any more: the peer's end, or a broken connection.
  bool ended() const { return ended_; }
  bool reading() const { return reading_; }
  // True where the peer ended it in good order.
  bool ended_well() const { return ended_ && error_ == asio::error::eof; }

  // Waits until no read is under way. REQUIRES: the socket was closed.
  Task<> settle();

 private:
  void start_read(std::size_t capacity);
  void make_room(std::size_t capacity);
  void on_read(const AsioError& error, std::size_t count);

  Transport& transport_;
  std::function<void()> on_end_;
  std::unique_ptr<char[]> storage_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t received_ = 0;
  bool reading_ = false;
  bool ended_ = false;
  AsioError error_;
  async::detail::Waiter* waiter_ = nullptr;
};

class Input::Fill {
 public:
  Fill(Input& input, std::size_t capacity) : input_(input), capacity_(capacity), received_(input.received_) {}
  bool await_ready() const { return input_.ended_; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> task) {
    const std::stop_token& token = task.promise().stop_token();
    if (token.stop_requested()) return false;
    waiter_.suspend(task);
    input_.waiter_ = &waiter_;
    input_.start_read(capacity_);
    waiter_.claim_on_stop(token);
    return true;
  }
  Event await_resume() {
    waiter_.resumed();
    input_.waiter_ = nullptr;
    if (input_.received_ != received_) return Event::more;
    return input_.ended_ ? Event::ended : Event::stopped;
  }

 private:
  Input& input_;
  std::size_t capacity_;
  std::uint64_t received_;
  async::detail::Waiter waiter_;
};

inline Input::Fill Input::fill(std::size_t capacity) { return Fill(*this, capacity); }

}  // namespace acloud::net
