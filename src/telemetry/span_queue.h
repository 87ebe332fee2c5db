// Spans that wait to be sent. Bounded in number and in bytes: what comes when it is full is dropped and
// counted, since no call may wait for a collector.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "telemetry/span.h"

namespace acloud::telemetry {

class SpanQueue final : public SpanSink {
 public:
  struct Limits {
    std::size_t spans;
    std::size_t bytes;
    std::size_t batch;        // spans in one request at most
    std::size_t batch_bytes;  // OTLP asks for requests below 4 MiB
  };
  // `full_batch` is called, on any thread, when a whole batch waits.
  SpanQueue(Limits limits, std::function<void()> full_batch)
      : limits_(limits), full_batch_(std::move(full_batch)) {}

  void take(FinishedSpan span) noexcept override;
  // The oldest, at most a batch. Empty where nothing waits. Thread-safe.
  std::vector<FinishedSpan> pop();
  std::size_t size() const;
  std::uint64_t dropped() const;

 private:
  const Limits limits_;
  const std::function<void()> full_batch_;
  mutable std::mutex mutex_;
  std::deque<FinishedSpan> spans_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace acloud::telemetry
