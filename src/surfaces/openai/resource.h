// What files and batches have in common in OpenAI's dialect: pages by the id of the last item, times in
// seconds.
#pragma once

#include "base/json.h"
#include "surfaces/openai/style.h"

namespace acloud::surfaces {

// `limit`, `after` and those of `more` that a request's query has, as arguments of a list in the catalog.
// Errors: invalid_argument.
Result<Json> list_arguments(const net::Request& request, std::initializer_list<std::string_view> more);
// A page of the catalog as one of the dialect, item by item.
Json list_of(const Json& page, Json (*entry)(const Json& item));
// Seconds since 1970 of a time in the catalog's form; null where `item` has no `name`.
Json seconds_at(const Json& item, std::string_view name);
net::Response json_response(const Json& json);
// The response, or its error in the dialect's form; either stamped.
net::Response stamped(Result<net::Response> response, const DialectCalls& calls, const OpenAiStyle& style,
                      const std::string& request_id, std::string_view operation);
std::unexpected<Error> not_offered(const net::Request& request);

}  // namespace acloud::surfaces
