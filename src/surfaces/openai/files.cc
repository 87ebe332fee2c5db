#include "surfaces/openai/files.h"

#include <charconv>

#include "base/encoding.h"
#include "surfaces/openai/multipart.h"
#include "surfaces/openai/resource.h"

namespace acloud::surfaces {
namespace {

constexpr std::string_view kFiles = "/v1/files";
constexpr std::size_t kFormFieldMost = 4 << 10;  // bytes of a field that is no file
constexpr std::uint64_t kFormMost = 1 << 20;     // bytes of all that is no file

Json file_entry(const Json& item) {
  return {{"id", item["id"]},
          {"object", "file"},
          {"bytes", item["size"]},
          {"created_at", seconds_at(item, "created")},
          {"expires_at", seconds_at(item, "expires")},
          {"filename", item["filename"]},
          {"purpose", item["purpose"]},
          {"status", "processed"}};
}

// The bytes of the part that a cutter has come to.
class PartStream final : public net::Stream {
 public:
  PartStream(MultipartCutter& cutter, net::Body& form) : cutter_(cutter), form_(form) {}

  Task<Result<std::string>> read() override {
    while (!ended_) {
      ACLOUD_CO_TRY(const MultipartCutter::What what, cutter_.next());
      if (what == MultipartCutter::What::data) co_return std::string(cutter_.bytes());
      if (what == MultipartCutter::What::part_end) ended_ = true;
      if (what != MultipartCutter::What::more) continue;
      ACLOUD_CO_TRY(const std::string piece, co_await form_.read());
      if (piece.empty())
        co_return fail(ErrorCode::invalid_argument, "the form breaks off in the middle of a part");
      cutter_.feed(piece);
    }
    co_return std::string();
  }

