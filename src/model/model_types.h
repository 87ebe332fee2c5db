// Requests and replies of product `model`.
#pragma once

#include <string>
#include <vector>

#include "kernel/page.h"
#include "ledger/usage.h"

namespace acloud::model {

struct ListModels {
  std::int64_t limit = kernel::kPageMost;
  std::optional<std::string> cursor;
  static constexpr auto schema = fields(
      field("limit", &ListModels::limit, "How many at most.", between(std::int64_t{1}, kernel::kPageMost)),
      field("cursor", &ListModels::cursor, "next_cursor of the page before.", length(0, 1000)));
};

// A model that this server runs itself.
struct EngineInfo {
  std::string state = "ready";
  std::optional<std::string> error;
  std::string file;
  std::string description;
  std::int64_t parameters = 0;
  std::int64_t context = 0;
  ByteCount weights;
  ByteCount memory;
  std::int64_t running = 0;
  std::int64_t waiting = 0;
  static constexpr auto schema =
      fields(field("state", &EngineInfo::state, "ready, failed, or idle: loaded at its first call."),
             field("error", &EngineInfo::error, "Why it could not be loaded."),
             field("file", &EngineInfo::file, "The GGUF file."),
             field("description", &EngineInfo::description, "Architecture, size and number format."),
             field("parameters", &EngineInfo::parameters, "How many weights it has."),
             field("context", &EngineInfo::context, "Tokens of a prompt and its answer at most."),
             field("weights_bytes", &EngineInfo::weights, "Size of the weights."),
             field("memory_bytes", &EngineInfo::memory, "Memory for what its calls have computed."),
             field("running", &EngineInfo::running, "Calls that are being computed."),
             field("waiting", &EngineInfo::waiting, "Calls that wait for a place."));
};

struct ModelInfo {
  std::string name;
  std::vector<std::string> providers;
  std::vector<std::string> fallback;
  std::optional<EngineInfo> engine;
  static constexpr auto schema =
      fields(field("name", &ModelInfo::name, "What calls name."),
             field("providers", &ModelInfo::providers, "Where its calls go."),
             field("fallback", &ModelInfo::fallback, "Models that answer where none of these does."),
             field("engine", &ModelInfo::engine, "Of a model that this server runs itself."));
};

struct ModelList {
  std::vector<ModelInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema =
      fields(field("items", &ModelList::items, "The models, in the order of the configuration."),
             field("next_cursor", &ModelList::next_cursor, "For the next page."));
};

struct Chat {
  std::string model;
  Json messages = Json::array();
  Json tools;
  Json tool_choice;
  Json response_format;
  Json stop;
  std::optional<std::int64_t> max_tokens;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<std::string> reasoning_effort;
  std::string session;

  static constexpr auto schema = fields(
      field("model", &Chat::model, "One of model.list.", required, length(1, 200)),
      field("messages", &Chat::messages,
            "The conversation so far, as OpenAI's chat completions have it: role system, user, assistant or "
            "tool, and content."),
      field("tools", &Chat::tools, "Functions that the model may call, in that form too."),
      field("tool_choice", &Chat::tool_choice, "auto, none, required, or one function."),
      field("response_format", &Chat::response_format, "For structured output."),
      field("stop", &Chat::stop, "Texts that end the answer."),
      field("max_tokens", &Chat::max_tokens, "The longest answer.", between(1, 10'000'000)),
      field("temperature", &Chat::temperature, "How much chance there is in the answer.", between(0.0, 2.0)),
      field("top_p", &Chat::top_p, "The share of likely tokens to choose from.", between(0.0, 1.0)),
      field("reasoning_effort", &Chat::reasoning_effort, "How long the model may think.", length(1, 20)),
      field("session", &Chat::session, "Calls of one session stay where their prompt is cached.",
            length(0, 200)));
};

struct ChatAnswer {
  std::string id;
  std::string model;
  Json message = Json::object();
  std::string finish_reason;
  ledger::Tokens tokens;

  static constexpr auto schema = fields(
      field("id", &ChatAnswer::id, "The answer's, as the provider has it."),
      field("model", &ChatAnswer::model, "The model that the caller named."),
      field("message", &ChatAnswer::message,
            "What the model says: role, content, tool_calls. The conversation goes on after it."),
      field("finish_reason", &ChatAnswer::finish_reason, "stop, length, tool_calls or content_filter."),
      field("tokens", &ChatAnswer::tokens, "What was used, in buckets that do not overlap."));
};

struct Embed {
  std::string model;
  std::vector<std::string> input;
  std::optional<std::int64_t> dimensions;
  static constexpr auto schema =
      fields(field("model", &Embed::model, "One of model.list.", required, length(1, 200)),
             field("input", &Embed::input, "At least one text.", length(0, 2048)),
             field("dimensions", &Embed::dimensions, "Numbers a vector.", between(1, 100'000)));
};

struct Embeddings {
  std::string model;
  std::vector<std::vector<double>> embeddings;
  ledger::Tokens tokens;
  static constexpr auto schema =
      fields(field("model", &Embeddings::model, "The model that the caller named."),
             field("embeddings", &Embeddings::embeddings, "A vector for each text, in their order."),
             field("tokens", &Embeddings::tokens, "What was used."));
};

}  // namespace acloud::model
