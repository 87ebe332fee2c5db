#include "sandbox/output_log.h"

#include <algorithm>

namespace acloud::sandbox {

Task<bool> OutputLog::take(Source source, std::string bytes) {
  const auto piece = std::make_shared<const Piece>(source, std::move(bytes));
  bool waited = false;
  while (!add(piece)) {
    waited = true;
    if (!co_await space_.receive()) break;  // cancelled: whoever reads has to do without
  }
  // There may be room for the other stream of the program, too, which waits for the same word.
  if (waited) (void)space_.try_send(true);
  co_return true;
}

bool OutputLog::add(const std::shared_ptr<const Piece>& piece) {
  const std::lock_guard lock(mutex_);
  std::uint64_t wanted = first_ + pieces_.size();  // the oldest that a reader still wants
  for (const Reader* reader : readers_) wanted = std::min(wanted, reader->at_);
  while (!pieces_.empty() && bytes_ + piece->bytes.size() > most_ && (first_ < wanted || finished_)) {
    bytes_ -= pieces_.front()->bytes.size();
    pieces_.pop_front();
    ++first_;
  }
  if (!pieces_.empty() && bytes_ + piece->bytes.size() > most_) return false;
  bytes_ += piece->bytes.size();
  pieces_.push_back(piece);
  wake_readers();
  return true;
}

void OutputLog::wake_readers() {
  for (Reader* reader : readers_) (void)reader->wake_.try_send(true);
}

void OutputLog::finish() {
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    wake_readers();
  }
  (void)space_.try_send(true);
}

bool OutputLog::cut() const {
  const std::lock_guard lock(mutex_);
  return first_ > 0;
}

OutputLog::Reader::Reader(OutputLog& log, bool from_beginning) : log_(log) {
  const std::lock_guard lock(log_.mutex_);
  at_ = log_.first_ + (from_beginning ? 0 : log_.pieces_.size());
  log_.readers_.push_back(this);
}

OutputLog::Reader::~Reader() {
  {
    const std::lock_guard lock(log_.mutex_);
    std::erase(log_.readers_, this);
  }
  (void)log_.space_.try_send(true);
}

std::shared_ptr<const OutputLog::Piece> OutputLog::Reader::take(bool& ended) {
  std::shared_ptr<const Piece> piece;
  {
    const std::lock_guard lock(log_.mutex_);
    at_ = std::max(at_, log_.first_);
    if (at_ == log_.first_ + log_.pieces_.size()) {
      ended = log_.finished_;
      return nullptr;
    }
    piece = log_.pieces_[at_++ - log_.first_];
  }
  (void)log_.space_.try_send(true);
  return piece;
}

Task<Result<std::shared_ptr<const OutputLog::Piece>>> OutputLog::Reader::next() {
  for (;;) {
    bool ended = false;
    auto piece = take(ended);
    if (piece || ended) co_return piece;
    ACLOUD_CO_CHECK(co_await wake_.receive());
  }
}

}  // namespace acloud::sandbox
