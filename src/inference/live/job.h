// One reply on its way: between the task that reads it and the thread that computes it.
#pragma once

#include <atomic>
#include <optional>
#include <set>

#include "async/channel.h"
#include "inference/context_cache/prefix_index.h"
#include "inference/engine/engine.h"
#include "inference/live/generate.h"
#include "inference/live/reply_text.h"
#include "inference/scheduler/fair_queue.h"

namespace acloud::inference {

// More of the reply. The last one has `finish`.
struct Said {
  std::string text;
  std::vector<TokenLog> tokens;
  std::optional<Finish> finish;
};

struct Job {
  Job(std::int32_t most, std::vector<std::string> stops)
      : most_tokens(most), text(std::move(stops)), said(static_cast<std::size_t>(most) + 1) {}

  // Set before it is handed over.
  RequestId id = 0;
  std::string workspace;
  std::vector<Token> prompt;
  std::optional<PrefixIndex::Match> kept;  // what is on disk of its beginning
  std::int32_t prompt_tokens = 0;
  std::unique_ptr<Sampler> sampler;
  bool logprobs = false;
  std::set<Token> shown;  // special tokens whose names are part of the reply
  const std::int32_t most_tokens;

  // Of the engine's thread.
  ReplyText text;
  std::vector<TokenLog> unsent;

  // Of both. The channel has a place for every token, so the engine never waits for a reader.
  std::atomic<std::int32_t> cached_tokens{0};
  std::atomic<std::int32_t> output_tokens{0};
  async::Channel<Said> said;
};

}  // namespace acloud::inference
