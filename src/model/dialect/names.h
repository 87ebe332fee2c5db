// What the readers and writers of replies share: how each dialect calls the end of an answer, and the items
// of OpenAI's Responses.
#pragma once

#include "model/dialect/conversation.h"

namespace acloud::model {

Finish finish_of_openai(std::string_view reason);
Finish finish_of_anthropic(std::string_view reason);
const char* to_openai(Finish finish);
const char* to_anthropic(Finish finish);

std::int64_t unix_now();

std::string item_id(std::string_view prefix, std::string_view reply, std::size_t index);
Json responses_message(const std::string& id, const std::string& text, const char* status);
Json responses_reasoning(const std::string& id, const std::string& text);
Json responses_call(const std::string& id, const ToolUsePart& call, const char* status,
                    const Namespaces& namespaces);
Json responses_object(const std::string& id, const std::string& model, Json output,
                      std::optional<Finish> finish, const std::optional<ledger::Tokens>& tokens);

}  // namespace acloud::model
