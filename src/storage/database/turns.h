// Turns by key: so many at a time for each, the others wait. Keeps one workspace's queries from taking every
// thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "async/channel.h"

namespace acloud::storage {

class Turns {
 public:
  explicit Turns(std::size_t at_once) : at_once_(at_once) {}

  class Held {
   public:
    Held(Held&& other) noexcept : line_(std::exchange(other.line_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (line_ != nullptr) (void)line_->try_send(Token{});
    }

   private:
    friend Turns;
    struct Token {};
    explicit Held(async::Channel<Token>& line) : line_(&line) {}
    async::Channel<Token>* line_;
  };

  // Errors: deadline_exceeded, cancelled.
  Task<Result<Held>> acquire(std::string key, async::Deadline by) {
    Line& line = line_of(key);
    ACLOUD_CO_CHECK(
        co_await async::with_deadline(by, "waiting for the workspace's other queries", line.receive()));
    co_return Held(line);
  }

 private:
  using Line = async::Channel<Held::Token>;

  Line& line_of(const std::string& key) {
    const std::lock_guard lock(mutex_);
    auto& line = lines_[key];
    if (!line) {
      line = std::make_unique<Line>(at_once_);
      for (std::size_t i = 0; i < at_once_; ++i) (void)line->try_send(Held::Token{});
    }
    return *line;
  }

  const std::size_t at_once_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Line>> lines_;  // from a key's first turn on
};

}  // namespace acloud::storage
