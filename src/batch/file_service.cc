#include "batch/file_service.h"

#include "base/encoding.h"
#include "batch/batch_rows.h"

namespace acloud::batch {
namespace {

using kernel::Context;

Result<> check_count(store::Reader& reader, const std::string& workspace) {
  ACLOUD_TRY(const std::int64_t files, rows::count_files(reader, workspace));
  if (files < FileService::kFilesMost) return {};
  return fail(ErrorCode::too_large, "the workspace has {} files, the most there can be; delete some",
              FileService::kFilesMost);
}

std::optional<Time> after(Time now, const std::optional<std::chrono::seconds>& kept) {
  return kept ? std::optional(now + *kept) : std::nullopt;
}

}  // namespace

bool is_filename(std::string_view text) {
  return !text.empty() && text.size() <= 255 && is_utf8(text) &&
         std::ranges::none_of(text, [](char c) { return static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f; });
}

bool is_purpose(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text != kOutputPurpose &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

Task<Result<File>> FileService::upload(Context& context, UploadFile request) {
  if ((context.body() != nullptr) == request.content.has_value()) {
    co_return fail(ErrorCode::invalid_argument,
                   "give what is in the file once: as content, or as the raw request body");
  }
  // Before anything is taken: it would be for nothing.
  const std::string workspace = context.workspace();
  ACLOUD_CO_CHECK(co_await context.read_here(
      [workspace](store::Reader& reader) { return check_count(reader, workspace); }));
  net::Body body = request.content ? net::Body(*std::move(request.content)) : std::move(*context.body());
  ACLOUD_CO_TRY(const store::BlobInfo blob, co_await parts_.blobs.put(body, parts_.largest));
  const Time now = context.clock.now();
  const StoredFile made{.shown = {.id = rows::new_id("file", now, context.random.hex(6)),
                                  .filename = std::move(request.filename),
                                  .purpose = std::move(request.purpose),
                                  .size = static_cast<std::int64_t>(blob.size),
                                  .created = now,
                                  .expires = after(now, request.expires_after)},
                        .workspace = workspace,
                        .place = parts_.place,
                        .blob = blob.digest};
  co_return co_await context.commit([made](store::Transaction& tx) -> Result<File> {
    ACLOUD_CHECK(check_count(tx, made.workspace));
    ACLOUD_CHECK(rows::add_file(tx, made));
    return made.shown;
  });
}

Task<Result<File>> FileService::get(Context& context, FileId request) {
  co_return co_await context.read_here(
      [id = request.id, workspace = context.workspace()](store::Reader& reader) -> Result<File> {
        ACLOUD_TRY(StoredFile found, rows::find_file(reader, workspace, id));
        return std::move(found.shown);
      });
}

Task<Result<FileList>> FileService::list(Context& context, ListFiles request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  co_return co_await context.read(
      [after, request, workspace = context.workspace()](store::Reader& reader) -> Result<FileList> {
        FileList list;
        ACLOUD_TRY(list.items, rows::list_files(reader, workspace, request, after));
        if (std::ssize(list.items) > request.limit) {
          list.items.pop_back();
          list.next_cursor = kernel::to_cursor(list.items.back().id);
        }
        return list;
      });
}

Task<Result<FileContent>> FileService::read(Context& context, FileId request) {
  ACLOUD_CO_TRY(const StoredFile file,
                co_await context.read_here([id = request.id, workspace = context.workspace()](
                                               store::Reader& reader) -> Result<StoredFile> {
                  return rows::find_file(reader, workspace, id);
                }));
  if (file.place != parts_.place) {
    co_return fail(ErrorCode::unavailable, "file {} is in the data folder of another server; ask that one",
                   request.id);
  }
  FileContent reply{.content = {}, .content_base64 = {}, .size = file.shown.size};
  ACLOUD_CO_TRY(auto stream, co_await parts_.blobs.get(file.blob));
  net::Body body(std::move(stream), static_cast<std::uint64_t>(reply.size));
  if (context.wants_bytes()) {
    context.reply_with_bytes(std::move(body), {{"content-type", "application/octet-stream"}});
    co_return reply;
  }
  if (reply.size > kJsonMost) {
    co_return fail(ErrorCode::too_large,
                   "{} bytes are too many for a JSON reply, which has {} at most; ask with Accept: "
                   "application/octet-stream, or GET /v1/files/{}/content",
                   reply.size, kJsonMost, request.id);
  }
  ACLOUD_CO_TRY(std::string bytes, co_await body.read_all(kJsonMost));
  if (is_utf8(bytes)) {
    reply.content = std::move(bytes);
  } else {
    reply.content_base64 = to_base64(bytes);
  }
  co_return reply;
}

Task<Result<FileId>> FileService::remove(Context& context, FileId request) {
  co_return co_await context.commit(
      [request, workspace = context.workspace()](store::Transaction& tx) -> Result<FileId> {
        ACLOUD_TRY(const auto reader, rows::open_batch_of(tx, workspace, request.id));
        if (reader) {
          return fail(ErrorCode::conflict, "file {} is being read by batch {}; cancel that first", request.id,
                      *reader);
        }
        ACLOUD_CHECK(rows::remove_file(tx, workspace, request.id));
        return request;
      });
}

Task<Result<bool>> FileService::is_named(std::string digest) {
  co_return co_await parts_.database.read(
      [digest = std::move(digest)](store::Reader& reader) { return rows::is_named(reader, digest); });
}

}  // namespace acloud::batch
