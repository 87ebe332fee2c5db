// The data folder: one server's own, and nobody else's.
#pragma once

#include <string>

#include "base/error.h"
#include "base/random.h"

namespace acloud {

class DataFolder {
 public:
  // Makes the folder (mode 0700) and locks it. Errors: conflict, naming the process that holds it;
  // permission_denied and the like.
  static Result<DataFolder> open(std::string path);
  DataFolder(DataFolder&& other) noexcept;
  DataFolder& operator=(DataFolder&&) = delete;
  ~DataFolder();

  const std::string& path() const { return path_; }

 private:
  DataFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string path_;
  int lock_;
};

// The name of a data folder, which it keeps for good: made when it is asked for first. Errors: the disk's.
Result<std::string> place_of(const DataFolder& folder, Random& random);
// What seals keys that operators give in calls, where the configuration names nothing for that: made when it
// is asked for first, mode 0600. Errors: the disk's.
Result<std::string> seal_key_of(const DataFolder& folder, Random& random);

}  // namespace acloud
