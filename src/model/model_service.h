// Product `model`: every model that the operator offers, whoever runs it.
#pragma once

#include <memory>
#include <mutex>

#include "kernel/call.h"
#include "model/exchange.h"
#include "model/guard/finding_book.h"
#include "model/model_types.h"

namespace acloud::model {

class ModelService {
 public:
  // REQUIRES: `loops` outlive it, and `engine`, where models of this server are asked; null for none.
  // `traces_content`: spans hold what is asked and answered. `keep_findings`: as FindingBook.
  ModelService(async::LoopThreads& loops, KeySource keys, inference::Endpoint* engine,
               bool traces_content = false, std::chrono::seconds keep_findings = {});

  // Takes these in place of what it had; calls under way go on as they began. Thread-safe.
  // Errors: as RouteTable::make; nothing is changed then.
  Result<> configure(std::span<const ProviderConfig> providers, std::span<const ModelConfig> models);
  // The same for guardrails. Thread-safe.
  void guard_with(std::shared_ptr<const guard::GuardTable> guards);

  Task<Result<ModelList>> list(kernel::Context& context, ListModels request);
  // A call with a payload gets its reply in the payload's dialect, as bytes.
  Task<Result<ChatAnswer>> chat(kernel::Context& context, Chat request);
  Task<Result<Embeddings>> embed(kernel::Context& context, Embed request);
  // Only with a payload.
  Task<Result<ChatAnswer>> count_tokens(kernel::Context& context, Chat request);

  // What is asked for in words that are no conversation, as guardrails let it through.
  // Errors: permission_denied, too_large.
  Task<Result<Json>> admit(kernel::Context& context, std::string model, Json words);
  std::shared_ptr<const RouteTable> routes() const;

  // What guardrails found: the operator's.
  Task<Result<guard::FindingList>> findings(kernel::Context& context, guard::ListFindings request);

  std::vector<prometheus::MetricFamily> metrics() const;

 private:
  guard::Guard guard_of(const kernel::Caller& caller, const RouteTable& routes,
                        const std::string& model) const;
  Task<Result<Answer>> exchange(kernel::Context& context, const kernel::Payload& payload,
                                kernel::ReplyStream& stream, Form form, const std::string& model);
  Task<Result<>> pass(kernel::Context& context, Form form, const std::string& model);
  Task<Result<ChatAnswer>> converse(kernel::Context& context, Chat request);

  KeySource keys_;
  const bool traces_content_;
  Upstreams upstreams_;
  Telemetry telemetry_;
  ResponseCache cache_;
  guard::FindingBook findings_;
  mutable std::mutex mutex_;
  std::shared_ptr<const RouteTable> routes_;         // shared with the calls that go by it
  std::shared_ptr<const guard::GuardTable> guards_;  // likewise
};

}  // namespace acloud::model
