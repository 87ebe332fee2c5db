#include "sandbox/jail/kernel/disk.h"

#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "sandbox/jail/kernel/mounts.h"
#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::jail {
namespace {

constexpr std::uint64_t kLeastBytes = 8 << 20;  // ext4 below this is all bookkeeping
constexpr std::uint64_t kLeastInodes = 64;
constexpr std::uint64_t kBytesPerInode = 4096;  // with less mke2fs finds no room for its tables
constexpr std::size_t kMaxTemplates = 64;
constexpr int kLoopTries = 64;
constexpr std::size_t kImagesEach = 64;
constexpr const char* kImages = "/images";

// Formats the sparse file at `path`; `seed` is a folder whose content becomes the root folder's.
Result<> format(const std::string& path, const std::string& seed, std::uint64_t inodes) {
  const std::string count = fmt::to_string(inodes);
  // No journal, since the disk doesn't outlive its machine; no backups and no zeroed tables, since the file
  // is sparse and reads as zero. Groups of one, since ext4 reads the maps of a whole group of them when it
  // looks for a free block.
  std::vector<const char*> argv{"mke2fs",
                                "-q",
                                "-F",
                                "-t",
                                "ext4",
                                "-b",
                                "4096",
                                "-m",
                                "0",
                                "-N",
                                count.c_str(),
                                "-G",
                                "1",
                                "-O",
                                "^has_journal,^resize_inode,^metadata_csum,sparse_super2,uninit_bg",
                                "-E",
                                "num_backup_sb=0,assume_storage_prezeroed=1,nodiscard,root_owner=0:0",
                                "-d",
                                seed.c_str(),
                                path.c_str(),
                                nullptr};
  std::array<const char*, 2> env{"PATH=/usr/sbin:/sbin:/usr/bin:/bin", nullptr};
  pid_t pid = -1;
  for (const char* program : {"/usr/sbin/mke2fs", "/sbin/mke2fs"}) {
    const int error = ::posix_spawn(&pid, program, nullptr, nullptr, const_cast<char**>(argv.data()),
                                    const_cast<char**>(env.data()));
    if (error == ENOENT) continue;
    if (error != 0) return fail_errno(error, "cannot start mke2fs");
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (status == 0) return {};
    return fail(ErrorCode::unavailable, "mke2fs failed for a disk with {} inodes: is {} full?", inodes, path);
  }
  return fail(ErrorCode::precondition_failed, "there is no mke2fs: install e2fsprogs");
}

// A disk that fills up takes a part of what it is given, and says why only when it is given the rest.
Result<> fill(int image, std::uint64_t offset, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = ::pwrite(image, content.data(), content.size(), static_cast<off_t>(offset));
    if (count < 0) return fail_errno(errno, "cannot fill a disk image");
    content.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<> prepare_folders(int root) {
  for (const char* name : {"upper", "work"}) {
    if (::mkdirat(root, name, 0755) != 0 && errno != EEXIST)
      return fail_errno(errno, "cannot prepare a disk");
  }
  return {};
}

// ext4 puts folders below one that is marked so into different parts of the disk. To others the mark means
// nothing.
void scatter_folders_of(const std::string& folder) {
  int flags = 0;
  const Fd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::ioctl(opened.get(), FS_IOC_GETFLAGS, &flags) != 0) return;
  flags |= FS_TOPDIR_FL;
  (void)::ioctl(opened.get(), FS_IOC_SETFLAGS, &flags);
}

// A loop device on `image` that goes with its last user.
Result<Fd> attach_loop(int image, std::string& path) {
  ACLOUD_TRY(const Fd control, open_file(AT_FDCWD, "/dev/loop-control", O_RDWR));
  for (int i = 0; i < kLoopTries; ++i) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return fail_errno(errno, "cannot get a loop device");
    path = fmt::format("/dev/loop{}", number);
    ACLOUD_TRY(Fd device, open_file(AT_FDCWD, path, O_RDWR));
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(image);
    config.block_size = 4096;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return device;
    // Somebody else took it between the two calls.
    if (errno != EBUSY) return fail_errno(errno, "cannot set up a loop device");
  }
  return fail(ErrorCode::unavailable, "others take every free loop device");
}

}  // namespace

