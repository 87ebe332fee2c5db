// Requests and replies about the model files of this server.
#pragma once

#include <string>
#include <vector>

#include "kernel/page.h"

namespace acloud::model {

struct PullModel {
  std::string source;
  std::string name;
  std::optional<std::string> sha256;
  static constexpr auto schema = fields(
      field("source", &PullModel::source,
            "Where the GGUF file is: an address (https://...), or a path of the server's machine.", required,
            length(1, 4000)),
      field("name", &PullModel::name, "What it is called here; the last part of its source if not given.",
            length(0, 200)),
      field("sha256", &PullModel::sha256,
            "The file's SHA-256. A file that has another is refused; one that was cut off is gone on with.",
            length(64, 64)));
};

struct PulledModel {
  std::string name;
  ByteCount bytes;
  std::string sha256;
  bool was_there = false;
  static constexpr auto schema = fields(
      field("name", &PulledModel::name, "For `file` of a [[model]] in the configuration."),
      field("bytes", &PulledModel::bytes, "Its size."), field("sha256", &PulledModel::sha256, "Its SHA-256."),
      field("was_there", &PulledModel::was_there, "It was there already: nothing was fetched."));
};

struct ListModelFiles {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListModelFiles::limit, "How many at most.",
                   between(std::int64_t{1}, kernel::kPageMost)),
             field("cursor", &ListModelFiles::cursor, "next_cursor of the page before.", length(0, 1000)));
};

struct ModelFileInfo {
  std::string name;
  ByteCount bytes;
  Time modified{};
  static constexpr auto schema =
      fields(field("name", &ModelFileInfo::name, "For `file` of a [[model]] in the configuration."),
             field("bytes", &ModelFileInfo::bytes, "Its size."),
             field("modified", &ModelFileInfo::modified, "When it was pulled."));
};

struct ModelFileList {
  std::vector<ModelFileInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema =
      fields(field("items", &ModelFileList::items, "The files, by name."),
             field("next_cursor", &ModelFileList::next_cursor, "For the next page."));
};

struct DeleteModelFile {
  std::string name;
  static constexpr auto schema =
      fields(field("name", &DeleteModelFile::name, "One of model.list_files.", required, length(1, 200)));
};

struct DeletedModelFile {
  std::string name;
  static constexpr auto schema = fields(field("name", &DeletedModelFile::name, "What was deleted."));
};

}  // namespace acloud::model
