#include "sandbox/jail/kernel/mounts.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

namespace acloud::sandbox::jail {

Result<Fd> make_mount(const std::string& type, std::initializer_list<Option> options,
                      std::uint64_t attributes) {
  const Fd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context) return fail_errno(errno, fmt::format("cannot make a file system of type {}", type));
  for (const Option& option : options) {
    const bool flag = option.value.empty();
    if (::fsconfig(context.get(), flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, option.name.c_str(),
                   flag ? nullptr : option.value.c_str(), 0) != 0) {
      return fail_errno(errno, fmt::format("cannot set option {}={} of {}", option.name, option.value, type));
    }
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return fail_errno(errno, fmt::format("cannot make a file system of type {}", type));
  }
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!mount) return fail_errno(errno, fmt::format("cannot mount a file system of type {}", type));
  return mount;
}

Result<Fd> clone_mount(int folder, const std::string& path, bool recursive) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW |
                         (path.empty() ? AT_EMPTY_PATH : 0u) | (recursive ? AT_RECURSIVE : 0u);
  Fd mount(::open_tree(folder, path.c_str(), flags));
  if (!mount) return fail_errno(errno, fmt::format("cannot take {} into the jail", path));
  mount_attr attributes{};
  attributes.propagation = MS_PRIVATE;
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0) {
    return fail_errno(errno, fmt::format("cannot separate {} from the host", path));
  }
  return mount;
}

Result<> set_attributes(int mount, std::uint64_t set, bool recursive) {
  mount_attr attributes{};
  attributes.attr_set = set;
  if (::mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u), &attributes,
                      sizeof attributes) != 0) {
    return fail_errno(errno, "cannot restrict a mount");
  }
  return {};
}

Result<> map_ids(int mount, int user_namespace) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(user_namespace);
  if (::mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return fail_errno(errno, "cannot map the ids of a mount");
  }
  return {};
}

Result<> attach_mount(int mount, int target) {
  if (::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return fail_errno(errno, "cannot attach a mount");
  }
  return {};
}

Result<> attach_mount(int mount, int folder, const std::string& path) {
  if (::move_mount(mount, "", folder, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return fail_errno(errno, fmt::format("cannot attach a mount on {}", path));
  }
  return {};
}

}  // namespace acloud::sandbox::jail
