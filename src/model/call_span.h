// A call of a model as spans: one for the call, by OpenTelemetry's conventions for generative AI, and below
// it one for each request to a provider, by those for HTTP clients. Figures of tokens stand in the former
// alone, so that whoever adds them up counts each once.
#pragma once

#include "model/attempt.h"
#include "telemetry/span.h"

namespace acloud::model {

// gen_ai.operation.name of calls in `form`.
std::string_view operation_name(Form form);

// "chat qwen-max": `model` is what the caller asked for.
telemetry::Span begin_call_span(const telemetry::Scope& scope, Form form, const std::string& model,
                                const kernel::Payload& payload);
// The attempt that gave the answer, or was the last to fail.
struct LastAttempt {
  const Target* target = nullptr;        // null: there was none
  std::optional<double> to_first_token;  // seconds, of a stream
  std::optional<ledger::Usage> usage;    // what it cost
  std::string reply;                     // the upstream's name for it
  std::vector<std::string> finish_reasons = {};
};
// `error`: the code that the call ends with; "" where it is well.
void end_call_span(telemetry::Span& span, const LastAttempt& last, std::string_view error);

// `number`: how many requests of this call there were before.
telemetry::Span begin_attempt_span(const telemetry::Span& call, const Model& model, const Target& target,
                                   int number);
void end_attempt_span(telemetry::Span& span, const Attempt& attempt, const Result<>& result);

}  // namespace acloud::model