 private:
  MultipartCutter& cutter_;
  net::Body& form_;
  bool ended_ = false;
};

struct UploadForm {
  std::optional<std::string> purpose;
  std::optional<std::int64_t> expires_after;  // seconds
  std::string filename;
  std::optional<net::ReplayBody> file;
};

// expires_after as clients write objects into forms: [anchor] and [seconds].
Result<> take_expiry(std::string_view name, const std::string& text, UploadForm& upload) {
  if (name == "expires_after[anchor]") {
    if (text == "created_at") return {};
    return fail(ErrorCode::invalid_argument, "expires_after[anchor]: must be created_at");
  }
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (name != "expires_after[seconds]" || error != std::errc() || end != text.data() + text.size())
    return fail(ErrorCode::invalid_argument,
                "expires_after: must be expires_after[anchor] and expires_after[seconds], a whole number");
  upload.expires_after = seconds;
  return {};
}

Task<Result<>> take_part(DialectCalls& calls, MultipartCutter& cutter, net::Body& form, std::uint64_t largest,
                         UploadForm& upload) {
  const std::string name = cutter.name();
  const std::string filename = cutter.filename().value_or("file");
  net::Body part(std::make_unique<PartStream>(cutter, form));
  if (name == "file") {
    if (upload.file) co_return fail(ErrorCode::invalid_argument, "file: is there twice");
    upload.filename = filename;
    ACLOUD_CO_TRY(upload.file, co_await calls.keep(part, largest));
    co_return Result<>();
  }
  if (name.starts_with("expires_after")) {
    ACLOUD_CO_TRY(const std::string text, co_await part.read_all(kFormFieldMost));
    co_return take_expiry(name, text, upload);
  }
  if (name != "purpose")
    co_return fail(ErrorCode::invalid_argument, "{}: there is no such field here",
                   to_valid_utf8(name.substr(0, 64)));
  ACLOUD_CO_TRY(upload.purpose, co_await part.read_all(kFormFieldMost));
  co_return Result<>();
}

Task<Result<UploadForm>> take_form(DialectCalls& calls, net::Request& request, std::uint64_t largest) {
  // Refused before anything of it is read, where it says how large it is.
  if (request.body.length().value_or(0) > largest + kFormMost)
    co_return fail(ErrorCode::too_large, "file: has more than {} bytes, the most that are taken", largest);
  ACLOUD_CO_TRY(MultipartCutter cutter, MultipartCutter::make(request.headers.value("content-type")));
  UploadForm upload;
  for (;;) {
    ACLOUD_CO_TRY(const MultipartCutter::What what, cutter.next());
    if (what == MultipartCutter::What::end) break;
    if (what == MultipartCutter::What::part) {
      ACLOUD_CO_CHECK(co_await take_part(calls, cutter, request.body, largest, upload));
      continue;
    }
    ACLOUD_CO_TRY(const std::string piece, co_await request.body.read());
    if (piece.empty()) co_return fail(ErrorCode::invalid_argument, "the form breaks off before its end");
    cutter.feed(piece);
  }
  if (!upload.file) co_return fail(ErrorCode::invalid_argument, "file: is missing");
  if (!upload.purpose) co_return fail(ErrorCode::invalid_argument, "purpose: is missing");
  co_return upload;
}

}  // namespace

bool OpenAiFiles::takes(std::string_view path) {
  return path.starts_with(kFiles) && (path.size() == kFiles.size() || path[kFiles.size()] == '/');
}

Task<net::Response> OpenAiFiles::handle(net::Request& request) {
  const std::string request_id = calls_.new_request_id();
  co_return stamped(co_await answer(request, request_id), calls_, style_, request_id, "/v1/files");
}

Task<Result<net::Response>> OpenAiFiles::answer(net::Request& request, const std::string& request_id) {
  const std::string path(request.path().substr(kFiles.size()));
  if (path.empty() && request.method == "POST") co_return co_await upload(request, request_id);
  if (path.empty() && request.method == "GET") {
    ACLOUD_CO_TRY(Json arguments, list_arguments(request, {"purpose", "order"}));
    ACLOUD_CO_TRY(const Json page, co_await calls_.call(request, "batch.list_files", std::move(arguments)));
    co_return json_response(list_of(page, file_entry));
  }
  if (path.empty()) co_return not_offered(request);
  const std::size_t slash = std::min(path.find('/', 1), path.size());
  ACLOUD_CO_TRY(std::string id, from_percent(path.substr(1, slash - 1)));
  const std::string rest = path.substr(slash);
  if (request.method == "GET" && rest == "/content")
    co_return co_await content(request, request_id, std::move(id));
  if (request.method == "GET" && rest.empty()) {
    ACLOUD_CO_TRY(const Json file, co_await calls_.call(request, "batch.get_file", {{"id", std::move(id)}}));
    co_return json_response(file_entry(file));
  }
  if (request.method == "DELETE" && rest.empty()) {
    ACLOUD_CO_TRY(const Json gone,
                  co_await calls_.call(request, "batch.delete_file", {{"id", std::move(id)}}));
    co_return json_response({{"id", gone["id"]}, {"object", "file"}, {"deleted", true}});
  }
  co_return not_offered(request);
}

// The purpose may stand after the file, so the file is kept until the form is whole.
Task<Result<net::Response>> OpenAiFiles::upload(net::Request& request, const std::string& request_id) {
  ACLOUD_CO_TRY(const kernel::Caller caller, co_await calls_.identify(request));
  ACLOUD_CO_TRY(const UploadForm form, co_await take_form(calls_, request, largest_));
  net::Body body = form.file->edited({});
  DialectCalls::Made made{.request_id = request_id, .operation = "batch.upload_file"};
  made.arguments = {{"filename", form.filename}, {"purpose", *form.purpose}};
  if (form.expires_after) made.arguments["expires_after_s"] = *form.expires_after;
  made.body = &body;
  made.idempotency_key = request.headers.value("idempotency-key");
  made.trace = telemetry::trace_of(request.headers);
  ACLOUD_CO_TRY(const kernel::Reply reply, co_await calls_.make(caller, std::move(made)));
  ACLOUD_CO_TRY(const Json file, parse_json(reply.json));
  co_return json_response(file_entry(file));
}

Task<Result<net::Response>> OpenAiFiles::content(net::Request& request, const std::string& request_id,
                                                 std::string id) {
  ACLOUD_CO_TRY(const kernel::Caller caller, co_await calls_.identify(request));
  DialectCalls::Made made{.request_id = request_id, .operation = "batch.read_file"};
  made.arguments = {{"id", std::move(id)}};
  made.wants_bytes = true;
  ACLOUD_CO_TRY(kernel::Reply reply, co_await calls_.make(caller, std::move(made)));
  net::Response response{.headers = std::move(reply.headers)};
  if (reply.bytes) response.body = *std::move(reply.bytes);
  co_return response;
}

}  // namespace acloud::surfaces
