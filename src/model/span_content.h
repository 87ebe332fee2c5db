// What a model was asked and has answered, as OpenTelemetry's conventions for generative AI write messages.
// Made only where the operator wants it sent. Pure. Bounded: a text is cut, and of a long conversation the
// latest messages are told.
#pragma once

#include <optional>
#include <string>

#include "model/dialect/conversation.h"
#include "model/form.h"

namespace acloud::model {

struct SpanContent {
  std::string system;  // gen_ai.system_instructions; "" where there are none
  std::string input;   // gen_ai.input.messages
};
// Nothing where `request` is no conversation that can be read.
std::optional<SpanContent> content_of_request(Form form, std::string_view request);

// gen_ai.output.messages of a reply in the client's own `form`, whole or as server-sent events. Nothing where
// it is none that can be read.
std::optional<std::string> content_of_reply(Form form, std::string_view content_type, std::string_view reply);

}  // namespace acloud::model
