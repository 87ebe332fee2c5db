// A caller's request as a provider gets it.
#pragma once

#include "kernel/payload.h"
#include "model/form.h"
#include "model/route_table.h"

namespace acloud::model {

// The form in which `provider` is asked: the caller's where it speaks that, else the one it is translated to.
// Errors: invalid_argument: nothing can be translated into what the provider speaks.
Result<Form> form_for(const Provider& provider, Form form);

// True where an OpenAI client asked for the usage chunk at the end of its stream.
bool asks_for_usage(const JsonOutline& outline);

// The same bytes, but for the model's name and the wish for usage figures.
net::Body passed_on(const kernel::Payload& payload, Form form, const std::string& model);

// Where it goes, with the provider's key. Errors: unavailable: the key is missing.
Result<net::Request> request_to(const Target& target, Form form, const kernel::Payload& payload,
                                net::Body body);

}  // namespace acloud::model
