// The writable disk of a jail: a file system of its own, so that neither bytes nor inodes can be taken from
// anyone else.
//
// With root, it is a sparse ext4 image on a loop device. The image has no name from the start and the device
// detaches with its last user, so the kernel frees both when the jail's mounts go, whoever died before. A
// new image is a template's few data blocks (60 KiB) copied into an empty file. Quotas on the host's own
// file system would be lighter, but need ext4 with the project feature, or xfs, and a kernel with either.
// Without root, or where a loop device can't be had, it is a tmpfs of that size: what is written counts as
// the jail's memory then.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::jail {

class Disks {
 public:
  enum class Kind { ext4, tmpfs };
  // Images are kept on the file system of `folder`, an absolute path.
  Disks(std::string folder, Kind kind) : folder_(std::move(folder)), kind_(kind) {}
  Kind kind() const { return kind_; }

  // Of what was made in `folder`, all that has a name. REQUIRES: nobody makes any.
  static void clear(const std::string& folder);

  // A mount that is attached nowhere, with the empty folders `upper` and `work`.
  // Errors: unavailable (no space, no loop device); internal.
  Result<Fd> make(std::uint64_t bytes, std::uint64_t inodes);

 private:
  struct Template {
    std::uint64_t size = 0;
    std::vector<std::pair<std::uint64_t, std::string>> extents;  // offset and content
  };
  Result<const Template*> find_template(std::uint64_t bytes, std::uint64_t inodes);
  Result<> find_place();

  std::string folder_;
  Kind kind_;
  std::string place_;       // where images are made
  pid_t placed_by_ = -1;    // a fork needs its own
  std::size_t placed_ = 0;  // images in it
  std::size_t places_ = 0;  // that there have been
  std::map<std::pair<std::uint64_t, std::uint64_t>, Template> templates_;
};

// One that works here: ext4 if a trial succeeds, else tmpfs, with the reason in `why_not`.
Disks find_disks(const std::string& folder, bool privileged, std::string& why_not);

}  // namespace acloud::sandbox::jail
