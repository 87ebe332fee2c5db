// The requests and replies of product `sandbox` about what a file is, where, and about whole trees of files.
#pragma once

#include "sandbox/file_types.h"

namespace acloud::sandbox {

struct FileName {
  std::string id;
  std::string path;
  static constexpr auto schema =
      fields(field("id", &FileName::id, "Where.", required, length(1, 64)),
             field("path", &FileName::path, "Which.", required, form(is_path, kPathRule)));
};

struct MoveFile {
  std::string id;
  std::string from;
  std::string to;
  static constexpr auto schema =
      fields(field("id", &MoveFile::id, "Where.", required, length(1, 64)),
             field("from", &MoveFile::from, "What is moved: a file, a folder, a link.", required,
                   form(is_path, kPathRule)),
             field("to", &MoveFile::to, "Its new name, not the folder to put it into.", required,
                   form(is_path, kPathRule)));
};

struct MakeFolder {
  std::string id;
  std::string path;
  std::optional<std::string> mode;
  static constexpr auto schema = fields(
      field("id", &MakeFolder::id, "Where.", required, length(1, 64)),
      field("path", &MakeFolder::path, "The folder. Those that are missing on the way are made.", required,
            form(is_path, kPathRule)),
      field("mode", &MakeFolder::mode, "Its permissions, in octal; absent: 755.", form(is_mode, kModeRule)));
};

struct UploadFiles {
  std::string id;
  std::string path{kHome};
  std::optional<std::string> tar;
  static constexpr auto schema =
      fields(field("id", &UploadFiles::id, "Where.", required, length(1, 64)),
             field("path", &UploadFiles::path, "The folder to unpack into; made where it is missing.",
                   form(is_path, kPathRule)),
             field("tar", &UploadFiles::tar,
                   "In base64; plain or by gzip, bzip2, xz or zstd. Or send it as the raw request body."));
};

struct UploadedFiles {
  std::string path;
  std::int64_t entries = 0;
  std::int64_t bytes = 0;
  static constexpr auto schema =
      fields(field("path", &UploadedFiles::path, "Where they are."),
             field("entries", &UploadedFiles::entries, "Files, folders and links that were written."),
             field("bytes", &UploadedFiles::bytes, "Of files."));
};

struct DownloadFiles {
  std::string id;
  std::string path{kHome};
  static constexpr auto schema = fields(
      field("id", &DownloadFiles::id, "Where.", required, length(1, 64)),
      field("path", &DownloadFiles::path, "The folder whose content is packed.", form(is_path, kPathRule)));
};

struct DownloadedFiles {
  std::optional<std::string> tar;
  std::int64_t size = 0;
  static constexpr auto schema =
      fields(field("tar", &DownloadedFiles::tar, "In base64; names are relative to the folder."),
             field("size", &DownloadedFiles::size, "Bytes of the tar."));
};

struct WatchFiles {
  std::string id;
  std::string path{kHome};
  bool recursive = false;
  static constexpr auto schema =
      fields(field("id", &WatchFiles::id, "Where.", required, length(1, 64)),
             field("path", &WatchFiles::path, "The folder.", form(is_path, kPathRule)),
             field("recursive", &WatchFiles::recursive, "With all folders in it, also later ones."));
};

struct WatchEnded {
  std::string reason;
  static constexpr auto schema =
      fields(field("reason", &WatchEnded::reason, "The folder was removed or moved."));
};

}  // namespace acloud::sandbox
