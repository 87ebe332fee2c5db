#include "surfaces/e2b/shapes.h"

#include "base/encoding.h"

namespace acloud::surfaces::e2b {
namespace {

constexpr std::size_t kHead = 5;
constexpr std::size_t kFilesMost = 1000;

// Codes of the Connect protocol, and their HTTP statuses.
std::pair<std::string_view, int> connect_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return {"invalid_argument", 400};
    case ErrorCode::unauthenticated:
      return {"unauthenticated", 401};
    case ErrorCode::permission_denied:
      return {"permission_denied", 403};
    case ErrorCode::not_found:
      return {"not_found", 404};
    case ErrorCode::conflict:
      return {"already_exists", 409};
    case ErrorCode::precondition_failed:
      return {"failed_precondition", 400};
    case ErrorCode::budget_exceeded:
    case ErrorCode::too_large:
    case ErrorCode::rate_limited:
      return {"resource_exhausted", 429};
    case ErrorCode::unavailable:
      return {"unavailable", 503};
    case ErrorCode::deadline_exceeded:
      return {"deadline_exceeded", 504};
    case ErrorCode::cancelled:
      return {"canceled", 499};
    case ErrorCode::internal:
      break;
  }
  return {"internal", 500};
}

// The value of `name` in a header such as: form-data; name="file"; filename="a.txt".
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  const std::string wanted = fmt::format("{}=", name);
  std::size_t at = 0;
  while ((at = header.find(wanted, at)) != std::string_view::npos) {
    const bool whole = at == 0 || header[at - 1] == ' ' || header[at - 1] == ';';
    at += wanted.size();
    if (!whole) continue;
    if (at == header.size() || header[at] != '"')
      return std::string(header.substr(at, header.find(';', at) - at));
    const std::size_t end = header.find('"', at + 1);
    if (end == std::string_view::npos) return {};
    return std::string(header.substr(at + 1, end - at - 1));
  }
  return {};
}

// What browsers and undici escape in names.
std::string unescape(std::string text) {
  for (const auto& [code, character] : {std::pair{"%22", "\""}, {"%0D", "\r"}, {"%0A", "\n"}}) {
    for (std::size_t at = 0; (at = text.find(code, at)) != std::string::npos; ++at)
      text.replace(at, 3, character);
  }
  return text;
}

}  // namespace

net::Response json_response(int status, const Json& body) {
  net::Response response{.status = status};
  response.headers.add("content-type", "application/json");
  response.body = to_text(body);
  return response;
}

net::Response error_response(const Error& error) {
  const int status = traits(error.code()).http_status;
  net::Response response = json_response(status, {{"code", status}, {"message", error.message()}});
  if (error.retry_after()) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.retry_after());
    response.headers.add("retry-after", std::to_string(seconds.count()));
  }
  return response;
}

Json connect_error(const Error& error) {
  return {{"code", connect_code(error.code()).first}, {"message", error.message()}};
}

net::Response connect_error_response(const Error& error) {
  return json_response(connect_code(error.code()).second, connect_error(error));
}

net::Response connect_stream_error(const Error& error) {
  net::Response response{.status = 200};
  response.headers.add("content-type", "application/connect+json");
  response.body = frame({{"error", connect_error(error)}}, kEndOfStream);
  return response;
}

std::string frame(const Json& message, std::uint8_t flags) {
  const std::string text = to_text(message);
  std::string bytes(1, static_cast<char>(flags));
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<std::uint8_t>(text.size() >> shift));
  return bytes + text;
}

Result<Json> unframe(std::string_view body) {
  if (body.size() < kHead) return fail(ErrorCode::invalid_argument, "the request has no whole frame");
  std::size_t size = 0;
  for (std::size_t i = 1; i < kHead; ++i) size = size << 8 | static_cast<std::uint8_t>(body[i]);
  if (body[0] != 0) return fail(ErrorCode::invalid_argument, "compressed frames are not taken");
  if (size != body.size() - kHead) {
    return fail(ErrorCode::invalid_argument, "the frame says {} bytes, {} are there", size,
                body.size() - kHead);
  }
  return parse_json(body.substr(kHead));
}

Result<std::string> text_member(const Json& object, const char* name, std::string otherwise) {
  if (!object.is_object()) return fail(ErrorCode::invalid_argument, "the request is not a JSON object");
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return otherwise;
  if (!found->is_string()) return fail(ErrorCode::invalid_argument, "{}: must be text", name);
  return found->get<std::string>();
}

Result<std::int64_t> number_member(const Json& object, const char* name, std::int64_t otherwise) {
  if (!object.is_object()) return fail(ErrorCode::invalid_argument, "the request is not a JSON object");
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return otherwise;
  if (!found->is_number_integer()) return fail(ErrorCode::invalid_argument, "{}: must be an integer", name);
  return found->get<std::int64_t>();
}

Result<std::vector<FormFile>> parse_form(std::string_view content_type, std::string_view body) {
  const auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 70)
    return fail(ErrorCode::invalid_argument,
                "content-type: the form names no boundary of 1 to 70 characters");
  const std::string mark = "\r\n--" + *boundary;
  std::vector<FormFile> files;
  if (!body.starts_with(std::string_view(mark).substr(2)))
    return fail(ErrorCode::invalid_argument, "the form does not begin with its boundary");
  body.remove_prefix(mark.size() - 2);
  while (!body.starts_with("--")) {
    const std::size_t head_end = body.find("\r\n\r\n");
    const std::size_t end = head_end == std::string_view::npos ? head_end : body.find(mark, head_end + 2);
    if (!body.starts_with("\r\n") || end == std::string_view::npos)
      return fail(ErrorCode::invalid_argument, "the form breaks off in a part");
    // An empty part's end mark begins with the line end of its head.
    const std::size_t content = std::min(head_end + 4, end);
    const std::string_view head = body.substr(2, head_end - 2);
    if (parameter(head, "name") == "file") {
      files.push_back({unescape(parameter(head, "filename").value_or("")),
                       std::string(body.substr(content, end - content))});
    }
    if (files.size() > kFilesMost)
      return fail(ErrorCode::too_large, "a form may have {} files at most", kFilesMost);
    body.remove_prefix(end + mark.size());
  }
  return files;
}

}  // namespace acloud::surfaces::e2b
