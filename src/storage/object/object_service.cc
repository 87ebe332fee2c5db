#include "storage/object/object_service.h"

#include "base/encoding.h"

namespace acloud::storage {
namespace {

using kernel::Context;
using store::Bytes;
using store::Params;
using store::Rows;

// A value as it goes into a row: its bytes, or the blob that holds them.
struct Stored {
  std::string etag;
  std::int64_t size = 0;
  store::Value inline_bytes;  // NULL where it is a blob
  store::Value blob;          // NULL where it is inline
};

std::unexpected<Error> no_bucket(const std::string& bucket) {
  return fail(ErrorCode::not_found, "no bucket {}; make it with object.create_bucket", bucket);
}

std::unexpected<Error> no_object(const std::string& bucket, const std::string& key) {
  return fail(ErrorCode::not_found, "no object {} in bucket {}", key, bucket);
}

Result<> check_bucket(store::Reader& reader, const std::string& workspace, const std::string& bucket) {
  ACLOUD_TRY(const Rows rows,
             reader.query("SELECT 1 FROM buckets WHERE workspace = $1 AND bucket = $2", {workspace, bucket}));
  return rows.empty() ? no_bucket(bucket) : Result<>();
}

Result<> check_conditions(const std::optional<std::string>& there, const std::optional<std::string>& if_match,
                          const std::optional<std::string>& if_none_match) {
  if (if_none_match && there) {
    return fail(ErrorCode::precondition_failed, "if_none_match: there is an object, with ETag {}", *there);
  }
  if (!if_match || (there && (*if_match == "*" || *if_match == *there))) return {};
  return fail(ErrorCode::precondition_failed, "if_match: the object there has {}, not {}",
              there ? "ETag " + *there : std::string("no value"), *if_match);
}

// The first key after all that begin with `prefix`, in byte order; nothing where there is none.
std::optional<std::string> end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<std::uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<std::uint8_t>(prefix.back()) + 1);
  return prefix;
}

ObjectInfo to_info(const std::string& bucket, const store::Row& row) {
  return {.bucket = bucket,
          .key = row.bytes(0),
          .etag = row.text(1),
          .size = row.integer(2),
          .content_type = row.text(3),
          .modified = row.time(4)};
}

// Reads up to `most` bytes; what is left stays in `body`.
Task<Result<std::string>> read_up_to(net::Body& body, std::size_t most, bool& ended) {
  std::string head;
  ended = false;
  while (head.size() <= most) {
    ACLOUD_CO_TRY(const std::string piece, co_await body.read());
    if (piece.empty()) {
      ended = true;
      break;
    }
    head += piece;
  }
  co_return head;
}

// What was read already, then the rest.
class Rejoined final : public net::Stream {
 public:
  Rejoined(std::string head, net::Body& rest) : head_(std::move(head)), rest_(rest) {}
  Task<Result<std::string>> read() override {
    if (!head_.empty()) co_return std::exchange(head_, {});
    co_return co_await rest_.read();
  }

 private:
  std::string head_;
  net::Body& rest_;
};

Stored stored_inline(std::string bytes) {
  return {to_hex(sha256(bytes)), std::ssize(bytes), Bytes{std::move(bytes)}, {}};
}

Task<Result<Stored>> store_value(store::Blobs& blobs, net::Body& body) {
  bool ended = false;
  ACLOUD_CO_TRY(std::string head, co_await read_up_to(body, ObjectService::kInline, ended));
  if (ended && head.size() <= ObjectService::kInline) co_return stored_inline(std::move(head));
  net::Body whole(std::make_unique<Rejoined>(std::move(head), body));
  ACLOUD_CO_TRY(const store::BlobInfo blob, co_await blobs.put(whole, ObjectService::kObjectMost));
  co_return Stored{blob.digest, static_cast<std::int64_t>(blob.size), {}, blob.digest};
}

