// The file operations of SandboxService.
#include <fcntl.h>
#include <unistd.h>

#include "base/encoding.h"
#include "net/socket.h"
#include "sandbox/images/archive_reader.h"
#include "sandbox/images/archive_writer.h"
#include "sandbox/images/tree_copy.h"
#include "sandbox/sandbox_service.h"
#include "sandbox/watch.h"

namespace acloud::sandbox {
namespace {

using kernel::Context;

constexpr std::size_t kPiece = 256 << 10;
constexpr std::uint64_t kTreeMost = 16ULL << 30;  // of files packed at once
constexpr std::chrono::seconds kLookAgain{1};     // whether the sandbox that is watched is still there

Result<net::Body> content_of(Context& context, WriteFile& request) {
  const int given =
      (context.body() != nullptr) + request.content.has_value() + request.content_base64.has_value();
  if (given != 1) {
    return fail(ErrorCode::invalid_argument,
                "give the content once: as content, as content_base64, or as the raw request body");
  }
  if (context.body() != nullptr) return std::move(*context.body());
  if (request.content) return net::Body(*std::move(request.content));
  auto bytes = from_base64(*request.content_base64);
  if (!bytes) return std::unexpected(std::move(bytes).error().within("content_base64"));
  return net::Body(*std::move(bytes));
}

// A file as it is read, whose sandbox is in use meanwhile.
class FileStream final : public net::Stream {
 public:
  FileStream(Use sandbox, jail::Fd file, std::uint64_t left, async::BlockingPool& blocking)
      : sandbox_(std::move(sandbox)), file_(std::move(file)), left_(left), blocking_(blocking) {}

  Task<Result<std::string>> read() override {
    if (left_ == 0) co_return std::string();
    const std::size_t most = std::min<std::uint64_t>(left_, kPiece);
    auto bytes =
        co_await async::run_blocking(blocking_, [file = file_.get(), most] { return read_some(file, most); });
    if (bytes) left_ = bytes->empty() ? 0 : left_ - bytes->size();
    co_return bytes;
  }

 private:
  Use sandbox_;
  jail::Fd file_;
  std::uint64_t left_;
  async::BlockingPool& blocking_;
};

}  // namespace

Task<Result<Place>> place_of(Sandbox& sandbox, async::Deadline by) {
  ACLOUD_CO_TRY(auto root, co_await sandbox.root(by));
  co_return Place{.root = std::move(root), .user = sandbox.host_id(0), .group = sandbox.host_id(0)};
}

Task<Result<FileInfo>> SandboxService::write_file(Context& context, WriteFile request) {
  ACLOUD_CO_TRY(net::Body body, content_of(context, request));
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const Place place, co_await place_of(*sandbox, soon(context)));
  const std::string path = absolute_path(std::move(request.path));
  ACLOUD_CO_TRY(const jail::Fd file, co_await async::run_blocking(blocking_, [&] {
                  return open_to_write(place, path, request.mode);
                }));
  for (;;) {
    ACLOUD_CO_TRY(const std::string piece, co_await body.read());
    if (piece.empty()) break;
    ACLOUD_CO_CHECK(
        co_await async::run_blocking(blocking_, [&] { return write_all(place, file.get(), piece); }));
  }
  ACLOUD_CO_TRY(FileInfo info,
                co_await async::run_blocking(blocking_, [&] { return describe_file(file.get(), path); }));
  info.owner = sandbox->inside_id(static_cast<std::uint32_t>(info.owner));
  co_return info;
}

Task<Result<FileContent>> SandboxService::read_file(Context& context, ReadFile request) {
  ACLOUD_CO_TRY(Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const Place place, co_await place_of(*sandbox, soon(context)));
  const std::string path = absolute_path(std::move(request.path));
  ACLOUD_CO_TRY(OpenFile file,
                co_await async::run_blocking(blocking_, [&] { return open_to_read(place, path); }));
  if (request.offset > 0 && ::lseek(file.fd.get(), request.offset, SEEK_SET) < 0)
    co_return fail_errno(errno, path);
  FileContent reply{.content = {},
                    .content_base64 = {},
                    .size = static_cast<std::int64_t>(file.size),
                    .mode = file.mode,
                    .modified = file.modified};
  const auto wanted =
      static_cast<std::uint64_t>(request.length.value_or(std::numeric_limits<std::int64_t>::max()));
  net::Body body(std::make_unique<FileStream>(std::move(sandbox), std::move(file.fd), wanted, blocking_));
  if (context.wants_bytes()) {
    context.reply_with_bytes(std::move(body), {{"content-type", "application/octet-stream"},
                                               {"last-modified-at", to_rfc3339(reply.modified)}});
    co_return reply;
  }
  auto bytes = co_await body.read_all(kJsonMost);
  if (!bytes && bytes.error().code() == ErrorCode::too_large) {
    co_return fail(
        ErrorCode::too_large,
        "{}: {} bytes are too many for a JSON reply; ask with Accept: application/octet-stream, or by "
        "offset and length, {} bytes at most",
        path, reply.size, kJsonMost);
  }
  if (!bytes) co_return std::unexpected(std::move(bytes).error());
  if (is_utf8(*bytes)) {
    reply.content = *std::move(bytes);
  } else {
    reply.content_base64 = to_base64(*bytes);
  }
  co_return reply;
}

