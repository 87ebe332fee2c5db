#include "model/response_cache.h"

#include "base/encoding.h"

namespace acloud::model {

std::string ResponseCache::key_of(const std::string& workspace, const kernel::Payload& payload) {
  if (!payload.body.in_memory()) return "";
  Sha256 hash;
  // Each part with its length before it, so that no two requests run together.
  const auto put = [&hash](std::string_view part) {
    hash.update(fmt::format("{}:", part.size()));
    hash.update(part);
  };
  put(workspace);
  put(payload.form);
  put(payload.query);
  for (const auto& [name, value] : payload.headers) {
    put(name);
    put(value);
  }
  put(payload.body.bytes());
  return hash.finish();
}

std::optional<ResponseCache::Entry> ResponseCache::find(const std::string& key, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(key);
  if (found == known_.end()) return std::nullopt;
  if (now >= found->second->until) {
    erase(found->second);
    return std::nullopt;
  }
  order_.splice(order_.begin(), order_, found->second);
  return found->second->entry;
}

void ResponseCache::put(const std::string& key, Entry entry, Instant until) {
  const std::lock_guard lock(mutex_);
  if (const auto found = known_.find(key); found != known_.end()) erase(found->second);
  order_.push_front({key, std::move(entry), until});
  known_[key] = order_.begin();
  bytes_ += size_of(order_.front());
  while (bytes_ > limit_) erase(std::prev(order_.end()));
}

void ResponseCache::erase(Order::iterator at) {
  bytes_ -= size_of(*at);
  known_.erase(at->key);
  order_.erase(at);
}

Task<Result<>> Recorder::begin(net::Headers headers, std::string_view first) {
  content_type_ = headers.value("content-type");
  keep(first);
  co_return co_await to_.begin(std::move(headers), first);
}

Task<Result<>> Recorder::write(std::string_view bytes) {
  keep(bytes);
  co_return co_await to_.write(bytes);
}

void Recorder::keep(std::string_view bytes) {
  if (!keeps_) return;
  if (too_large_ || bytes_.size() + bytes.size() > ResponseCache::kLargest) {
    too_large_ = true;
    bytes_ = std::string();
  } else {
    bytes_ += bytes;
  }
}

std::optional<std::string> Recorder::take(std::string_view last) {
  keep(last);
  if (too_large_) return std::nullopt;
  return std::move(bytes_);
}

}  // namespace acloud::model