// Where the request has its value: the raw body, `content` or `content_base64`.
Result<net::Body> content_of(Context& context, PutObject& request) {
  const int given =
      (context.body() != nullptr) + request.content.has_value() + request.content_base64.has_value();
  if (given != 1) {
    return fail(ErrorCode::invalid_argument,
                "give the value once: as content, as content_base64, or as the raw request body");
  }
  if (context.body() != nullptr) return std::move(*context.body());
  if (request.content) {
    if (!request.content_type) request.content_type = "text/plain; charset=utf-8";
    return net::Body(*std::move(request.content));
  }
  auto bytes = from_base64(*request.content_base64);
  if (!bytes) return std::unexpected(std::move(bytes).error().within("content_base64"));
  return net::Body(*std::move(bytes));
}

}  // namespace

bool is_bucket(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return text.size() >= 3 && text.size() <= 63 && plain(text.front()) && plain(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '.' || c == '-'; });
}

bool is_object_key(std::string_view text) {
  return !text.empty() && text.size() <= 1024 && is_utf8(text) &&
         std::ranges::none_of(text, [](char c) { return static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f; });
}

bool is_content_type(std::string_view text) {
  return text.size() <= 255 && text.find('/') != text.npos &&
         std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::vector<store::Migration> ObjectService::migrations() {
  return {{"object-1",
           "CREATE TABLE buckets ("
           "  workspace TEXT NOT NULL, bucket TEXT NOT NULL, created BIGINT NOT NULL,"
           "  PRIMARY KEY (workspace, bucket));"
           "CREATE TABLE objects ("
           "  workspace TEXT NOT NULL,"
           "  bucket TEXT NOT NULL,"
           "  key BYTEA NOT NULL,"
           "  etag TEXT NOT NULL,"
           "  size BIGINT NOT NULL,"
           "  content_type TEXT NOT NULL,"
           "  modified BIGINT NOT NULL,"
           "  content BYTEA,"
           "  blob TEXT,"
           "  PRIMARY KEY (workspace, bucket, key));"
           "CREATE INDEX objects_blob ON objects (blob);"}};
}

Result<> ObjectService::forget_workspace(store::Transaction& transaction, const std::string& workspace) {
  ACLOUD_CHECK(transaction.execute("DELETE FROM objects WHERE workspace = $1", {workspace}));
  ACLOUD_CHECK(transaction.execute("DELETE FROM buckets WHERE workspace = $1", {workspace}));
  return {};
}

Task<Result<Bucket>> ObjectService::create_bucket(Context& context, BucketName request) {
  const Bucket made{request.bucket, context.clock.now()};
  co_return co_await context.commit(
      [made, workspace = context.workspace()](store::Transaction& tx) -> Result<Bucket> {
        ACLOUD_TRY(const std::int64_t added,
                   tx.execute("INSERT INTO buckets (workspace, bucket, created) VALUES ($1, $2, $3) "
                              "ON CONFLICT (workspace, bucket) DO NOTHING",
                              {workspace, made.bucket, store::to_value(made.created)}));
        if (added == 0) return fail(ErrorCode::conflict, "there is a bucket {} already", made.bucket);
        return made;
      });
}

Task<Result<BucketList>> ObjectService::list_buckets(Context& context, ListBuckets request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  co_return co_await context.read([after, limit = request.limit, workspace = context.workspace()](
                                      store::Reader& reader) -> Result<BucketList> {
    ACLOUD_TRY(const Rows rows, reader.query("SELECT bucket, created FROM buckets WHERE workspace = $1 "
                                             "AND bucket > $2 ORDER BY bucket LIMIT $3",
                                             {workspace, after, limit + 1}));
    BucketList list;
    for (const store::Row& row : rows) {
      if (std::ssize(list.items) == limit) {
        list.next_cursor = kernel::to_cursor(list.items.back().bucket);
        break;
      }
      list.items.push_back({row.text(0), row.time(1)});
    }
    return list;
  });
}

Task<Result<BucketName>> ObjectService::delete_bucket(Context& context, BucketName request) {
  co_return co_await context.commit([request, workspace = context.workspace()](
                                        store::Transaction& tx) -> Result<BucketName> {
    ACLOUD_CHECK(check_bucket(tx, workspace, request.bucket));
    ACLOUD_TRY(const Rows left, tx.query("SELECT 1 FROM objects WHERE workspace = $1 AND bucket = $2 LIMIT 1",
                                         {workspace, request.bucket}));
    if (!left.empty()) {
      return fail(ErrorCode::conflict, "bucket {} is not empty; delete its objects first", request.bucket);
    }
    ACLOUD_CHECK(
        tx.execute("DELETE FROM buckets WHERE workspace = $1 AND bucket = $2", {workspace, request.bucket}));
    return request;
  });
}

Task<Result<ObjectInfo>> ObjectService::put(Context& context, PutObject request) {
  if (request.if_none_match && *request.if_none_match != "*") {
    co_return fail(ErrorCode::invalid_argument, "if_none_match: \"*\" is all it can be");
  }
  ACLOUD_CO_TRY(net::Body body, content_of(context, request));
  // Before a large value is taken: it would be for nothing.
  const std::string workspace = context.workspace();
  if (body.is_stream()) {
    ACLOUD_CO_CHECK(co_await context.read_here([workspace, bucket = request.bucket](store::Reader& reader) {
      return check_bucket(reader, workspace, bucket);
    }));
  }
  ACLOUD_CO_TRY(Stored value, co_await store_value(blobs_, body));
  const ObjectInfo made{.bucket = request.bucket,
                        .key = request.key,
                        .etag = value.etag,
                        .size = value.size,
                        .content_type = request.content_type.value_or("application/octet-stream"),
                        .modified = context.clock.now()};
  co_return co_await context.commit(
      [made, workspace, value = std::move(value), when_put = &when_put_, if_match = request.if_match,
       if_none_match = request.if_none_match](store::Transaction& tx) -> Result<ObjectInfo> {
        ACLOUD_CHECK(check_bucket(tx, workspace, made.bucket));
        if (if_match || if_none_match) {
          ACLOUD_TRY(const Rows rows,
                     tx.query("SELECT etag FROM objects WHERE workspace = $1 AND bucket = $2 AND key = $3",
                              {workspace, made.bucket, Bytes{made.key}}));
          const auto there = rows.empty() ? std::nullopt : std::optional(rows.front().text(0));
          ACLOUD_CHECK(check_conditions(there, if_match, if_none_match));
        }
        ACLOUD_CHECK(tx.execute(
            "INSERT INTO objects (workspace, bucket, key, etag, size, content_type, modified, content, blob) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (workspace, bucket, key) DO UPDATE SET "
            "etag = excluded.etag, size = excluded.size, content_type = excluded.content_type, "
            "modified = excluded.modified, content = excluded.content, blob = excluded.blob",
            {workspace, made.bucket, Bytes{made.key}, made.etag, made.size, made.content_type,
             store::to_value(made.modified), value.inline_bytes, value.blob}));
        if (*when_put) ACLOUD_CHECK((*when_put)(tx, workspace, made));
        return made;
      });
}

Task<Result<ObjectContent>> ObjectService::get(Context& context, GetObject request) {
  ACLOUD_CO_TRY(store::Row row, co_await context.read_here([request, workspace = context.workspace()](
                                                               store::Reader& reader) -> Result<store::Row> {
    ACLOUD_TRY(Rows rows, reader.query("SELECT etag, size, content_type, modified, content, blob "
                                       "FROM objects WHERE workspace = $1 AND bucket = $2 AND key = $3",
                                       {workspace, request.bucket, Bytes{request.key}}));
    if (!rows.empty()) return std::move(rows.front());
    ACLOUD_CHECK(check_bucket(reader, workspace, request.bucket));
    return no_object(request.bucket, request.key);
  }));
  ObjectContent reply{.content = {},
                      .content_base64 = {},
                      .etag = row.text(0),
                      .size = row.integer(1),
                      .content_type = row.text(2),
                      .modified = row.time(3)};
  const std::int64_t offset = std::min(request.offset, reply.size);
  const std::int64_t length = std::min(request.length.value_or(reply.size), reply.size - offset);
  net::Body body;
  if (row.is_null(5)) {
    body = net::Body(row.bytes(4).substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(length)));
  } else {
    auto stream = co_await blobs_.get(row.text(5), static_cast<std::uint64_t>(offset),
                                      static_cast<std::uint64_t>(length));
    if (!stream && stream.error().code() == ErrorCode::not_found) {
      co_return fail(
          ErrorCode::unavailable,
          "the value of {} is not in this server's data folder; values of more than {} bytes are on the "
          "server that took them",
          request.key, kInline);
    }
    if (!stream) co_return std::unexpected(std::move(stream).error());
    body = net::Body(*std::move(stream), static_cast<std::uint64_t>(length));
  }
  if (context.wants_bytes()) {
    context.reply_with_bytes(std::move(body), {{"content-type", reply.content_type},
                                               {"etag", '"' + reply.etag + '"'},
                                               {"last-modified-at", to_rfc3339(reply.modified)}});
    co_return reply;
  }
  if (length > kJsonMost) {
    co_return fail(ErrorCode::too_large,
                   "{} bytes are too many for a JSON reply; ask with Accept: application/octet-stream, or by "
                   "offset and length, {} bytes at most",
                   length, kJsonMost);
  }
  ACLOUD_CO_TRY(std::string bytes, co_await body.read_all(kJsonMost));
  if (is_utf8(bytes)) {
    reply.content = std::move(bytes);
  } else {
    reply.content_base64 = to_base64(bytes);
  }
  co_return reply;
}

