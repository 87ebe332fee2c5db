// Files on the store. Their content is a blob in the data folder of the server that took them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "batch/file_types.h"
#include "store/database.h"

namespace acloud::batch {

struct StoredFile {
  File shown;
  std::string workspace;
  std::string place;  // the data folder that has the blob
  std::string blob;   // its digest
};

namespace rows {

// Ids sort by the time at which they were made: `prefix`_ and 25 hex digits.
std::string new_id(std::string_view prefix, Time now, std::string_view random_hex);

// Errors of find_file() and remove_file(): not_found.
Result<StoredFile> find_file(store::Reader& reader, const std::string& workspace, const std::string& id);
// From `after` on, "" for the first page.
Result<std::vector<File>> list_files(store::Reader& reader, const std::string& workspace,
                                     const ListFiles& request, const std::string& after);
Result<std::int64_t> count_files(store::Reader& reader, const std::string& workspace);
Result<> add_file(store::Transaction& tx, const StoredFile& file);
// Removes some that have expired, but for those that an open batch reads. How many went.
Result<std::int64_t> remove_expired_files(store::Transaction& tx, Time now, std::int64_t limit);
Result<> remove_file(store::Transaction& tx, const std::string& workspace, const std::string& id);
Result<bool> is_named(store::Reader& reader, const std::string& blob);

}  // namespace rows
}  // namespace acloud::batch
