// The forms that a request can have: a dialect's endpoints.
#pragma once

#include <optional>
#include <string_view>

#include "model/model_config.h"

namespace acloud::model {

enum class Form {
  openai_chat,
  openai_responses,
  openai_embeddings,
  anthropic_messages,
  anthropic_count_tokens
};

struct FormTraits {
  Form form;
  std::string_view name;  // as kernel::Payload has it
  std::string_view path;  // after the provider's base URL
  Dialect dialect;
};

const FormTraits& traits(Form form);
std::optional<Form> form_of(std::string_view name);
// True for the forms that are conversations, which can be translated into each other.
bool is_chat(Form form);
// Whether the provider takes this form as it is.
bool speaks(const ProviderConfig& provider, Form form);
// False for a provider that makes video or images, and takes none of the forms.
bool converses(const ProviderConfig& provider);

}  // namespace acloud::model
