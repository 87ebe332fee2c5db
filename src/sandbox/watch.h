// Changes in a folder of a sandbox, as the kernel tells them (inotify).
//
// All of it but fd() blocks: for threads of a BlockingPool.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sandbox/files.h"

namespace acloud::sandbox {

enum class Change { create, write, remove, rename, chmod, overflow };
constexpr auto enum_names(Change) {
  using enum Change;
  return std::array<std::pair<Change, std::string_view>, 6>{{{create, "create"},
                                                             {write, "write"},
                                                             {remove, "remove"},
                                                             {rename, "rename"},
                                                             {chmod, "chmod"},
                                                             {overflow, "overflow"}}};
}

struct FileChange {
  Change change = Change::create;
  std::string path;  // below the folder; "" with overflow: some changes were not told
  bool operator==(const FileChange&) const = default;
};

class Watch {
 public:
  static constexpr std::size_t kFoldersMost = 8192;

  // Errors: those of open_folder; too_large: more than kFoldersMost folders; unavailable: the kernel has no
  // more of these.
  static Result<Watch> open(const Place& place, const std::string& path, bool recursive);
  // Readable when there is something to read.
  int fd() const { return notify_.get(); }
  // What has happened since, in its order; a change that is told twice in a row is told once.
  Result<std::vector<FileChange>> read();
  // The folder itself is gone; there is nothing to come. The kernel does not always say so: ask now and then.
  bool over() const;

 private:
  Watch(Place place, jail::Fd root, jail::Fd notify, bool recursive)
      : place_(place), root_(std::move(root)), notify_(std::move(notify)), recursive_(recursive) {}
  // `changes`: where what is in it already is told, as made.
  Result<> add(const std::string& folder, std::vector<FileChange>* changes);
  Result<> note(int number, std::uint32_t mask, const std::string& name, std::vector<FileChange>& changes);
  void forget(const std::string& folder);

  Place place_;
  jail::Fd root_, notify_;
  bool recursive_ = false, over_ = false;
  std::map<int, std::string> folders_;  // by the kernel's number; paths below the root
};

}  // namespace acloud::sandbox
