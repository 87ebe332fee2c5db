// The files of a sandbox, from outside, with the eyes and the rights of its root user.
//
// Paths are resolved by the kernel below the sandbox's root (openat2, RESOLVE_IN_ROOT): no link and no ".."
// leads out, also while somebody inside moves folders about. The calling thread acts as the sandbox's root on
// file systems meanwhile, who is nobody on the host, so that permissions and limits are the sandbox's own.
//
// All of it blocks: for threads of a BlockingPool.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/file_types.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox {

// Whose root, and whom to act as there.
struct Place {
  std::shared_ptr<const jail::Fd> root;
  std::uint32_t user = 0;
  std::uint32_t group = 0;
};

inline constexpr std::size_t kFolderMost = 100'000;

struct OpenFile {
  jail::Fd fd;
  std::uint64_t size = 0;  // 0 also where the kernel makes the content up, as in /proc
  std::string mode;
  Time modified{};
};

// "/root/x" for "x"; others as they are.
std::string absolute_path(std::string path, std::string_view home = kHome);

// Errors of all: not_found; permission_denied (for the sandbox's root user); invalid_argument (no file, no
// folder, too many links); too_large (its disk is full, or the folder has more than kFolderMost entries);
// unavailable.

// A regular file, to be read. Never waits on what is no file.
Result<OpenFile> open_to_read(const Place& place, const std::string& path);
// A regular file, emptied or new, to be written; folders on the way are made. `mode`: octal, or nothing.
Result<jail::Fd> open_to_write(const Place& place, const std::string& path,
                               const std::optional<std::string>& mode);
// Writes all of it, at the file's position.
Result<> write_all(const Place& place, int file, std::string_view bytes);
// The next bytes, up to `most`; "" at the end.
Result<std::string> read_some(int file, std::size_t most);
// What an open file is now; `path` is absolute.
Result<FileInfo> describe_file(int file, const std::string& path);
// What is in a folder, by name in byte order; owners are the host's numbers.
Result<std::vector<FileInfo>> list_folder(const Place& place, const std::string& path);

// A file, folder or link itself: a link is not followed.
Result<FileInfo> stat_path(const Place& place, const std::string& path);
// In one step; a file that has the new name is replaced. Errors: precondition_failed: the kernel can't in one
// step (another disk, or a folder of the image).
Result<> move_path(const Place& place, const std::string& from, const std::string& to);
// With all that is in it.
Result<> remove_path(const Place& place, const std::string& path);
// And those on the way. Errors: conflict: it is there.
Result<> make_folder(const Place& place, const std::string& path, const std::optional<std::string>& mode);
// To be listed.
Result<jail::Fd> open_folder(const Place& place, const std::string& path);
// Runs `work` with the rights of the sandbox's user on file systems.
Result<> as_user(const Place& place, const std::function<Result<>()>& work);

}  // namespace acloud::sandbox
