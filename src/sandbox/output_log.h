// The output of a program in the background, for readers who come and go.
//
// While somebody reads, nothing is lost to him: where he has `most` bytes unread, the program has to wait.
// While nobody does, the program is never held up, and the last `most` bytes are kept for whoever comes.
//
// Thread-safe.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/channel.h"
#include "sandbox/pump.h"

namespace acloud::sandbox {

class OutputLog final : public Sink {
 public:
  struct Piece {
    Source source;
    std::string bytes;
  };

  explicit OutputLog(std::size_t most) : most_(most) {}

  // Always true.
  Task<bool> take(Source source, std::string bytes) override;
  // Nothing more comes: readers get what is left, then the end, and nobody waits for them any more.
  void finish();
  // True where something of the beginning is not there any more.
  bool cut() const;

  // Reads from where it was made on. REQUIRES: the log outlives it; used by one task at a time.
  class Reader {
   public:
    Reader(OutputLog& log, bool from_beginning);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    // Waits for the next piece; null at the end. Errors: cancelled.
    Task<Result<std::shared_ptr<const Piece>>> next();

   private:
    friend class OutputLog;
    std::shared_ptr<const Piece> take(bool& ended);

    OutputLog& log_;
    std::uint64_t at_ = 0;
    async::Channel<bool> wake_{1};
  };

 private:
  bool add(const std::shared_ptr<const Piece>& piece);
  void wake_readers();

  const std::size_t most_;
  async::Channel<bool> space_{1};
  mutable std::mutex mutex_;                         // of what follows
  std::deque<std::shared_ptr<const Piece>> pieces_;  // shared: a reader may be slower than the log
  std::uint64_t first_ = 0;                          // the number of pieces_.front()
  std::size_t bytes_ = 0;
  bool finished_ = false;
  std::vector<Reader*> readers_;
};

}  // namespace acloud::sandbox
