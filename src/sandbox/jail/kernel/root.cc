#include "sandbox/jail/kernel/root.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "sandbox/jail/kernel/mounts.h"
#include "sandbox/jail/kernel/skeleton.h"
#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::jail {
namespace {

constexpr std::uint64_t kClosed = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr std::uint64_t kResolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr std::size_t kMaxLayers = 64;
constexpr const char* kSharedMemory = "67108864";  // bytes of /dev/shm, as containers commonly have it

// What is readable to all in /proc and tells of the host or of other jails. What only the host's root may
// read (kcore, timer_list, sysrq-trigger) needs no mask: nobody inside is he. All of /proc is read-only.
constexpr std::array kMasked{"acpi",     "asound",      "bus",  "cmdline",   "config.gz", "driver",
                             "fs",       "interrupts",  "irq",  "keys",      "key-users", "modules",
                             "pressure", "sched_debug", "scsi", "timer_list"};

// Leaving user 0 takes the rights over files away that were in effect, though not for good.
void raise_permitted() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return;
  for (auto& half : data) half.effective = half.permitted;
  ::syscall(SYS_capset, &header, data.data());
}

// A place in the new root, made where it is missing, as a folder or as an empty file.
Result<Fd> find_target(int root, const std::string& path, bool folder) {
  std::string at;
  for (const auto& part : std::filesystem::path(path).relative_path()) {
    if (part.empty() || part == ".") continue;
    at += (at.empty() ? "" : "/") + part.string();
    Fd found(openat2(root, at.c_str(), O_PATH, kResolve));
    if (found || errno != ENOENT) continue;
    const std::string parent = std::filesystem::path(at).parent_path();
    const Fd above(openat2(root, parent.empty() ? "." : parent.c_str(), O_PATH | O_DIRECTORY, kResolve));
    const bool last = std::filesystem::path(path).filename() == part;
    const int made = above ? (folder || !last ? ::mkdirat(above.get(), part.c_str(), 0755)
                                              : ::mknodat(above.get(), part.c_str(), S_IFREG | 0644, 0))
                           : -1;
    if (made != 0 && errno != EEXIST)
      return fail_errno(errno, fmt::format("cannot make {} in the jail", path));
  }
  Fd target(openat2(root, at.empty() ? "." : at.c_str(), O_PATH, kResolve));
  if (!target) return fail_errno(errno, fmt::format("cannot open {} in the jail", path));
  struct stat status{};
  if (::fstat(target.get(), &status) != 0 || S_ISDIR(status.st_mode) != folder) {
    return fail(ErrorCode::invalid_argument, "{} is {} in the image, the other on the host", path,
                folder ? "a file" : "a folder");
  }
  return target;
}

// Attaches a read-only, harmless view of `path` to `place` in the workshop.
Result<> add_layer(const Workshop& workshop, const RootParts& parts, const std::string& path,
                   const std::string& place) {
  ACLOUD_TRY(const Fd layer, clone_mount(AT_FDCWD, path, false));
  ACLOUD_CHECK(set_attributes(layer.get(), kClosed | MOUNT_ATTR_RDONLY, false));
  if (workshop.privileged) ACLOUD_CHECK(map_ids(layer.get(), parts.user_namespace));
  return attach_mount(layer.get(), AT_FDCWD, place);
}

// The overlay, attached to `root` in the workshop, which is the current folder: overlayfs takes at most 256
// bytes of lower layers, so they have the shortest names there are.
Result<Fd> mount_overlay(const Workshop& workshop, const Spec& spec, const RootParts& parts) {
  std::string lower;
  for (std::size_t i = 0; i < spec.image.layers.size(); ++i) {
    ACLOUD_CHECK(add_layer(workshop, parts, spec.image.layers[i], fmt::to_string(i)));
    lower += fmt::format("{}:", i);
  }
  const std::string lowest = fmt::to_string(spec.image.layers.size());
  ACLOUD_CHECK(add_layer(workshop, parts, workshop.skeleton, lowest));
  if (workshop.privileged) ACLOUD_CHECK(map_ids(parts.disk, parts.user_namespace));
  ACLOUD_CHECK(attach_mount(parts.disk, AT_FDCWD, "upper"));
  // volatile: the disk doesn't outlive the machine, so a program's fsync need not reach it.
  // Whoever mounts an overlay is who writes into its upper layer, for everyone: he must exist there.
  const ActAs owner(parts.users.first, parts.users.first);
  const Option names = workshop.privileged ? Option{"xino", "off"} : Option{"userxattr", ""};
  ACLOUD_TRY(const Fd overlay, make_mount("overlay",
                                          {{"lowerdir", lower + lowest},
                                           {"upperdir", "upper/upper"},
                                           {"workdir", "upper/work"},
                                           {"volatile", ""},
                                           // What was written is whole by itself, so that it can be kept as
                                           // a layer.
                                           {"metacopy", "off"},
                                           {"redirect_dir", "nofollow"},
                                           names},
                                          kClosed));
  ACLOUD_CHECK(attach_mount(overlay.get(), AT_FDCWD, "root"));
  return open_file(AT_FDCWD, "root", O_PATH | O_DIRECTORY);
}

