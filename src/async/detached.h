// How a task starts that nobody awaits: what loops and scopes are made of.
#pragma once

#include <coroutine>
#include <stop_token>
#include <string_view>

namespace acloud::async::detail {

// A task that nobody awaits: it starts at once and its frame goes when it ends. An exception that leaves it
// ends the process.
struct Detached {
  struct promise_type {
    std::stop_token stop;
    template <class... Args>
    explicit promise_type(const std::stop_token& token, Args&&...) : stop(token) {}
    const std::stop_token& stop_token() const { return stop; }
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept;
  };
};

// Says what was broken on standard error and aborts.
[[noreturn]] void bug(std::string_view what);

}  // namespace acloud::async::detail
