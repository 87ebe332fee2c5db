// Who waits for a message: tasks on any loop, by the queue they wait at. A send wakes one of them at once, so
// that nobody polls and no thread waits.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <string>

#include "async/wait.h"

namespace acloud::storage {

class Waiters {
 public:
  // A place in a queue's line, from construction to destruction. Take it before looking for a message: one
  // that is sent after the look then wakes this place.
  class Place {
   public:
    Place(Waiters& waiters, std::string queue);
    // A wake that nobody used goes on to the next in line.
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Until it is woken, or `until`. Called once. Errors: cancelled.
    Task<Result<>> wait(Instant until);

   private:
    friend Waiters;
    Waiters& waiters_;
    const std::string queue_;
    async::OneShot<bool> shot_;
    std::list<Place*>::iterator at_;
    bool in_line_ = true;
    bool used_ = false;
  };

  // Wakes who came first, or all. Thread-safe.
  void wake_one(const std::string& queue);
  void wake_all(const std::string& queue);
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::list<Place*>> lines_;
};

}  // namespace acloud::storage
