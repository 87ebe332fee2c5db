// The requests and replies of product `object`.
#pragma once

#include "base/schema.h"
#include "kernel/page.h"

namespace acloud::storage {

// 3 to 63 of a-z, 0-9, '.' and '-', beginning and ending with a letter or digit: what S3 takes as well.
bool is_bucket(std::string_view text);
inline constexpr std::string_view kBucketRule =
    "3 to 63 of a-z, 0-9, '.', '-', beginning and ending with a letter or digit";
// 1 to 1,024 bytes of UTF-8 without control characters. '/' and '..' mean nothing: a key is a name, not a
// path.
bool is_object_key(std::string_view text);
inline constexpr std::string_view kKeyRule = "1 to 1024 bytes of UTF-8 without control characters";
bool is_content_type(std::string_view text);
inline constexpr std::string_view kContentTypeRule = "a media type such as text/plain, 255 bytes at most";

struct BucketName {
  std::string bucket;
  static constexpr auto schema = fields(
      field("bucket", &BucketName::bucket, "Name of the bucket.", required, form(is_bucket, kBucketRule)));
};

struct Bucket {
  std::string bucket;
  Time created{};
  static constexpr auto schema =
      fields(field("bucket", &Bucket::bucket, "Its name, unique in the workspace."),
             field("created", &Bucket::created, "When it was made."));
};

struct ListBuckets {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListBuckets::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListBuckets::cursor, "next_cursor of the page before."));
};

struct BucketList {
  std::vector<Bucket> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &BucketList::items, "Buckets by name."),
      field("next_cursor", &BucketList::next_cursor, "Where the next page begins; absent on the last."));
};

struct PutObject {
  std::string bucket;
  std::string key;
  std::optional<std::string> content;
  std::optional<std::string> content_base64;
  std::optional<std::string> content_type;
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_match;
  static constexpr auto schema = fields(
      field("bucket", &PutObject::bucket, "Where.", required, form(is_bucket, kBucketRule)),
      field("key", &PutObject::key, "Its name in the bucket.", required, form(is_object_key, kKeyRule)),
      field("content", &PutObject::content, "The value, as text. Or send it as the raw request body."),
      field("content_base64", &PutObject::content_base64, "The value, in base64, where it is not text."),
      field("content_type", &PutObject::content_type,
            "Its media type; application/octet-stream if absent, text/plain "
            "for content.",
            form(is_content_type, kContentTypeRule)),
      field("if_match", &PutObject::if_match,
            "Only if the object there has this ETag; \"*\": only if there is one."),
      field("if_none_match", &PutObject::if_none_match, "\"*\": only if there is none yet."));
};

struct ObjectInfo {
  std::string bucket;
  std::string key;
  std::string etag;
  std::int64_t size = 0;
  std::string content_type;
  Time modified{};
  static constexpr auto schema = fields(field("bucket", &ObjectInfo::bucket, "Where it is."),
                                        field("key", &ObjectInfo::key, "Its name."),
                                        field("etag", &ObjectInfo::etag, "SHA-256 of the value, in hex."),
                                        field("size", &ObjectInfo::size, "Bytes."),
                                        field("content_type", &ObjectInfo::content_type, "Its media type."),
                                        field("modified", &ObjectInfo::modified, "When it was put."));
};

struct GetObject {
  std::string bucket;
  std::string key;
  std::int64_t offset = 0;
  std::optional<std::int64_t> length;
  static constexpr auto schema = fields(
      field("bucket", &GetObject::bucket, "Where.", required, form(is_bucket, kBucketRule)),
      field("key", &GetObject::key, "Its name in the bucket.", required, form(is_object_key, kKeyRule)),
      field("offset", &GetObject::offset, "First byte that is wanted.", at_least(0)),
      field("length", &GetObject::length, "Bytes at most; absent: to the end.", at_least(0)));
};

struct ObjectContent {
  std::optional<std::string> content;
  std::optional<std::string> content_base64;
  std::string etag;
  std::int64_t size = 0;
  std::string content_type;
  Time modified{};
  static constexpr auto schema =
      fields(field("content", &ObjectContent::content, "The value, where it is UTF-8."),
             field("content_base64", &ObjectContent::content_base64, "The value, where it is not."),
             field("etag", &ObjectContent::etag, "SHA-256 of the whole value, in hex."),
             field("size", &ObjectContent::size, "Bytes of the whole value."),
             field("content_type", &ObjectContent::content_type, "Its media type."),
             field("modified", &ObjectContent::modified, "When it was put."));
};

struct ListObjects {
  std::string bucket;
  std::optional<std::string> prefix;
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("bucket", &ListObjects::bucket, "Where.", required, form(is_bucket, kBucketRule)),
             field("prefix", &ListObjects::prefix, "Only keys that begin so.", length(0, 1024)),
             field("limit", &ListObjects::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListObjects::cursor, "next_cursor of the page before."));
};

struct ObjectList {
  std::vector<ObjectInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &ObjectList::items, "Objects in the byte order of their keys."),
      field("next_cursor", &ObjectList::next_cursor, "Where the next page begins; absent on the last."));
};

struct DeleteObject {
  std::string bucket;
  std::string key;
  std::optional<std::string> if_match;
  static constexpr auto schema = fields(
      field("bucket", &DeleteObject::bucket, "Where.", required, form(is_bucket, kBucketRule)),
      field("key", &DeleteObject::key, "Its name in the bucket.", required, form(is_object_key, kKeyRule)),
      field("if_match", &DeleteObject::if_match, "Only if the object there has this ETag."));
};

struct DeletedObject {
  std::string bucket;
  std::string key;
  static constexpr auto schema = fields(field("bucket", &DeletedObject::bucket, "Where it was."),
                                        field("key", &DeletedObject::key, "What is gone."));
};

}  // namespace acloud::storage
