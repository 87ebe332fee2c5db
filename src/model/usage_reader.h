// What an upstream says it has used, in disjoint buckets.
//
// OpenAI's prompt_tokens include what came from the cache, and completion_tokens include the reasoning;
// Anthropic's input_tokens exclude both kinds of cached tokens. Taking one for the other bills cached tokens
// twice, or not at all.
#pragma once

#include <optional>
#include <string_view>

#include "base/json.h"
#include "ledger/usage.h"

namespace acloud::model {

// A "usage" object of chat completions or embeddings. Also what other providers of that dialect add to it:
// prompt_cache_hit_tokens, cached_tokens, cache_creation_input_tokens.
// Nothing where it is no object with counts in it. Counts below zero or beyond reason are taken for zero.
std::optional<ledger::Tokens> openai_usage(const Json& usage);
// Of OpenAI's Responses.
std::optional<ledger::Tokens> responses_usage(const Json& usage);
// Of Anthropic's messages. In a stream the last event's counts are whole, but only those that it names:
// `known` is what an earlier event gave.
std::optional<ledger::Tokens> anthropic_usage(const Json& usage, const ledger::Tokens& known = {});

// About how many tokens `text` is, for a model whose tokenizer is not known: four letters of the Latin script
// to a token, and a token for each character of a script such as Chinese.
std::int64_t estimate_tokens(std::string_view text);

// The same buckets, as each dialect says them.
Json to_openai_usage(const ledger::Tokens& tokens);
Json to_responses_usage(const ledger::Tokens& tokens);
Json to_anthropic_usage(const ledger::Tokens& tokens);

}  // namespace acloud::model
