#include "sandbox/jail/record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::jail {
namespace {

using nlohmann::json;

// By way of a descriptor, since the path of a unix socket may have no more than 107 bytes.
Result<sockaddr_un> address_in(const Fd& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format_to_n(address.sun_path, sizeof address.sun_path - 1, "/proc/self/fd/{}/init", folder.get());
  return address;
}

}  // namespace

Result<> write_record(const std::string& folder, const Record& record) {
  const Limits& limits = record.limits;
  const json document = {{"first_id", record.first_id},         {"slot", record.slot},
                         {"memory_bytes", limits.memory_bytes}, {"cpus", limits.cpus},
                         {"cpu_weight", limits.cpu_weight},     {"processes", limits.processes},
                         {"open_files", limits.open_files},     {"disk_bytes", limits.disk_bytes},
                         {"disk_inodes", limits.disk_inodes},   {"group", record.group}};
  const std::string path = folder + "/record", draft = path + ".new", text = document.dump();
  const auto written = [&](const std::string& to, int exclusive) {
    const Fd file(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | exclusive, 0600));
    return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  };
  if (written(path, O_EXCL)) return {};
  if (errno != EEXIST || !written(draft, 0) || ::rename(draft.c_str(), path.c_str()) != 0)
    return fail_errno(errno, "cannot write a jail's record");
  return {};
}

Result<Record> read_record(const std::string& folder) {
  ACLOUD_TRY(const std::string text, read_file(AT_FDCWD, folder + "/record"));
  const json document = json::parse(text, nullptr, false);
  const auto number = [&]<class T>(const char* name, T& value) {
    const bool there = document.is_object() && document.contains(name) && document[name].is_number();
    if (there) document[name].get_to(value);
    return there;
  };
  Record record;
  Limits& limits = record.limits;
  if (!number("first_id", record.first_id) || !number("slot", record.slot) ||
      !number("memory_bytes", limits.memory_bytes) || !number("cpus", limits.cpus) ||
      !number("cpu_weight", limits.cpu_weight) || !number("processes", limits.processes) ||
      !number("open_files", limits.open_files) || !number("disk_bytes", limits.disk_bytes) ||
      !number("disk_inodes", limits.disk_inodes)) {
    return fail(ErrorCode::internal, "{}/record is no record of a jail", folder);
  }
  // Earlier spawners called the groups as the jail.
  record.group = document.value("group", std::filesystem::path(folder).filename().string());
  return record;
}

std::string group_of(const std::string& folder) {
  if (const Result<Record> record = read_record(folder)) return record->group;
  const std::string name = std::filesystem::path(folder).filename();
  return is_spare(name) ? name.substr(1) : name;
}

std::string cgroup_name(const std::string& folder) { return short_name(folder); }

std::string short_name(std::string_view text) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;  // FNV-1a, 64 bits: the same in every build
  for (const unsigned char byte : text) hash = (hash ^ byte) * 0x100'0000'01b3;
  return fmt::format("acloud-{:016x}", hash);
}

bool is_jail_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Result<Fd> bind_socket(const std::string& folder) {
  ACLOUD_TRY(const Fd place, open_file(AT_FDCWD, folder, O_PATH | O_DIRECTORY));
  ACLOUD_TRY(const sockaddr_un address, address_in(place));
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail_errno(errno, "cannot make init's socket");
  }
  return socket;
}

Result<Survivor> connect_init(const std::string& folder) {
  // Whatever runs out here says nothing of init.
  const auto failed = [&](int number) -> std::unexpected<Error> {
    if (number == EMFILE || number == ENFILE || number == EAGAIN)
      return fail_errno(number, "cannot reach an init");
    return fail(ErrorCode::not_found, "no init answers in {}: {}", folder, ::strerror(number));
  };
  ACLOUD_TRY(const Fd place, open_file(AT_FDCWD, folder, O_PATH | O_DIRECTORY));
  ACLOUD_TRY(const sockaddr_un address, address_in(place));
  Survivor survivor;
  survivor.socket = Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!survivor.socket ||
      ::connect(survivor.socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::getsockopt(survivor.socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return failed(errno);
  }
  survivor.pid = peer.pid;
  survivor.init = Fd(open_pidfd(peer.pid));
  if (!survivor.init) return failed(errno);
  // Still connected after the pidfd was opened: the number can't have passed to someone else before.
  pollfd state{survivor.socket.get(), POLLRDHUP, 0};
  if (::poll(&state, 1, 0) < 0 || (state.revents & (POLLHUP | POLLRDHUP))) {
    return fail(ErrorCode::not_found, "the init of {} is ending", folder);
  }
  return survivor;
}

}  // namespace acloud::sandbox::jail