Task<Result<FileList>> SandboxService::list_files(Context& context, ListFiles request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const Place place, co_await place_of(*sandbox, soon(context)));
  const std::string path = absolute_path(std::move(request.path));
  ACLOUD_CO_TRY(auto entries,
                co_await async::run_blocking(blocking_, [&] { return list_folder(place, path); }));
  FileList list;
  const auto first = std::ranges::upper_bound(entries, after, {}, &FileInfo::name);
  for (FileInfo& info : std::ranges::subrange(first, entries.end())) {
    if (std::ssize(list.items) == request.limit) {
      list.next_cursor = kernel::to_cursor(list.items.back().name);
      break;
    }
    info.owner = sandbox->inside_id(static_cast<std::uint32_t>(info.owner));
    list.items.push_back(std::move(info));
  }
  co_return list;
}

Task<Result<FileInfo>> SandboxService::stat_file(Context& context, FileName request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const Place place, co_await place_of(*sandbox, soon(context)));
  const std::string path = absolute_path(std::move(request.path));
  ACLOUD_CO_TRY(FileInfo info,
                co_await async::run_blocking(blocking_, [&] { return stat_path(place, path); }));
  info.owner = sandbox->inside_id(static_cast<std::uint32_t>(info.owner));
  co_return info;
}

Task<Result<FileInfo>> SandboxService::move_file(Context& context, MoveFile request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const Place place, co_await place_of(*sandbox, soon(context)));
  const std::string from = absolute_path(std::move(request.from)), to = absolute_path(std::move(request.to));
  ACLOUD_CO_TRY(FileInfo info, co_await async::run_blocking(blocking_, [&]() -> Result<FileInfo> {
                  ACLOUD_CHECK(move_path(place, from, to));
                  return stat_path(place, to);
                }));
  info.owner = sandbox->inside_id(static_cast<std::uint32_t>(info.owner));
  co_return info;
}

Task<Result<FileName>> SandboxService::remove_file(Context& context, FileName request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const Place place, co_await place_of(*sandbox, soon(context)));
  request.path = absolute_path(std::move(request.path));
  ACLOUD_CO_CHECK(co_await async::run_blocking(blocking_, [&] { return remove_path(place, request.path); }));
  co_return request;
}

Task<Result<FileInfo>> SandboxService::make_folder(Context& context, MakeFolder request) {
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const Place place, co_await place_of(*sandbox, soon(context)));
  const std::string path = absolute_path(std::move(request.path));
  ACLOUD_CO_TRY(FileInfo info, co_await async::run_blocking(blocking_, [&]() -> Result<FileInfo> {
                  ACLOUD_CHECK(sandbox::make_folder(place, path, request.mode));
                  return stat_path(place, path);
                }));
  info.owner = sandbox->inside_id(static_cast<std::uint32_t>(info.owner));
  co_return info;
}

