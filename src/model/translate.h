// From one form to another, where the client's and the provider's differ.
#pragma once

#include "model/dialect/conversation.h"
#include "model/pipe.h"

namespace acloud::model {

struct TranslatedRequest {
  std::string body;
  Namespaces namespaces;              // what the reply's translation has to know
  std::vector<std::string> left_out;  // what the client is to be told of
  std::string beta;                   // of Anthropic's, that the request needs; "" for none
};
// The request `body` of form `from` as form `to` has it, for the provider's `model`.
// Errors: invalid_argument, naming what is malformed or can't be translated.
Result<TranslatedRequest> translate_request(Form from, Form to, std::string_view body,
                                            const std::string& model);

// What the client calls the model, and what its request asked of the reply.
struct ReplyWishes {
  std::string model;
  bool usage = false;  // OpenAI's chunk with the figures
  Namespaces namespaces;
};

struct TranslatedReply {
  std::string body;
  std::optional<ledger::Tokens> tokens;
  std::int64_t output_estimate = 0;
  std::string id = {};      // the upstream's
  std::string finish = {};  // in the words of its dialect
};
// A whole reply of form `from`, as form `to` has it.
// Errors: unavailable: it is not what its dialect says.
Result<TranslatedReply> translate_reply(Form from, Form to, std::string_view body, const ReplyWishes& wishes);

// A streamed one.
std::unique_ptr<StreamPipe> translate_stream(Form from, Form to, const ReplyWishes& wishes);

}  // namespace acloud::model
