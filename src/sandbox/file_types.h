// The requests and replies of the file operations of product `sandbox`.
#pragma once

#include "sandbox/sandbox_types.h"

namespace acloud::sandbox {

enum class FileType { file, directory, symlink, other };
constexpr auto enum_names(FileType) {
  using enum FileType;
  return std::array<std::pair<FileType, std::string_view>, 4>{
      {{file, "file"}, {directory, "directory"}, {symlink, "symlink"}, {other, "other"}}};
}

struct FileInfo {
  std::string path;
  std::string name;
  FileType type = FileType::file;
  std::int64_t size = 0;
  std::string mode;
  std::int64_t owner = 0;
  Time modified{};
  std::optional<std::string> target;
  static constexpr auto schema = fields(
      field("path", &FileInfo::path, "Absolute, in the sandbox."),
      field("name", &FileInfo::name, "Its last part."), field("type", &FileInfo::type, "What it is."),
      field("size", &FileInfo::size, "Bytes."), field("mode", &FileInfo::mode, "Its permissions, in octal."),
      field("owner", &FileInfo::owner, "Number of the user in the sandbox who owns it."),
      field("modified", &FileInfo::modified, "When its content last changed."),
      field("target", &FileInfo::target, "Where a symbolic link leads."));
};

struct WriteFile {
  std::string id;
  std::string path;
  std::optional<std::string> content;
  std::optional<std::string> content_base64;
  std::optional<std::string> mode;
  static constexpr auto schema = fields(
      field("id", &WriteFile::id, "Where.", required, length(1, 64)),
      field("path", &WriteFile::path, "The file. Folders that are missing on the way are made.", required,
            form(is_path, kPathRule)),
      field("content", &WriteFile::content,
            "What it shall hold, as text. Or send it as the raw request body."),
      field("content_base64", &WriteFile::content_base64, "The same in base64, where it is not text."),
      field("mode", &WriteFile::mode, "Its permissions, in octal; absent: as they are, 644 for a new file.",
            form(is_mode, kModeRule)));
};

struct ReadFile {
  std::string id;
  std::string path;
  std::int64_t offset = 0;
  std::optional<std::int64_t> length;
  static constexpr auto schema =
      fields(field("id", &ReadFile::id, "Where.", required, acloud::length(1, 64)),
             field("path", &ReadFile::path, "The file.", required, form(is_path, kPathRule)),
             field("offset", &ReadFile::offset, "First byte that is wanted.", at_least(0)),
             field("length", &ReadFile::length, "Bytes at most; absent: to the end.", at_least(0)));
};

struct FileContent {
  std::optional<std::string> content;
  std::optional<std::string> content_base64;
  std::int64_t size = 0;
  std::string mode;
  Time modified{};
  static constexpr auto schema =
      fields(field("content", &FileContent::content, "What was read, where it is UTF-8."),
             field("content_base64", &FileContent::content_base64, "What was read, where it is not."),
             field("size", &FileContent::size, "Bytes of the whole file."),
             field("mode", &FileContent::mode, "Its permissions, in octal."),
             field("modified", &FileContent::modified, "When its content last changed."));
};

struct ListFiles {
  std::string id;
  std::string path{kHome};
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("id", &ListFiles::id, "Where.", required, length(1, 64)),
             field("path", &ListFiles::path, "The folder.", form(is_path, kPathRule)),
             field("limit", &ListFiles::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListFiles::cursor, "next_cursor of the page before."));
};

struct FileList {
  std::vector<FileInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema =
      fields(field("items", &FileList::items, "What is in the folder, by name."),
             field("next_cursor", &FileList::next_cursor, "Where the next page begins; absent on the last."));
};

}  // namespace acloud::sandbox
