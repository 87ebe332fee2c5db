// Envd, the service inside a sandbox: its health, its files, and the calls of the Connect protocol.
#include "surfaces/e2b/e2b.h"
#include "surfaces/e2b/entries.h"
#include "surfaces/e2b/shapes.h"
#include "surfaces/e2b/streams.h"

namespace acloud::surfaces::e2b {
namespace {

constexpr std::size_t kEntriesMost = 100'000;

std::string absolute(std::string path) {
  if (path.empty()) return "/root";
  return path[0] == '/' ? path : "/root/" + path;
}

Result<std::string> query_value(const net::Request& request, std::string_view wanted) {
  ACLOUD_TRY(const auto query, net::parse_query(request.query()));
  for (const auto& [name, value] : query) {
    if (name == wanted) return value;
  }
  return std::string();
}

Json to_written(const Json& info) {
  return {{"path", info.value("path", "")}, {"name", info.value("name", "")}, {"type", "file"}};
}

// What a program of the image says of its failure.
Error tool_error(const std::string& text) {
  ErrorCode code = ErrorCode::invalid_argument;
  if (text.find("No such file") != std::string::npos || text.find("o such process") != std::string::npos)
    code = ErrorCode::not_found;
  if (text.find("File exists") != std::string::npos) code = ErrorCode::conflict;
  if (text.find("ermission denied") != std::string::npos) code = ErrorCode::permission_denied;
  return {code, text.substr(0, 1000)};
}

}  // namespace

Task<Result<net::Response>> E2b::envd(Asked& asked) {
  const std::string& method = asked.request.method;
  if (asked.path == "/health") co_return co_await health(asked);
  if (asked.path == "/files") {
    ACLOUD_CO_TRY(const std::string path, query_value(asked.request, "path"));
    if (method == "GET") co_return co_await read_file(asked, path);
    if (method == "POST") co_return co_await write_files(asked, path);
  }
  constexpr std::string_view kProcess = "/process.Process/", kFiles = "/filesystem.Filesystem/";
  if (asked.path == "/process.Process/Start") co_return co_await start_process(asked);
  if (asked.path == "/process.Process/Connect") co_return co_await connect_process(asked);
  if (asked.path == "/filesystem.Filesystem/WatchDir") co_return co_await watch_folder(asked);
  const bool files = asked.path.starts_with(kFiles);
  if (!files && !asked.path.starts_with(kProcess))
    co_return fail(ErrorCode::not_found, "nothing is at {} {}", method, asked.path);
  ACLOUD_CO_TRY(const std::string text, co_await asked.request.body.read_all(kJsonBytes));
  ACLOUD_CO_TRY(const Json message, parse_json(text));
  const std::string verb = asked.path.substr(files ? kFiles.size() : kProcess.size());
  ACLOUD_CO_TRY(const Json reply,
                files ? co_await filesystem(asked, verb, message) : co_await process(asked, verb, message));
  co_return json_response(200, reply);
}

// The clients take 502 for a sandbox that doesn't run, whether it was killed or is paused.
Task<Result<net::Response>> E2b::health(Asked& asked) {
  const auto info = co_await call(asked, "sandbox.get", {{"id", asked.sandbox}});
  if (!info && info.error().code() != ErrorCode::not_found) co_return std::unexpected(info.error());
  if (info && info->value("state", "") == "running") co_return net::Response{.status = 204};
  co_return json_response(502, {{"code", 502}, {"message", "sandbox " + asked.sandbox + " is not running"}});
}

Task<Result<net::Response>> E2b::read_file(Asked& asked, const std::string& path) {
  kernel::Call reading =
      new_call(asked, "sandbox.read_file", {{"id", asked.sandbox}, {"path", absolute(path)}});
  reading.wants_bytes = true;
  ACLOUD_CO_TRY(kernel::Reply reply, co_await run(asked, reading));
  net::Response response;
  response.headers = std::move(reply.headers);
  if (reply.bytes) response.body = *std::move(reply.bytes);
  co_return response;
}

Task<Result<Json>> E2b::write_file(Asked& asked, const std::string& path, net::Body body) {
  kernel::Call writing =
      new_call(asked, "sandbox.write_file", {{"id", asked.sandbox}, {"path", absolute(path)}});
  writing.body = &body;
  ACLOUD_CO_TRY(const kernel::Reply reply, co_await run(asked, writing));
  co_return parse_json(reply.json);
}

Task<Result<net::Response>> E2b::write_files(Asked& asked, const std::string& path) {
  const net::Headers& headers = asked.request.headers;
  if (headers.get("content-encoding"))
    co_return fail(ErrorCode::invalid_argument, "content-encoding: compressed uploads are not taken here");
  const std::string type(headers.value("content-type"));
  Json written = Json::array();
  if (!type.starts_with("multipart/form-data")) {
    if (path.empty()) co_return fail(ErrorCode::invalid_argument, "path: say which file to write");
    ACLOUD_CO_TRY(const Json info, co_await write_file(asked, path, std::move(asked.request.body)));
    written.push_back(to_written(info));
    co_return json_response(200, written);
  }
  ACLOUD_CO_TRY(const std::string form, co_await asked.request.body.read_all(kFormBytes));
  ACLOUD_CO_TRY(std::vector<FormFile> files, parse_form(type, form));
  if (files.empty()) co_return fail(ErrorCode::invalid_argument, "the form has no field \"file\"");
  if (!path.empty() && files.size() > 1)
    co_return fail(ErrorCode::invalid_argument, "path: {} files can't all be {}", files.size(), path);
  for (FormFile& file : files) {
    const std::string& where = path.empty() ? file.name : path;
    ACLOUD_CO_TRY(const Json info, co_await write_file(asked, where, std::move(file.content)));
    written.push_back(to_written(info));
  }
  co_return json_response(200, written);
}

Task<Result<std::string>> E2b::run_tool(Asked& asked, std::vector<std::string> command) {
  ACLOUD_CO_TRY(const Json done, co_await call(asked, "sandbox.exec",
                                               {{"id", asked.sandbox}, {"command", std::move(command)}}));
  if (done.value("exit_code", 1) == 0) co_return done.value("stdout", "");
  co_return std::unexpected(tool_error(done.value("stderr", "")));
}

Task<Result<Json>> E2b::filesystem(Asked& asked, std::string_view method, const Json& message) {
  ACLOUD_CO_TRY(std::string path, text_member(message, "path"));
  path = absolute(std::move(path));
  if (method == "Stat") {
    ACLOUD_CO_TRY(const Json entry, co_await stat(asked, path));
    co_return Json{{"entry", entry}};
  }
  if (method == "ListDir") {
    ACLOUD_CO_TRY(const std::int64_t depth, number_member(message, "depth", 1));
    ACLOUD_CO_TRY(const Json entries, co_await list_folder(asked, path, std::max<std::int64_t>(depth, 1)));
    co_return Json{{"entries", entries}};
  }
  if (method == "MakeDir") co_return co_await make_folder(asked, path);
  if (method == "Remove") {
    ACLOUD_CO_CHECK(co_await remove(asked, path));
    co_return Json::object();
  }
  if (method == "Move") {
    ACLOUD_CO_TRY(const std::string from, text_member(message, "source"));
    ACLOUD_CO_TRY(std::string to, text_member(message, "destination"));
    to = absolute(std::move(to));
    ACLOUD_CO_CHECK(co_await move(asked, absolute(from), to));
    ACLOUD_CO_TRY(const Json entry, co_await stat(asked, to));
    co_return Json{{"entry", entry}};
  }
  co_return fail(ErrorCode::not_found, "filesystem.Filesystem has no method {} here", method);
}

Task<Result<>> E2b::remove(Asked& asked, std::string path) {
  const auto removed = co_await call(asked, "sandbox.remove_file", {{"id", asked.sandbox}, {"path", path}});
  // Programs inside may do what those outside may not: change what belongs to other users of the sandbox.
  if (!removed && removed.error().code() != ErrorCode::permission_denied)
    co_return std::unexpected(removed.error());
  if (!removed) ACLOUD_CO_CHECK(co_await run_tool(asked, {"rm", "-rf", "--", path}));
  co_return Result<>();
}

Task<Result<>> E2b::move(Asked& asked, std::string from, std::string to) {
  const auto moved =
      co_await call(asked, "sandbox.move_file", {{"id", asked.sandbox}, {"from", from}, {"to", to}});
  if (moved) co_return Result<>();
  const ErrorCode code = moved.error().code();
  if (code != ErrorCode::permission_denied && code != ErrorCode::precondition_failed)
    co_return std::unexpected(moved.error());
  ACLOUD_CO_CHECK(co_await run_tool(asked, {"mv", "-T", "--", from, to}));
  co_return Result<>();
}

namespace {

constexpr std::string_view event_type(std::string_view change) {
  if (change == "create") return "EVENT_TYPE_CREATE";
  if (change == "write") return "EVENT_TYPE_WRITE";
  if (change == "remove") return "EVENT_TYPE_REMOVE";
  return change == "rename" ? "EVENT_TYPE_RENAME" : "EVENT_TYPE_CHMOD";
}

// Events of sandbox.watch_files as frames.
class WatchFrames final : public FrameSink {
 public:
  using FrameSink::FrameSink;
  Task<Result<>> emit(std::string_view name, std::string data) override {
    if (name == "start") co_return co_await tell({{"start", Json::object()}});
    ACLOUD_CO_TRY(const Json json, parse_json(data));
    const std::string change = json.value("change", "");
    if (change == "overflow") co_return Result<>();  // the dialect has no word for it
    co_return co_await tell(
        {{"filesystem", {{"name", json.value("path", "")}, {"type", event_type(change)}}}});
  }
};

}  // namespace

Task<Result<net::Response>> E2b::watch_folder(Asked& asked) {
  ACLOUD_CO_TRY(const std::string body, co_await asked.request.body.read_all(kJsonBytes));
  ACLOUD_CO_TRY(const Json message, unframe(body));
  ACLOUD_CO_TRY(const std::string path, text_member(message, "path"));
  const bool recursive = message.value("recursive", Json()) == Json(true);
  co_return stream<WatchFrames>(
      path_, asked.caller,
      new_call(asked, "sandbox.watch_files",
               {{"id", asked.sandbox}, {"path", absolute(path)}, {"recursive", recursive}}));
}

Task<Result<Json>> E2b::stat(Asked& asked, std::string path) {
  ACLOUD_CO_TRY(const std::string line, co_await run_tool(asked, {"stat", "-c", kStatFormat, "--", path}));
  ACLOUD_CO_TRY(Json entry, entry_from_stat(path, line));
  if (entry.value("type", "") == "FILE_TYPE_SYMLINK") {
    ACLOUD_CO_TRY(entry["symlinkTarget"], co_await run_tool(asked, {"readlink", "-n", "--", path}));
  }
  co_return entry;
}

Task<Result<Json>> E2b::make_folder(Asked& asked, std::string path) {
  const auto there = co_await stat(asked, path);
  if (there) co_return fail(ErrorCode::conflict, "{} is there already", path);
  if (there.error().code() != ErrorCode::not_found) co_return std::unexpected(there.error());
  ACLOUD_CO_CHECK(co_await run_tool(asked, {"mkdir", "-p", "--", path}));
  ACLOUD_CO_TRY(const Json entry, co_await stat(asked, path));
  co_return Json{{"entry", entry}};
}

Task<Result<Json>> E2b::list_folder(Asked& asked, std::string path, std::int64_t depth) {
  Json entries = Json::array();
  std::vector<std::pair<std::string, std::int64_t>> folders{{std::move(path), 1}};
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const auto [folder, level] = folders[i];
    Json arguments{{"id", asked.sandbox}, {"path", folder}, {"limit", 1000}};
    for (;;) {
      ACLOUD_CO_TRY(const Json page, co_await call(asked, "sandbox.list_files", arguments));
      for (const Json& info : page["items"]) {
        if (info.value("type", "") == "directory" && level < depth)
          folders.emplace_back(info.value("path", ""), level + 1);
        entries.push_back(entry_from_info(info));
      }
      if (entries.size() > kEntriesMost)
        co_return fail(ErrorCode::too_large, "depth: more than {} entries; list less at once", kEntriesMost);
      if (!page.contains("next_cursor")) break;
      arguments["cursor"] = page["next_cursor"];
    }
  }
  co_return entries;
}

}  // namespace acloud::surfaces::e2b
