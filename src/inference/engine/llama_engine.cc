#include "inference/engine/llama_engine.h"

#include <cmath>

#include "inference/engine/llama_library.h"
#include "inference/engine/llama_sampler.h"

namespace acloud::inference {
namespace {

constexpr std::size_t kMostText = 64UZ << 20U;

}  // namespace

Result<std::vector<Token>> LlamaEngine::tokenize(std::string_view text, Reading reading) const {
  if (text.size() > kMostText)
    return fail(ErrorCode::invalid_argument, "the text has {} bytes, above {}", text.size(), kMostText);
  const bool special = reading != Reading::plain;
  const bool ends = reading == Reading::prompt;
  // A token is at least a byte; a vocabulary may want some at the ends.
  std::vector<Token> tokens(text.size() + 8);
  try {
    const auto size = static_cast<std::int32_t>(text.size());
    const auto room = static_cast<std::int32_t>(tokens.size());
    std::int32_t count = llama_tokenize(vocab_, text.data(), size, tokens.data(), room, ends, special);
    if (count < 0) {
      tokens.resize(static_cast<std::size_t>(-count));
      count = llama_tokenize(vocab_, text.data(), size, tokens.data(), -count, ends, special);
    }
    if (count < 0) return fail(ErrorCode::invalid_argument, "the text can't be made into tokens");
    tokens.resize(static_cast<std::size_t>(count));
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid_argument, "the text can't be made into tokens: {}", error.what());
  }
  return tokens;
}

std::string LlamaEngine::text_of(Token token, bool special) const {
  if (token < 0 || token >= info_.vocabulary) return {};
  std::array<char, 128> small{};
  std::int32_t size = llama_token_to_piece(vocab_, token, small.data(), small.size(), 0, special);
  if (size >= 0) return {small.data(), static_cast<std::size_t>(size)};
  std::string text(static_cast<std::size_t>(-size), '\0');
  size = llama_token_to_piece(vocab_, token, text.data(), -size, 0, special);
  text.resize(static_cast<std::size_t>(std::max(0, size)));
  return text;
}

bool LlamaEngine::ends_reply(Token token) const { return llama_vocab_is_eog(vocab_, token); }

void LlamaEngine::fill_batch(std::span<const Input> inputs) {
  llama_batch& batch = *batch_;
  batch.n_tokens = 0;
  outputs_.clear();
  for (const Input& input : inputs) {
    std::int32_t position = input.position;
    for (const Token token : input.tokens) {
      const std::int32_t at = batch.n_tokens++;
      batch.token[at] = token;
      batch.pos[at] = position++;
      batch.n_seq_id[at] = 1;
      batch.seq_id[at][0] = input.sequence;
      batch.logits[at] = 0;
    }
    if (input.wants_logits) batch.logits[batch.n_tokens - 1] = 1;
    outputs_.push_back(input.wants_logits ? batch.n_tokens - 1 : -1);
  }
}

Result<> LlamaEngine::decode(std::span<const Input> inputs) {
  std::size_t tokens = 0;
  for (const Input& input : inputs) tokens += input.tokens.size();
  if (tokens == 0 || tokens > static_cast<std::size_t>(info_.batch))
    return fail(ErrorCode::internal, "a batch of {} tokens, not of 1 to {}", tokens, info_.batch);
  fill_batch(inputs);
  take_llama_complaints();
  int status = 0;
  try {
    status = llama_decode(context_.get(), *batch_);
  } catch (const std::exception& error) {
    for (const Input& input : inputs) truncate(input.sequence, input.position);
    return fail(ErrorCode::internal, "the model failed: {}", error.what());
  }
  if (status == 0) return {};
  for (const Input& input : inputs) truncate(input.sequence, input.position);
  if (status == 1)
    return fail(ErrorCode::unavailable, "too few of {} cells are free for {} tokens", info_.cells, tokens);
  return fail(ErrorCode::internal, "the model failed with status {} {}", status, take_llama_complaints());
}