Task<Result<UploadedFiles>> SandboxService::upload_files(Context& context, UploadFiles request) {
  ACLOUD_CO_TRY(net::Body body, tar_of(context, request.tar));
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const Place place, co_await place_of(*sandbox, soon(context)));
  const std::string path = absolute_path(std::move(request.path));
  ACLOUD_CO_TRY(const jail::Fd tar,
                co_await receive_file(std::move(body), sandboxes_.images().layers().drafts(), blocking_));
  co_return co_await async::run_blocking(copying_, [&]() -> Result<UploadedFiles> {
    if (const auto made = sandbox::make_folder(place, path, std::nullopt);
        !made && made.error().code() != ErrorCode::conflict)
      return std::unexpected(made.error());
    ACLOUD_TRY(jail::Fd folder, open_folder(place, path));
    images::TreeWriter to(std::move(folder), {.budget = {.bytes = kTreeMost, .left_free = 0}});
    std::string buffer(kPiece, '\0');
    off_t at = 0;
    const images::Source source = [&]() -> Result<std::string_view> {
      const ssize_t size = ::pread(tar.get(), buffer.data(), buffer.size(), at);
      if (size < 0) return fail_errno(errno, "reading the tar");
      at += size;
      return std::string_view(buffer).substr(0, static_cast<std::size_t>(size));
    };
    ACLOUD_CHECK(as_user(place, [&] { return images::unpack(source, to, {}); }));
    return UploadedFiles{path, static_cast<std::int64_t>(to.entries()),
                         static_cast<std::int64_t>(to.bytes())};
  });
}

Task<Result<DownloadedFiles>> SandboxService::download_files(Context& context, DownloadFiles request) {
  ACLOUD_CO_TRY(Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const Place place, co_await place_of(*sandbox, soon(context)));
  const std::string path = absolute_path(std::move(request.path));
  jail::Fd tar(::open(sandboxes_.images().layers().drafts().c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (!tar) co_return fail_errno(errno, "a file for the tar");
  ACLOUD_CO_CHECK(co_await async::run_blocking(copying_, [&]() -> Result<> {
    ACLOUD_TRY(const jail::Fd folder, open_folder(place, path));
    images::ArchiveWriter to(tar.get(), kTreeMost);
    images::CopyOptions options;
    options.owner = [&](std::uint32_t id) { return sandbox->inside_id(id); };
    return as_user(place, [&] { return images::copy_tree(folder.get(), to, options); });
  }));
  DownloadedFiles reply;
  reply.size = ::lseek(tar.get(), 0, SEEK_END);
  if (reply.size < 0 || ::lseek(tar.get(), 0, SEEK_SET) != 0) co_return fail_errno(errno, "the tar");
  const auto size = static_cast<std::uint64_t>(reply.size);
  net::Body body(std::make_unique<FileStream>(std::move(sandbox), std::move(tar), size, blocking_));
  if (context.wants_bytes()) {
    context.reply_with_bytes(std::move(body), {{"content-type", "application/x-tar"}});
    co_return reply;
  }
  if (reply.size > kJsonMost) {
    co_return fail(ErrorCode::too_large,
                   "a tar of {} bytes is too long for a JSON reply, which takes {}; ask with Accept: "
                   "application/octet-stream",
                   reply.size, kJsonMost);
  }
  ACLOUD_CO_TRY(const std::string bytes, co_await body.read_all(kJsonMost));
  reply.tar = to_base64(bytes);
  co_return reply;
}

Task<Result<WatchEnded>> SandboxService::watch_files(Context& context, WatchFiles request) {
  if (context.events() == nullptr)
    co_return fail(ErrorCode::invalid_argument,
                   "changes come as a stream: ask with Accept: text/event-stream");
  ACLOUD_CO_TRY(const Use sandbox, co_await use(context, request.id));
  ACLOUD_CO_TRY(const Place place, co_await place_of(*sandbox, soon(context)));
  const std::string path = absolute_path(std::move(request.path));
  ACLOUD_CO_TRY(Watch watch, co_await async::run_blocking(
                                 blocking_, [&] { return Watch::open(place, path, request.recursive); }));
  ACLOUD_CO_CHECK(co_await context.events()->emit("start", "{}"));
  while (!watch.over()) {
    const auto by = async::Deadline::after(kLookAgain);
    auto ready = co_await async::with_deadline(by, "waiting for a change", net::wait_readable(watch.fd()));
    if (!ready && ready.error().code() != ErrorCode::deadline_exceeded)
      co_return std::unexpected(std::move(ready).error());
    if (sandbox->ending()) co_return fail(ErrorCode::not_found, "sandbox {} has just ended", request.id);
    if (!ready) continue;
    ACLOUD_CO_TRY(const auto changes, co_await async::run_blocking(blocking_, [&] { return watch.read(); }));
    for (const FileChange& change : changes) {
      std::string data = R"({"change":)";
      append_json_string(data, schema::Codec<Change>::name(change.change));
      data += R"(,"path":)";
      append_json_string(data, change.path);
      ACLOUD_CO_CHECK(co_await context.events()->emit("change", data + '}'));
    }
  }
  co_return WatchEnded{path + " was removed or moved"};
}

}  // namespace acloud::sandbox