Result<const Disks::Template*> Disks::find_template(std::uint64_t bytes, std::uint64_t inodes) {
  const auto key = std::pair{bytes, inodes};
  if (const auto found = templates_.find(key); found != templates_.end()) return &found->second;
  const std::string seed = folder_ + "/template";
  ::mkdir(seed.c_str(), 0700);
  ACLOUD_TRY(const Fd seed_folder, open_file(AT_FDCWD, seed, O_RDONLY | O_DIRECTORY));
  ACLOUD_CHECK(prepare_folders(seed_folder.get()));
  // Without a name: others do this beside us, and whoever is killed leaves nothing.
  ACLOUD_TRY(const Fd image, open_file(AT_FDCWD, folder_, O_RDWR | O_TMPFILE, 0600));
  if (::ftruncate(image.get(), static_cast<off_t>(bytes)) != 0)
    return fail_errno(errno, "cannot make a disk image");
  ACLOUD_CHECK(format(fmt::format("/proc/{}/fd/{}", ::getpid(), image.get()), seed, inodes));

  Template made{bytes, {}};
  off_t at = 0;
  while ((at = ::lseek(image.get(), at, SEEK_DATA)) >= 0) {
    const off_t end = ::lseek(image.get(), at, SEEK_HOLE);
    std::string content(static_cast<std::size_t>(end - at), '\0');
    if (::pread(image.get(), content.data(), content.size(), at) != end - at)
      return fail_errno(errno, "cannot read a disk image");
    made.extents.emplace_back(static_cast<std::uint64_t>(at), std::move(content));
    at = end;
  }
  if (templates_.size() >= kMaxTemplates) templates_.erase(templates_.begin());
  return &(templates_[key] = std::move(made));
}

void Disks::clear(const std::string& folder) {
  std::error_code error;  // what stays does no harm
  std::filesystem::remove_all(folder + kImages, error);
}

// Without a journal ext4 gives the number of a file that was removed to nobody for a minute, and who makes
// one looks at all of those first that his folder's part of the disk has: a millisecond where sandboxes come
// and go. So images move on to another part.
Result<> Disks::find_place() {
  const bool ours = placed_by_ == ::getpid();
  if (ours && placed_++ < kImagesEach) return {};
  const std::string above = folder_ + kImages;
  if (::mkdir(above.c_str(), 0700) == 0) scatter_folders_of(above);
  const std::string next = fmt::format("{}/{}-{}", above, ::getpid(), ++places_);
  if (::mkdir(next.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(errno, "cannot make disk images");
  if (ours) ::rmdir(place_.c_str());
  place_ = next;
  placed_by_ = ::getpid();
  placed_ = 1;
  return {};
}

Result<Fd> Disks::make(std::uint64_t bytes, std::uint64_t inodes) {
  bytes = std::max(bytes / 4096 * 4096, kLeastBytes);
  inodes = std::clamp(inodes, kLeastInodes, bytes / kBytesPerInode);
  if (kind_ == Kind::tmpfs) {
    ACLOUD_TRY(
        Fd mount,
        make_mount("tmpfs",
                   {{"size", fmt::to_string(bytes)}, {"nr_inodes", fmt::to_string(inodes)}, {"mode", "0755"}},
                   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
    ACLOUD_CHECK(prepare_folders(mount.get()));
    return mount;
  }
  ACLOUD_TRY(const Template* source, find_template(bytes, inodes));
  ACLOUD_CHECK(find_place());
  ACLOUD_TRY(const Fd image, open_file(AT_FDCWD, place_, O_RDWR | O_TMPFILE, 0600));
  if (::ftruncate(image.get(), static_cast<off_t>(source->size)) != 0)
    return fail_errno(errno, "cannot make a disk image");
  std::string path;
  ACLOUD_TRY(const Fd device, attach_loop(image.get(), path));
  // Only now: the device has whatever its file holds when it is set up written to the disk first.
  for (const auto& [offset, content] : source->extents) ACLOUD_CHECK(fill(image.get(), offset, content));
  // What others on this machine, who look at every new device, may have read of it before.
  if (::ioctl(device.get(), BLKFLSBUF) != 0) return fail_errno(errno, "cannot refresh a disk image");
  // nobarrier: what is on it doesn't outlive the machine, so nobody waits for the host's disk. Maps of blocks
  // are read when they are needed: most sandboxes write little, and all of them are 4 KiB for each 128 MiB.
  return make_mount("ext4",
                    {{"source", path},
                     {"noinit_itable", ""},
                     {"discard", ""},
                     {"nobarrier", ""},
                     {"no_prefetch_block_bitmaps", ""}},
                    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
}

Disks find_disks(const std::string& folder, bool privileged, std::string& why_not) {
  if (!privileged) {
    why_not = "loop devices need root";
    return Disks(folder, Disks::Kind::tmpfs);
  }
  Disks disks(folder, Disks::Kind::ext4);
  if (const auto trial = disks.make(kLeastBytes, kLeastInodes); !trial) {
    why_not = trial.error().message();
    return Disks(folder, Disks::Kind::tmpfs);
  }
  return disks;
}

}  // namespace acloud::sandbox::jail