Task<Result<ObjectList>> ObjectService::list(Context& context, ListObjects request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  co_return co_await context.read(
      [after, request, workspace = context.workspace()](store::Reader& reader) -> Result<ObjectList> {
        ACLOUD_CHECK(check_bucket(reader, workspace, request.bucket));
        const std::string prefix = request.prefix.value_or("");
        const auto end = end_of_prefix(prefix);
        std::string sql =
            "SELECT key, etag, size, content_type, modified FROM objects "
            "WHERE workspace = $1 AND bucket = $2 AND key >= $3 AND key > $4";
        Params params{workspace, request.bucket, Bytes{prefix}, Bytes{after}, request.limit + 1};
        if (end) {
          sql += " AND key < $6";
          params.emplace_back(Bytes{*end});
        }
        ACLOUD_TRY(const Rows rows, reader.query(sql + " ORDER BY key LIMIT $5", params));
        ObjectList list;
        for (const store::Row& row : rows) {
          if (std::ssize(list.items) == request.limit) {
            list.next_cursor = kernel::to_cursor(list.items.back().key);
            break;
          }
          list.items.push_back(to_info(request.bucket, row));
        }
        return list;
      });
}

Task<Result<DeletedObject>> ObjectService::remove(Context& context, DeleteObject request) {
  co_return co_await context.commit([request, workspace = context.workspace()](
                                        store::Transaction& tx) -> Result<DeletedObject> {
    const Params name{workspace, request.bucket, Bytes{request.key}};
    ACLOUD_TRY(const Rows rows,
               tx.query("SELECT etag FROM objects WHERE workspace = $1 AND bucket = $2 AND key = $3", name));
    if (rows.empty()) {
      ACLOUD_CHECK(check_bucket(tx, workspace, request.bucket));
      return no_object(request.bucket, request.key);
    }
    ACLOUD_CHECK(check_conditions(rows.front().text(0), request.if_match, std::nullopt));
    ACLOUD_CHECK(tx.execute("DELETE FROM objects WHERE workspace = $1 AND bucket = $2 AND key = $3", name));
    return DeletedObject{request.bucket, request.key};
  });
}

namespace {

Task<Result<bool>> is_named(store::Database& database, std::string digest, ObjectService::Named elsewhere) {
  auto rows = co_await database.query("SELECT 1 FROM objects WHERE blob = $1 LIMIT 1", {digest});
  if (!rows) co_return std::unexpected(std::move(rows).error());
  if (!rows->empty()) co_return true;
  co_return co_await elsewhere(digest);
}

}  // namespace

Task<Result<std::uint64_t>> ObjectService::sweep(std::chrono::seconds grace, Named named_elsewhere) {
  co_return co_await blobs_.sweep(grace, [this, &named_elsewhere](const std::string& digest) {
    return is_named(database_, digest, named_elsewhere);
  });
}

}  // namespace acloud::storage
