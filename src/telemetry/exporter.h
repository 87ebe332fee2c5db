// Sends spans and figures to a collector, beside everything else: a collector that is away, slow or refusing
// costs spans, which are counted, and nothing else.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "async/channel.h"
#include "async/event_loop.h"
#include "async/task_scope.h"
#include "telemetry/delivery.h"
#include "telemetry/otlp.h"
#include "telemetry/span_queue.h"

namespace acloud::telemetry {

// The way to a collector. Of one loop: what it has there goes with it.
class Collector {
 public:
  virtual ~Collector() = default;
  // `path` is "/v1/traces" or "/v1/metrics". Errors: whatever the way there gives; cancelled.
  virtual Task<Result<CollectorAnswer>> post(std::string_view path, std::string body) = 0;
};

class Exporter {
 public:
  static constexpr std::size_t kBatch = 512;            // spans in one request
  static constexpr std::chrono::minutes kGiveUp{2};     // a batch that nobody took until then is dropped
  static constexpr std::chrono::seconds kLastWords{2};  // for what is still to be sent at the end
  static constexpr std::size_t kBytes = 16 << 20;       // of spans that wait
  static constexpr std::size_t kBatchBytes = 2 << 20;

  struct Options {
    Resource resource;
    std::chrono::milliseconds spans_every;
    std::chrono::milliseconds metrics_every;
    std::size_t queued_spans;
  };
  struct Parts {
    async::EventLoop& loop;
    async::BlockingPool& pool;  // writes what is sent, so that no call on the loop waits for that
    Clock& clock;
    Random& random;
    std::unique_ptr<Collector> collector;
    std::function<std::vector<prometheus::MetricFamily>()> figures;  // called on the pool
  };
  Exporter(Options options, Parts parts);
  // REQUIRES: stopped, or never started.
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  SpanQueue& spans() { return spans_; }

  void start();
  // What waits is sent once more, as far as that takes no longer than kLastWords. Blocks.
  // REQUIRES: the calling thread runs no loop.
  void stop();
  // The same for who awaits it, on the exporter's loop.
  Task<> end();

  // What became of what was to be sent. Thread-safe.
  std::vector<prometheus::MetricFamily> own_figures() const;

 private:
  Task<> send_spans();
  Task<> send_figures();
  Task<> deliver(std::vector<FinishedSpan> batch);
  Task<std::string> written(const std::vector<FinishedSpan>& batch);
  // One kind of what is sent. A collector may take one and not the other.
  struct Signal {
    std::string_view name;
    std::string_view path;
    bool well = true;  // what the log was told last
  };
  Task<Verdict> try_once(Signal& signal, std::string body);
  Task<std::optional<std::chrono::milliseconds>> send_figures_once();
  void tell(Signal& signal, const Verdict& verdict);
  Task<Result<>> say_last_words();

  const Options options_;
  Parts parts_;
  const Time began_;
  SpanQueue spans_;
  async::Channel<bool> bell_{1};
  // On the loop's thread.
  std::unique_ptr<async::TaskScope> scope_;
  std::vector<FinishedSpan> under_way_;  // the batch that nobody has taken yet
  Signal traces_{"traces", "/v1/traces"};
  Signal metrics_{"metrics", "/v1/metrics"};
  // Read by others.
  std::atomic<std::uint64_t> sent_{0}, refused_{0}, given_up_{0}, failures_{0}, figures_sent_{0};
};

}  // namespace acloud::telemetry
