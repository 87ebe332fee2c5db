#include "inference/engine/llama_sampler.h"

#include <cmath>

#include "inference/engine/grammar_bound.h"
#include "inference/engine/llama_engine.h"
#include "inference/engine/llama_library.h"

namespace acloud::inference {
namespace {

constexpr std::size_t kMostGrammar = 1UZ << 20U;
constexpr std::int32_t kMostLogprobs = 20;  // as OpenAI has it
constexpr std::int32_t kPenaltyWindow = 64;

template <class T>
Result<> within(const char* name, T value, T low, T high) {
  // Also catches what is not a number.
  if (value >= low && value <= high) return {};
  return fail(ErrorCode::invalid_argument, "{}: {} is not between {} and {}", name, value, low, high);
}

Result<> check(const Sampling& sampling, std::int32_t vocabulary) {
  ACLOUD_CHECK(within("temperature", sampling.temperature, 0.0F, 5.0F));
  ACLOUD_CHECK(within("top_k", sampling.top_k, 0, 1 << 24));
  ACLOUD_CHECK(within("top_p", sampling.top_p, 0.0F, 1.0F));
  ACLOUD_CHECK(within("min_p", sampling.min_p, 0.0F, 1.0F));
  ACLOUD_CHECK(within("repeat_penalty", sampling.repeat_penalty, 0.01F, 10.0F));
  ACLOUD_CHECK(within("frequency_penalty", sampling.frequency_penalty, -2.0F, 2.0F));
  ACLOUD_CHECK(within("presence_penalty", sampling.presence_penalty, -2.0F, 2.0F));
  ACLOUD_CHECK(within("logprobs", sampling.logprobs.value_or(0), 0, kMostLogprobs));
  for (const auto& [token, bias] : sampling.bias) {
    ACLOUD_CHECK(within("logit_bias: token", token, 0, vocabulary - 1));
    ACLOUD_CHECK(within("logit_bias", bias, -100.0F, 100.0F));
  }
  const std::string& grammar = sampling.constraint.grammar;
  if (grammar.size() > kMostGrammar) {
    return fail(ErrorCode::invalid_argument, "the grammar has {} bytes, above {}: ask for a smaller schema",
                grammar.size(), kMostGrammar);
  }
  // Such a text would be for a parser that is not built in, and ends the process.
  if (grammar.starts_with("%llguidance"))
    return fail(ErrorCode::invalid_argument,
                "the grammar is not GBNF but %llguidance, which is not understood");
  return check_ambiguity(grammar);
}

void constrain(common_params_sampling& params, const Constraint& constraint, const llama_vocab* vocab) {
  if (constraint.source == Constraint::Source::none) return;
  constexpr std::array kTypes{COMMON_GRAMMAR_TYPE_NONE, COMMON_GRAMMAR_TYPE_USER,
                              COMMON_GRAMMAR_TYPE_OUTPUT_FORMAT, COMMON_GRAMMAR_TYPE_TOOL_CALLS};
  params.grammar = {kTypes[static_cast<std::size_t>(constraint.source)], constraint.grammar};
  params.grammar_lazy = constraint.lazy;
  params.generation_prompt = constraint.begun;
  for (const std::string& text : constraint.preserved) {
    const std::vector<llama_token> tokens = common_tokenize(vocab, text, false, true);
    if (tokens.size() == 1) params.preserved_tokens.insert(tokens.front());
  }
  for (const Constraint::Trigger& trigger : constraint.triggers) {
    common_grammar_trigger made{static_cast<common_grammar_trigger_type>(trigger.kind), trigger.value,
                                trigger.token};
    if (made.type == COMMON_GRAMMAR_TRIGGER_TYPE_WORD) {
      const std::vector<llama_token> tokens = common_tokenize(vocab, made.value, false, true);
      if (tokens.size() == 1) {
        made.type = COMMON_GRAMMAR_TRIGGER_TYPE_TOKEN;
        made.token = tokens.front();
      }
    }
    params.grammar_triggers.push_back(std::move(made));
  }
}

common_params_sampling params_of(const Sampling& sampling, const llama_vocab* vocab) {
  common_params_sampling params;
  params.seed = sampling.seed;
  params.temp = sampling.temperature;
  params.top_k = sampling.top_k;
  params.top_p = sampling.top_p;
  params.min_p = sampling.min_p;
  params.penalty_last_n = kPenaltyWindow;
  params.penalty_repeat = sampling.repeat_penalty;
  params.penalty_freq = sampling.frequency_penalty;
  params.penalty_present = sampling.presence_penalty;
  params.no_perf = true;
  for (const auto& [token, bias] : sampling.bias) params.logit_bias.push_back({token, bias});
  if (sampling.never_ends) {
    params.ignore_eos = true;
    for (llama_token token = 0; token < llama_vocab_n_tokens(vocab); ++token) {
      if (llama_vocab_is_eog(vocab, token)) params.logit_bias.push_back({token, -INFINITY});
    }
  }
  constrain(params, sampling.constraint, vocab);
  return params;
}

// The model's own distribution over the next token.
void add_logprobs(Sampled& sampled, const float* logits, std::int32_t vocabulary, std::int32_t count) {
  const std::span<const float> all(logits, static_cast<std::size_t>(vocabulary));
  const float highest = *std::ranges::max_element(all);
  double sum = 0;
  for (const float logit : all) sum += std::exp(double{logit} - highest);
  const double total = highest + std::log(sum);
  const auto logprob = [&](Token token) {
    return static_cast<float>(all[static_cast<std::size_t>(token)] - total);
  };
  sampled.logprob = logprob(sampled.token);
  std::vector<Token> order(all.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Token>(i);
  const auto wanted = std::min<std::size_t>(static_cast<std::size_t>(count), order.size());
  const auto above = [&](Token a, Token b) {
    const float x = all[static_cast<std::size_t>(a)];
    const float y = all[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(wanted), above);
  for (std::size_t i = 0; i < wanted; ++i) sampled.alternatives.push_back({order[i], logprob(order[i])});
}

}  // namespace

Result<std::unique_ptr<Sampler>> LlamaEngine::make_sampler(const Sampling& sampling) const {
  return LlamaSampler::make(model_.get(), sampling);
}

Result<std::unique_ptr<Sampler>> LlamaSampler::make(const llama_model* model, const Sampling& sampling) {
  const llama_vocab* vocab = llama_model_get_vocab(model);
  ACLOUD_CHECK(check(sampling, llama_vocab_n_tokens(vocab)));
  take_llama_complaints();
  try {
    common_params_sampling params = params_of(sampling, vocab);
    common_sampler_ptr sampler(common_sampler_init(model, params));
    return std::unique_ptr<Sampler>(new LlamaSampler(std::move(sampler), vocab, sampling.logprobs));
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid_argument, "the reply can't be constrained so: {}", error.what());
  }
}

void LlamaSampler::seen(Token token) { common_sampler_accept(sampler_.get(), token, false); }

Result<Sampled> LlamaSampler::sample(llama_context* context, std::int32_t output) {
  Sampled sampled;
  try {
    sampled.token = common_sampler_sample(sampler_.get(), context, output);
    if (logprobs_) {
      add_logprobs(sampled, llama_get_logits_ith(context, output), llama_vocab_n_tokens(vocab_), *logprobs_);
    }
    common_sampler_accept(sampler_.get(), sampled.token, true);
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid_argument, "nothing that the model can say fits what was asked for: {}",
                error.what());
  }
  return sampled;
}

}  // namespace acloud::inference