Result<Sampled> LlamaEngine::sample(Sampler& sampler, std::size_t index) {
  const std::int32_t output = index < outputs_.size() ? outputs_[index] : -1;
  if (output < 0) return fail(ErrorCode::internal, "no logits were asked for at input {}", index);
  return static_cast<LlamaSampler&>(sampler).sample(context_.get(), output);
}

void LlamaEngine::copy(Sequence from, Sequence to, std::int32_t tokens) {
  llama_memory_seq_cp(llama_get_memory(context_.get()), from, to, 0, tokens);
}

bool LlamaEngine::truncate(Sequence sequence, std::int32_t keep) {
  const llama_memory_t memory = llama_get_memory(context_.get());
  if (llama_memory_seq_rm(memory, sequence, keep, -1)) return true;
  llama_memory_seq_rm(memory, sequence, -1, -1);
  return keep == 0;
}

Result<std::string> LlamaEngine::save(Sequence sequence) {
  try {
    std::string state(llama_state_seq_get_size(context_.get(), sequence), '\0');
    auto* bytes = reinterpret_cast<std::uint8_t*>(state.data());
    const std::size_t size = llama_state_seq_get_data(context_.get(), bytes, state.size(), sequence);
    if (size == 0) return fail(ErrorCode::internal, "the state of sequence {} can't be saved", sequence);
    state.resize(size);
    return state;
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal, "the state of sequence {} can't be saved: {}", sequence, error.what());
  }
}

Result<> LlamaEngine::restore(Sequence sequence, std::string_view state, std::int32_t tokens) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(state.data());
  const llama_memory_t memory = llama_get_memory(context_.get());
  std::string reason;
  try {
    // No bytes at all it takes for a state that is restored.
    if (llama_state_seq_set_data(context_.get(), bytes, state.size(), sequence) == state.size() &&
        llama_memory_seq_pos_min(memory, sequence) == 0 &&
        llama_memory_seq_pos_max(memory, sequence) == tokens - 1)
      return {};
  } catch (const std::exception& error) {
    reason = error.what();
  }
  truncate(sequence, 0);
  return fail(ErrorCode::invalid_argument, "{} bytes are not a state of {} tokens that fits here {}",
              state.size(), tokens, reason);
}

Result<std::vector<float>> LlamaEngine::embed(std::span<const Token> tokens) {
  if (!embedding_context_) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = params.n_ubatch = static_cast<std::uint32_t>(info_.batch);
    params.n_seq_max = 1;
    params.n_threads = params.n_threads_batch = options_.threads;
    params.embeddings = true;
    params.pooling_type = LLAMA_POOLING_TYPE_MEAN;
    params.no_perf = true;
    embedding_context_.reset(llama_init_from_model(model_.get(), params));
    if (!embedding_context_) return fail(ErrorCode::internal, "no context for embeddings can be made");
  }
  if (tokens.empty() || tokens.size() > static_cast<std::size_t>(info_.batch)) {
    return fail(ErrorCode::invalid_argument, "{} tokens, not 1 to {}, to embed", tokens.size(), info_.batch);
  }
  llama_context* context = embedding_context_.get();
  llama_memory_clear(llama_get_memory(context), false);
  std::vector<Token> copy(tokens.begin(), tokens.end());
  const int status =
      llama_decode(context, llama_batch_get_one(copy.data(), static_cast<std::int32_t>(copy.size())));
  const float* numbers = status == 0 ? llama_get_embeddings_seq(context, 0) : nullptr;
  if (numbers == nullptr) return fail(ErrorCode::internal, "the model failed with status {}", status);
  std::vector<float> embedding(numbers, numbers + info_.embedding);
  double square = 0;
  for (const float number : embedding) square += double{number} * number;
  const float length = square > 0 ? static_cast<float>(std::sqrt(square)) : 1.0F;
  for (float& number : embedding) number /= length;
  return embedding;
}

}  // namespace acloud::inference
