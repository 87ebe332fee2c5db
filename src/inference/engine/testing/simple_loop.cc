#include "inference/engine/testing/simple_loop.h"

#include <llama-cpp.h>

#include <algorithm>
#include <array>

#include "inference/engine/llama_library.h"

namespace acloud::inference::testing {
namespace {

float lead_of(llama_context* context, const llama_vocab* vocab) {
  const std::span<const float> logits(llama_get_logits_ith(context, -1),
                                      static_cast<std::size_t>(llama_vocab_n_tokens(vocab)));
  std::array<float, 2> best{};
  std::ranges::partial_sort_copy(logits, best, std::ranges::greater());
  return best[0] - best[1];
}

Said run(llama_model* model, std::vector<Token> prompt, int tokens, bool exact_state) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(prompt.size()) + static_cast<std::uint32_t>(tokens) - 1;
  params.n_batch = static_cast<std::uint32_t>(prompt.size());
  params.n_threads = params.n_threads_batch = 1;
  if (exact_state) {
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  }
  const llama_context_ptr context(llama_init_from_model(model, params));
  const llama_sampler_ptr sampler(llama_sampler_init_greedy());
  const llama_vocab* vocab = llama_model_get_vocab(model);
  Said said;
  llama_batch batch = llama_batch_get_one(prompt.data(), static_cast<std::int32_t>(prompt.size()));
  Token token = 0;
  while (std::ssize(said.tokens) < tokens && llama_decode(context.get(), batch) == 0) {
    token = llama_sampler_sample(sampler.get(), context.get(), -1);
    said.least_lead = std::min(said.least_lead, lead_of(context.get(), vocab));
    if (llama_vocab_is_eog(vocab, token)) break;
    said.tokens.push_back(token);
    batch = llama_batch_get_one(&token, 1);
  }
  return said;
}

}  // namespace

std::vector<Said> simple_loop(const std::string& file, std::span<const std::vector<Token>> prompts,
                              int tokens, bool exact_state) {
  prepare_llama();
  const llama_model_ptr model(llama_model_load_from_file(file.c_str(), llama_model_default_params()));
  std::vector<Said> said;
  said.reserve(prompts.size());
  for (const std::vector<Token>& prompt : prompts)
    said.push_back(run(model.get(), prompt, tokens, exact_state));
  return said;
}

}  // namespace acloud::inference::testing
