// Who wants to hear of changes, and how they come by them: a list that is another, a resource that is.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "async/channel.h"

namespace acloud::surfaces::mcp {

struct Change {
  // `watched`: a session watches other resources than before; told to nobody but its stream.
  enum class Of { tools, prompts, resources, resource, watched };
  Of of;
  std::string uri;  // of a resource; of `watched`, the session's id
};

class Changes {
 public:
  // Hears of what it wants for as long as it lives. One that does not keep up misses what is beyond its
  // queue: what it hears is only that something is no longer as it was.
  class Listener {
   public:
    // `wants` is asked on any thread. REQUIRES: `changes` outlives this.
    Listener(Changes& changes, std::function<bool(const Change&)> wants);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    async::Channel<Change>& queue() { return queue_; }

   private:
    friend class Changes;
    Changes& changes_;
    std::function<bool(const Change&)> wants_;
    async::Channel<Change> queue_{64};
  };

  void publish(const Change& change);  // thread-safe
  // Nothing changes any more: every queue ends, now and from now on. Thread-safe.
  void close();
  std::size_t listeners() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Listener*> listeners_;
  bool closed_ = false;
};

}  // namespace acloud::surfaces::mcp
