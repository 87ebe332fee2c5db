#include "model/form.h"

#include <array>

namespace acloud::model {
namespace {

constexpr std::array<FormTraits, 5> kForms{{
    {Form::openai_chat, "openai.chat_completions", "/chat/completions", Dialect::openai},
    {Form::openai_responses, "openai.responses", "/responses", Dialect::openai},
    {Form::openai_embeddings, "openai.embeddings", "/embeddings", Dialect::openai},
    {Form::anthropic_messages, "anthropic.messages", "/v1/messages", Dialect::anthropic},
    {Form::anthropic_count_tokens, "anthropic.count_tokens", "/v1/messages/count_tokens", Dialect::anthropic},
}};

}  // namespace

const FormTraits& traits(Form form) { return kForms[static_cast<std::size_t>(form)]; }

std::optional<Form> form_of(std::string_view name) {
  for (const FormTraits& each : kForms) {
    if (each.name == name) return each.form;
  }
  return std::nullopt;
}

bool is_chat(Form form) {
  return form == Form::openai_chat || form == Form::openai_responses || form == Form::anthropic_messages;
}

bool speaks(const ProviderConfig& provider, Form form) {
  if (form == Form::openai_responses) return provider.dialect == Dialect::openai && provider.responses;
  return provider.dialect == traits(form).dialect;
}

bool converses(const ProviderConfig& provider) {
  return provider.dialect == Dialect::openai || provider.dialect == Dialect::anthropic;
}

}  // namespace acloud::model