Result<> mount_usr(const Workshop& workshop, const RootParts& parts, int root) {
  // With all that the host has mounted below it, else files would be missing that programs expect.
  ACLOUD_TRY(const Fd usr, clone_mount(AT_FDCWD, "/usr", true));
  ACLOUD_CHECK(set_attributes(usr.get(), kClosed | MOUNT_ATTR_RDONLY, true));
  if (workshop.privileged) ACLOUD_CHECK(map_ids(usr.get(), parts.user_namespace));
  ACLOUD_TRY(const Fd target, find_target(root, "/usr", true));
  return attach_mount(usr.get(), target.get());
}

Result<> mount_devices(const Workshop& workshop, const RootParts& parts, int root) {
  ACLOUD_TRY(const Fd devices, clone_mount(AT_FDCWD, workshop.devices, true));
  ACLOUD_CHECK(
      set_attributes(devices.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, false));
  ACLOUD_TRY(const Fd target, find_target(root, "/dev", true));
  ACLOUD_CHECK(attach_mount(devices.get(), target.get()));
  ACLOUD_TRY(const Fd pts, make_mount("devpts",
                                      {{"ptmxmode", "0666"},
                                       {"mode", "0620"},
                                       {"newinstance", ""},
                                       {"uid", fmt::to_string(parts.users.first)},
                                       {"gid", fmt::to_string(parts.users.first)}},
                                      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  ACLOUD_TRY(const Fd shm,
             make_mount("tmpfs", {{"size", kSharedMemory}, {"nr_inodes", "4096"}, {"mode", "1777"}},
                        kClosed | MOUNT_ATTR_NOEXEC));
  ACLOUD_TRY(const Fd pts_target, find_target(root, "/dev/pts", true));
  ACLOUD_CHECK(attach_mount(pts.get(), pts_target.get()));
  ACLOUD_TRY(const Fd shm_target, find_target(root, "/dev/shm", true));
  return attach_mount(shm.get(), shm_target.get());
}

// Over a folder goes the empty /sys, over a file /dev/null.
Result<> mask_proc(int root, int proc) {
  for (const char* name : kMasked) {
    const Fd target(::openat(proc, name, O_PATH | O_CLOEXEC | O_NOFOLLOW));
    if (!target) continue;
    struct stat status{};
    if (::fstat(target.get(), &status) != 0 || S_ISLNK(status.st_mode)) continue;
    const bool folder = S_ISDIR(status.st_mode);
    ACLOUD_TRY(const Fd cover, clone_mount(root, folder ? "sys" : "dev/null", false));
    ACLOUD_CHECK(
        set_attributes(cover.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, false));
    ACLOUD_CHECK(attach_mount(cover.get(), target.get()));
  }
  return {};
}

Result<Fd> mount_proc(int root) {
  ACLOUD_TRY(const Fd mount, make_mount("proc", {}, kClosed | MOUNT_ATTR_NOEXEC));
  ACLOUD_TRY(const Fd target, find_target(root, "/proc", true));
  ACLOUD_CHECK(attach_mount(mount.get(), target.get()));
  // Of one instance, since each is one more file system that all memory cgroups of the machine count for. A
  // mount that is attached nowhere goes with its own descriptor, which would make init's end longer: so it
  // goes here, and lives on in this one alone.
  ACLOUD_TRY(const Fd copy, clone_mount(root, "proc", false));
  ACLOUD_TRY(Fd writable, open_file(copy.get(), ".", O_PATH | O_DIRECTORY));
  ACLOUD_CHECK(set_attributes(mount.get(), MOUNT_ATTR_RDONLY, false));
  ACLOUD_TRY(const Fd proc, open_file(root, "proc", O_PATH | O_DIRECTORY));
  ACLOUD_CHECK(mask_proc(root, proc.get()));
  return writable;
}

Result<> mount_bind(const Bind& bind, int root) {
  struct stat status{};
  if (::stat(bind.source.c_str(), &status) != 0)
    return fail_errno(errno, fmt::format("cannot bind {}", bind.source));
  ACLOUD_TRY(const Fd source, clone_mount(AT_FDCWD, bind.source, true));
  ACLOUD_CHECK(set_attributes(source.get(), kClosed | (bind.read_only ? MOUNT_ATTR_RDONLY : 0u), true));
  ACLOUD_TRY(const Fd target, find_target(root, bind.target, S_ISDIR(status.st_mode)));
  return attach_mount(source.get(), target.get());
}

Result<> write_names(const Spec& spec, int root) {
  if (spec.hostname == "sandbox") return {};  // as the skeleton has it
  const std::array<std::pair<const char*, std::string>, 2> files{
      {{"etc/hostname", spec.hostname + "\n"},
       {"etc/hosts", fmt::format("127.0.0.1 localhost {}\n::1 localhost ip6-localhost\n", spec.hostname)}}};
  for (const auto& [path, text] : files) {
    const Fd file(
        openat2(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOFOLLOW, kResolve, 0644));
    if (!file || ::write(file.get(), text.data(), text.size()) < 0)
      return fail_errno(errno, fmt::format("cannot write {}", path));
  }
  return {};
}

}  // namespace

ActAs::ActAs(std::uint32_t user, std::uint32_t group) : user_(::setfsuid(user)), group_(0) {
  // The group first needs the rights of the user before: so the other way round.
  ::setfsuid(static_cast<uid_t>(user_));
  group_ = ::setfsgid(group);
  ::setfsuid(user);
  raise_permitted();
}
ActAs::~ActAs() {
  ::setfsuid(static_cast<uid_t>(user_));
  ::setfsgid(static_cast<gid_t>(group_));
}

Result<Workshop> make_workshop(const std::string& folder, bool privileged) {
  Workshop workshop{folder + "/workshop", folder + "/skeleton", folder + "/workshop/dev", privileged};
  std::error_code error;
  std::vector<std::string> names{"upper", "root", "dev"};
  for (std::size_t i = 0; i <= kMaxLayers; ++i) names.push_back(fmt::to_string(i));
  for (const std::string& name : names)
    std::filesystem::create_directories(workshop.folder + "/" + name, error);
  if (error) return fail(ErrorCode::internal, "cannot make {}: {}", workshop.folder, error.message());
  // Jails that an earlier spawner made stand on its skeleton.
  const bool in_use = !std::filesystem::is_empty(folder + "/jails", error);
  if (!in_use || !std::filesystem::exists(workshop.skeleton, error)) {
    const std::string draft = workshop.skeleton + ".new";
    ACLOUD_CHECK(make_skeleton(draft, privileged));
    std::filesystem::remove_all(workshop.skeleton, error);
    std::filesystem::rename(draft, workshop.skeleton, error);
    if (error) return fail(ErrorCode::internal, "cannot make {}: {}", workshop.skeleton, error.message());
  }
  ACLOUD_CHECK(make_devices(workshop.devices, privileged));
  return workshop;
}

std::span<const char* const> masked_in_proc() { return kMasked; }

namespace {

// The overlay, with all places in it that something is mounted on, and the host's /usr.
Result<Built> build_base(const Workshop& workshop, const Spec& spec, const RootParts& parts) {
  if (::chdir(workshop.folder.c_str()) != 0) return fail_errno(errno, "cannot enter the workshop");
  Built built;
  ACLOUD_TRY(built.root, mount_overlay(workshop, spec, parts));
  ACLOUD_TRY(built.written, open_file(parts.disk, "upper", O_PATH | O_DIRECTORY));
  const int root = built.root.get();
  {
    // What is missing in the root is made by, and belongs to, root inside: the overlay can't store others.
    const ActAs owner(parts.users.first, parts.users.first);
    for (const Bind& bind : spec.binds) {
      struct stat status{};
      if (::stat(bind.source.c_str(), &status) != 0) continue;
      ACLOUD_TRY(const Fd target, find_target(root, bind.target, S_ISDIR(status.st_mode)));
    }
    for (const char* path : {"/usr", "/dev", "/proc", "/sys"}) {
      ACLOUD_TRY(const Fd target, find_target(root, path, true));
    }
    ACLOUD_CHECK(write_names(spec, root));
  }
  if (spec.image.host_usr) ACLOUD_CHECK(mount_usr(workshop, parts, root));
  return built;
}

}  // namespace

Result<Built> build_root(const Workshop& workshop, const Spec& spec, const RootParts& parts) {
  ACLOUD_TRY(Built built, build_base(workshop, spec, parts));
  for (const Bind& bind : spec.binds) ACLOUD_CHECK(mount_bind(bind, built.root.get()));
  return built;
}

Result<Entered> enter_root(const Workshop& workshop, const Spec& spec, const RootParts& parts) {
  ACLOUD_TRY(Built built, build_base(workshop, spec, parts));
  const Fd root = std::move(built.root);
  Entered entered;
  entered.written = std::move(built.written);
  ACLOUD_CHECK(mount_devices(workshop, parts, root.get()));
  ACLOUD_TRY(entered.proc, mount_proc(root.get()));
  for (const Bind& bind : spec.binds) ACLOUD_CHECK(mount_bind(bind, root.get()));

  // The old root is put on top of the new one, and taken off again with everything below it.
  if (::fchdir(root.get()) != 0) return fail_errno(errno, "cannot enter the root");
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return fail_errno(errno, "cannot change the root");
  if (::umount2(".", MNT_DETACH) != 0) return fail_errno(errno, "cannot let go of the host's root");
  if (::chdir("/") != 0) return fail_errno(errno, "cannot enter the new root");
  return entered;
}

}  // namespace acloud::sandbox::jail
