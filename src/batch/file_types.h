// Requests and replies of product `batch` that are about files.
#pragma once

#include "base/schema.h"
#include "kernel/page.h"

namespace acloud::batch {

// 1 to 255 bytes of UTF-8 without control characters. It means nothing to the server.
bool is_filename(std::string_view text);
inline constexpr std::string_view kFilenameRule = "1 to 255 bytes of UTF-8 without control characters";
// What a file is for: "batch" for lines to be asked, any other word for what is only kept.
bool is_purpose(std::string_view text);
inline constexpr std::string_view kPurposeRule =
    "1 to 64 of a-z, 0-9, '_', '-'; \"batch_output\" is the server's own";
inline constexpr std::string_view kInputPurpose = "batch";
inline constexpr std::string_view kOutputPurpose = "batch_output";

enum class Order { asc, desc };
constexpr auto enum_names(Order) {
  return std::array<std::pair<Order, std::string_view>, 2>{{{Order::asc, "asc"}, {Order::desc, "desc"}}};
}

// How long a file may be asked to be kept.
inline constexpr std::chrono::seconds kKeptLeast = std::chrono::hours(1);
inline constexpr std::chrono::seconds kKeptMost = std::chrono::days(30);

struct UploadFile {
  std::string filename;
  std::string purpose;
  std::optional<std::chrono::seconds> expires_after;
  std::optional<std::string> content;
  static constexpr auto schema =
      fields(field("filename", &UploadFile::filename, "What it is called.", required,
                   form(is_filename, kFilenameRule)),
             field("purpose", &UploadFile::purpose,
                   "What it is for: \"batch\" for the lines of a batch, else a word of yours.", required,
                   form(is_purpose, kPurposeRule)),
             field("expires_after_s", &UploadFile::expires_after,
                   "It is deleted so long after it came. Absent: it stays until it is deleted.",
                   between(kKeptLeast, kKeptMost)),
             field("content", &UploadFile::content, "Its text. Or send it as the raw request body."));
};

struct File {
  std::string id;
  std::string filename;
  std::string purpose;
  std::int64_t size = 0;
  Time created{};
  std::optional<Time> expires;
  static constexpr auto schema =
      fields(field("id", &File::id, "Its identifier."), field("filename", &File::filename, "Its name."),
             field("purpose", &File::purpose, "What it is for; \"batch_output\": a batch wrote it."),
             field("size", &File::size, "Bytes."), field("created", &File::created, "When it came."),
             field("expires", &File::expires, "When it is deleted; absent: when somebody does."));
};

struct FileId {
  std::string id;
  static constexpr auto schema =
      fields(field("id", &FileId::id, "The id of a file.", required, length(1, 64)));
};

struct ListFiles {
  std::optional<std::string> purpose;
  Order order = Order::desc;
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("purpose", &ListFiles::purpose, "Only those for this.", length(1, 64)),
             field("order", &ListFiles::order, "By their age: desc has the newest first."),
             field("limit", &ListFiles::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListFiles::cursor, "next_cursor of the page before."));
};

struct FileList {
  std::vector<File> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema =
      fields(field("items", &FileList::items, "Files."),
             field("next_cursor", &FileList::next_cursor, "Where the next page begins; absent on the last."));
};

struct FileContent {
  std::optional<std::string> content;
  std::optional<std::string> content_base64;
  std::int64_t size = 0;
  static constexpr auto schema =
      fields(field("content", &FileContent::content, "What is in it, where it is UTF-8."),
             field("content_base64", &FileContent::content_base64, "What is in it, where it is not."),
             field("size", &FileContent::size, "Bytes."));
};

}  // namespace acloud::batch
