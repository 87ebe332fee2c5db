// Answers that are given again to the same request: exact, for a while, and to nobody else's workspace. For
// models whose configuration asks for it.
//
// The key is a hash of all that the answer depends on: workspace, form, the request's bytes, and the headers
// and the query that belong to the dialect. Bounded in bytes; what was used longest ago goes first.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "kernel/payload.h"

namespace acloud::model {

class ResponseCache {
 public:
  static constexpr std::size_t kBytes = 64 << 20;
  static constexpr std::size_t kLargest = 1 << 20;  // what is larger is not kept

  struct Entry {
    std::string content_type;
    std::string bytes;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  explicit ResponseCache(std::size_t bytes = kBytes) : limit_(bytes) {}

  // "" where the request is too large to have a key.
  static std::string key_of(const std::string& workspace, const kernel::Payload& payload);
  // Thread-safe, both.
  std::optional<Entry> find(const std::string& key, Instant now);
  void put(const std::string& key, Entry entry, Instant until);

 private:
  struct Kept {
    std::string key;
    Entry entry;
    Instant until;
  };
  using Order = std::list<Kept>;  // the latest used first
  static std::size_t size_of(const Kept& kept) { return kept.key.size() + kept.entry.bytes.size(); }
  void erase(Order::iterator at);

  const std::size_t limit_;
  std::mutex mutex_;
  Order order_;
  std::unordered_map<std::string, Order::iterator> known_;
  std::size_t bytes_ = 0;
};

// Passes a reply on and, once told to, keeps its bytes, up to ResponseCache::kLargest.
class Recorder final : public kernel::ReplyStream {
 public:
  explicit Recorder(kernel::ReplyStream& to) : to_(to) {}
  void start() { keeps_ = true; }
  Task<Result<>> begin(net::Headers headers, std::string_view first) override;
  Task<Result<>> write(std::string_view bytes) override;
  bool begun() const override { return to_.begun(); }
  // What was sent, `last` after it; nothing where it was too large.
  std::optional<std::string> take(std::string_view last);
  const std::string& content_type() const { return content_type_; }

 private:
  void keep(std::string_view bytes);
  kernel::ReplyStream& to_;
  std::string content_type_;
  std::string bytes_;
  bool keeps_ = false;
  bool too_large_ = false;
};

}  // namespace acloud::model
