// How this dialect says things: responses, errors, and the frames of the Connect protocol.
#pragma once

#include <string>

#include "base/json.h"
#include "net/http.h"

namespace acloud::surfaces::e2b {

inline constexpr std::string_view kEnvdVersion = "0.6.1";  // the features that clients may count on

net::Response json_response(int status, const Json& body);
// {"code": STATUS, "message": ...}, as the control API and envd's files have it.
net::Response error_response(const Error& error);
// {"code": "not_found", "message": ...}, as Connect has it for calls without a stream.
net::Response connect_error_response(const Error& error);
// The same where a stream is expected: its one frame is the last.
net::Response connect_stream_error(const Error& error);
Json connect_error(const Error& error);

// A frame of a Connect stream: five bytes of head, then JSON. The last one has flag 2.
inline constexpr std::uint8_t kEndOfStream = 2;
std::string frame(const Json& message, std::uint8_t flags = 0);
// The message of the one frame that `body` is. Errors: invalid_argument.
Result<Json> unframe(std::string_view body);

// What create, connect and fork answer; `key` is what the client shall present.
Json to_session(const Json& info, const std::string& key, const net::Headers& headers);
// A request's body; {} where it has none.
Task<Result<Json>> body_of(net::Request& request);

// The members of `object`, checked for what they are. Errors: invalid_argument, naming the member.
Result<std::string> text_member(const Json& object, const char* name, std::string otherwise = "");
Result<std::int64_t> number_member(const Json& object, const char* name, std::int64_t otherwise);

// One file of a multipart form.
struct FormFile {
  std::string name, content;
};
// The files in the form field "file". Errors: invalid_argument.
Result<std::vector<FormFile>> parse_form(std::string_view content_type, std::string_view body);

}  // namespace acloud::surfaces::e2b
