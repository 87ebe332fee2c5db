#include "sandbox/jail/kernel/skeleton.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "sandbox/jail/kernel/mounts.h"
#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::jail {
namespace {

namespace fs = std::filesystem;

struct Folder {
  const char* path;
  mode_t mode = 0755;
  unsigned owner = 0;
};
constexpr std::array kFolders{Folder{"dev"},
                              Folder{"etc"},
                              Folder{"etc/ssl"},
                              Folder{"etc/profile.d"},
                              Folder{"home"},
                              Folder{"home/user", 0755, 1000},
                              Folder{"media"},
                              Folder{"mnt"},
                              Folder{"opt"},
                              Folder{"proc", 0555},
                              Folder{"root", 0700},
                              Folder{"run"},
                              Folder{"run/lock", 01777},
                              Folder{"srv"},
                              Folder{"sys", 0555},
                              Folder{"tmp", 01777},
                              Folder{"usr"},
                              Folder{"var"},
                              Folder{"var/cache"},
                              Folder{"var/lib"},
                              Folder{"var/log"},
                              Folder{"var/tmp", 01777}};

struct Link {
  const char* path;
  const char* target;
};
constexpr std::array kLinks{Link{"var/run", "../run"}, Link{"var/lock", "../run/lock"},
                            Link{"etc/mtab", "../proc/self/mounts"},
                            Link{"etc/os-release", "../usr/lib/os-release"}};

struct Text {
  const char* path;
  const char* content;
};
constexpr std::array kTexts{
    Text{"etc/passwd",
         "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
         "bin:x:2:2:bin:/bin:/usr/sbin/nologin\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
         "user:x:1000:1000:user:/home/user:/bin/bash\n"
         "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    Text{"etc/group",
         "root:x:0:\ndaemon:x:1:\nbin:x:2:\nadm:x:4:\ntty:x:5:\nwww-data:x:33:\nstaff:x:50:\nusers:x:100:\n"
         "user:x:1000:\nnogroup:x:65534:\n"},
    Text{"etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost ip6-localhost\n"},
    Text{"etc/hostname", "sandbox\n"},
    // There is no resolver inside: names are resolved by the egress proxy. A query fails at once.
    Text{"etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"},
    Text{"etc/nsswitch.conf",
         "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"},
    Text{"etc/shells", "/bin/sh\n/bin/bash\n"},
    Text{"etc/profile",
         "if [ -z \"$PATH\" ]; then PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; "
         "fi\nexport PATH\n"
         "for script in /etc/profile.d/*.sh; do [ -r \"$script\" ] && . \"$script\"; done\nunset script\n"},
    Text{"home/user/.bashrc", "PS1='\\u@\\h:\\w\\$ '\n"}};

// Of the host's /etc: what belongs to the programs and libraries in /usr, and says nothing about the host.
constexpr std::array kCopied{
    "alternatives", "fonts",          "java",       "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
    "localtime",    "mime.types",     "magic",      "mke2fs.conf", "perl",       "php",
    "protocols",    "python3",        "python3.11", "services",    "ssl/certs",  "ssl/openssl.cnf",
    "terminfo",     "debian_version", "inputrc"};

// The folders that a merged /usr leaves as links, as this host has them.
Result<> link_usr(const fs::path& root) {
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    std::error_code error;
    if (!fs::exists(fs::path("/usr") / name, error)) continue;
    fs::create_symlink(fs::path("usr") / name, root / name, error);
    if (error) return fail(ErrorCode::internal, "cannot link {} in the skeleton: {}", name, error.message());
  }
  return {};
}

Result<> copy_etc(const fs::path& root) {
  using Copy = fs::copy_options;
  for (const char* name : kCopied) {
    std::error_code error;
    const fs::path from = fs::path("/etc") / name;
    if (!fs::exists(fs::symlink_status(from, error))) continue;
    // What this user may not read, such as private keys below ssl, is left out.
    fs::copy(from, root / "etc" / name, Copy::recursive | Copy::copy_symlinks | Copy::skip_existing, error);
  }
  return {};
}

Result<> bind_device(const std::string& folder, const char* name) {
  const std::string target = fmt::format("{}/{}", folder, name);
  ACLOUD_TRY(const Fd file, open_file(AT_FDCWD, target, O_WRONLY | O_CREAT, 0666));
  ACLOUD_TRY(const Fd device, clone_mount(AT_FDCWD, fmt::format("/dev/{}", name), false));
  return attach_mount(device.get(), AT_FDCWD, target);
}

}  // namespace

Result<> make_skeleton(const std::string& folder, bool privileged) {
  std::error_code error;
  const fs::path root = folder;
  fs::remove_all(root, error);
  fs::create_directories(root, error);
  if (error) return fail(ErrorCode::internal, "cannot make {}: {}", folder, error.message());
  ::umask(0);
  for (const Folder& entry : kFolders) {
    const std::string path = root / entry.path;
    if (::mkdir(path.c_str(), entry.mode) != 0) return fail_errno(errno, fmt::format("cannot make {}", path));
    if (privileged && ::chown(path.c_str(), entry.owner, entry.owner) != 0) return fail_errno(errno, "chown");
  }
  ::umask(022);
  for (const Link& link : kLinks) fs::create_symlink(link.target, root / link.path, error);
  for (const Text& text : kTexts) {
    const std::string path = root / text.path;
    if (!(std::ofstream(path) << text.content)) return fail(ErrorCode::unavailable, "cannot write {}", path);
  }
  const std::string bashrc = root / "home/user/.bashrc";
  if (privileged && ::chown(bashrc.c_str(), 1000, 1000) != 0) return fail_errno(errno, "chown");
  ACLOUD_CHECK(link_usr(root));
  return copy_etc(root);
}

Result<> make_devices(const std::string& folder, bool privileged) {
  struct Device {
    const char* name;
    unsigned major, minor;
  };
  constexpr std::array kDevices{Device{"null", 1, 3},   Device{"zero", 1, 5},    Device{"full", 1, 7},
                                Device{"random", 1, 8}, Device{"urandom", 1, 9}, Device{"tty", 5, 0}};
  constexpr std::array kDeviceLinks{Link{"fd", "/proc/self/fd"}, Link{"stdin", "/proc/self/fd/0"},
                                    Link{"stdout", "/proc/self/fd/1"}, Link{"stderr", "/proc/self/fd/2"},
                                    Link{"ptmx", "pts/ptmx"}};
  ACLOUD_TRY(const Fd mount, make_mount("tmpfs", {{"size", "64k"}, {"nr_inodes", "64"}, {"mode", "0755"}},
                                        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  ACLOUD_CHECK(attach_mount(mount.get(), AT_FDCWD, folder));
  for (const Device& device : kDevices) {
    if (!privileged) {
      ACLOUD_CHECK(bind_device(folder, device.name));
      continue;
    }
    const std::string path = fmt::format("{}/{}", folder, device.name);
    if (::mknod(path.c_str(), S_IFCHR, ::makedev(device.major, device.minor)) != 0 ||
        ::chmod(path.c_str(), 0666) != 0) {
      return fail_errno(errno, fmt::format("cannot make device {}", device.name));
    }
  }
  for (const Link& link : kDeviceLinks) {
    if (::symlink(link.target, fmt::format("{}/{}", folder, link.path).c_str()) != 0)
      return fail_errno(errno, "symlink");
  }
  for (const char* name : {"pts", "shm"}) {
    if (::mkdir(fmt::format("{}/{}", folder, name).c_str(), 0755) != 0) return fail_errno(errno, "mkdir");
  }
  return {};
}

}  // namespace acloud::sandbox::jail
