#include "ledger/open_calls.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/log.h"

namespace acloud::ledger {
namespace {

constexpr std::string_view kSuffix = ".calls";
constexpr std::size_t kHalfBytes = OpenCalls::kSlotBytes / 2;
constexpr std::size_t kSlotsInFile = OpenCalls::kFileBytes / OpenCalls::kSlotBytes;

struct Head {
  std::uint32_t sequence;
  std::uint32_t length;
  std::uint32_t checksum;
};
constexpr std::size_t kRoom = kHalfBytes - sizeof(Head);

// 32-bit FNV-1a: finds what was torn, not what an enemy wrote.
std::uint32_t checksum(std::uint32_t sequence, std::string_view bytes) {
  std::uint32_t hash = 2166136261U;
  const auto mix = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 16777619U; };
  for (int shift = 0; shift < 32; shift += 8) mix(static_cast<std::uint8_t>(sequence >> shift));
  for (const char c : bytes) mix(static_cast<std::uint8_t>(c));
  return hash;
}

// As it is written; "" where it is too large: a caller's names are bounded, but not by what a slot holds.
std::string bytes_of(const StoredCall& call) {
  std::string bytes = encode(call);
  if (bytes.size() <= kRoom) return bytes;
  log::warn("a call is too large for its slot", {{"request_id", call.request_id}, {"bytes", bytes.size()}});
  return "";
}

// The bytes of a sound half, or nothing.
std::optional<std::pair<std::uint32_t, std::string_view>> read_half(std::string_view half) {
  Head head{};
  std::memcpy(&head, half.data(), sizeof head);
  if (head.sequence == 0 || head.length > kRoom) return std::nullopt;
  const std::string_view bytes = half.substr(sizeof head, head.length);
  if (checksum(head.sequence, bytes) != head.checksum) return std::nullopt;
  return std::pair(head.sequence, bytes);
}

std::optional<StoredCall> read_slot(std::string_view slot) {
  const auto first = read_half(slot.substr(0, kHalfBytes));
  const auto second = read_half(slot.substr(kHalfBytes, kHalfBytes));
  if (!first && !second) return std::nullopt;
  const std::string_view bytes =
      !second || (first && first->first > second->first) ? first->second : second->second;
  const auto json = parse_json(bytes);
  if (!json) return std::nullopt;
  auto call = decode<StoredCall>(*json);
  return call ? std::optional(*std::move(call)) : std::nullopt;
}

Result<char*> make_mapped(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno(errno, path);
  int error = ::posix_fallocate(fd, 0, OpenCalls::kFileBytes);
  void* mapped = error != 0
                     ? MAP_FAILED
                     : ::mmap(nullptr, OpenCalls::kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (error == 0 && mapped == MAP_FAILED) error = errno;
  ::close(fd);
  if (error == 0) return static_cast<char*>(mapped);
  ::unlink(path.c_str());
  return fail_errno(error, path);
}

}  // namespace

Result<std::unique_ptr<OpenCalls>> OpenCalls::open(std::string folder, std::string instance) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail_errno(error.value(), folder);
  std::unique_ptr<OpenCalls> calls(new OpenCalls(std::move(folder), std::move(instance)));
  ACLOUD_CHECK(calls->add_file());
  return calls;
}

OpenCalls::~OpenCalls() {
  {
    const std::lock_guard lock(mutex_);
    reap();
  }
  for (char* file : files_) ::munmap(file, kFileBytes);
  // What is empty is of no use to the next.
  if (free_.size() != sequence_.size()) return;
  for (std::size_t i = 0; i < files_.size(); ++i)
    ::unlink(fmt::format("{}/{}-{:04}{}", folder_, instance_, i, kSuffix).c_str());
}

Result<> OpenCalls::add_file() {
  const auto first = static_cast<Slot>(sequence_.size());
  ACLOUD_TRY(char* mapped,
             make_mapped(fmt::format("{}/{}-{:04}{}", folder_, instance_, files_.size(), kSuffix)));
  files_.push_back(mapped);
  sequence_.resize(sequence_.size() + kSlotsInFile, 0);
  // The lowest are taken first, so that few pages are ever written to.
  for (Slot slot = static_cast<Slot>(sequence_.size()) - 1; slot >= first; --slot) free_.push_back(slot);
  return {};
}

char* OpenCalls::at(Slot slot) const {
  const auto index = static_cast<std::size_t>(slot);
  return files_[index / kSlotsInFile] + index % kSlotsInFile * kSlotBytes;
}

void OpenCalls::write(Slot slot, std::string_view bytes) {
  std::uint32_t& sequence = sequence_[static_cast<std::size_t>(slot)];
  if (++sequence == 0) sequence = 1;
  char* const half = at(slot) + sequence % 2 * kHalfBytes;
  const Head head{sequence, static_cast<std::uint32_t>(bytes.size()), checksum(sequence, bytes)};
  std::memset(half, 0, sizeof head.sequence);
  std::atomic_signal_fence(std::memory_order_release);
  std::memcpy(half + sizeof head, bytes.data(), bytes.size());
  std::memcpy(half + sizeof head.sequence, reinterpret_cast<const char*>(&head) + sizeof head.sequence,
              sizeof head - sizeof head.sequence);
  // After the rest: a server that is killed in between leaves the other half.
  std::atomic_signal_fence(std::memory_order_release);
  std::memcpy(half, &head.sequence, sizeof head.sequence);
}

OpenCalls::Slot OpenCalls::take(const StoredCall& call) {
  const std::string bytes = bytes_of(call);
  if (bytes.empty()) return kNone;
  const std::lock_guard lock(mutex_);
  reap();
  if (free_.empty()) {
    if (sequence_.size() >= kSlotsMost) return kNone;
    if (const auto added = add_file(); !added) {
      log::warn("calls under way have no slots", {{"error", added.error().message()}});
      return kNone;
    }
  }
  const Slot slot = free_.back();
  free_.pop_back();
  write(slot, bytes);
  return slot;
}

void OpenCalls::note(Slot slot, const StoredCall& call) {
  if (slot == kNone) return;
  const std::string bytes = bytes_of(call);
  if (bytes.empty()) return;
  const std::lock_guard lock(mutex_);
  write(slot, bytes);
}

void OpenCalls::release(Slot slot) {
  std::uint32_t& sequence = sequence_[static_cast<std::size_t>(slot)];
  // The older half first: whoever is killed in between leaves the newer, which is true.
  std::memset(at(slot) + (sequence + 1) % 2 * kHalfBytes, 0, sizeof(Head));
  std::atomic_signal_fence(std::memory_order_release);
  std::memset(at(slot) + sequence % 2 * kHalfBytes, 0, sizeof(Head));
  free_.push_back(slot);
}

void OpenCalls::free(Slot slot) {
  if (slot == kNone) return;
  const std::lock_guard lock(mutex_);
  release(slot);
}

void OpenCalls::free_after(Slot slot, store::Commit commit) {
  if (slot == kNone) return;
  const std::lock_guard lock(mutex_);
  pending_.push_back({slot, std::move(commit)});
  reap();
}

void OpenCalls::keep_later(Slot slot) {
  if (slot == kNone) return;
  const std::lock_guard lock(mutex_);
  unkept_.push_back(slot);
}

// Commits come in the order of their writes, nearly: what is done is taken from the front.
void OpenCalls::reap() {
  while (reaped_ < pending_.size()) {
    const auto outcome = pending_[reaped_].commit.outcome();
    if (!outcome) break;
    if (*outcome) {
      release(pending_[reaped_].slot);
    } else {
      unkept_.push_back(pending_[reaped_].slot);
    }
    ++reaped_;
  }
  if (reaped_ * 2 < pending_.size()) return;
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(reaped_));
  reaped_ = 0;
}

std::vector<OpenCalls::Found> OpenCalls::unkept() {
  const std::lock_guard lock(mutex_);
  reap();
  std::vector<Found> found;
  for (const Slot slot : std::exchange(unkept_, {})) {
    if (auto call = read_slot({at(slot), kSlotBytes})) {
      found.push_back({.call = *std::move(call), .slot = slot});
    } else {
      release(slot);
    }
  }
  return found;
}

Result<std::vector<std::string>> OpenCalls::earlier_files() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(kSuffix) && !name.starts_with(instance_ + "-")) names.push_back(name);
  }
  if (error) return fail_errno(error.value(), folder_);
  std::ranges::sort(names);
  return names;
}

Result<std::vector<StoredCall>> OpenCalls::read(const std::string& file) const {
  const std::string path = folder_ + "/" + file;
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) return fail(ErrorCode::internal, "{}: can't be read", path);
  std::vector<StoredCall> calls;
  for (std::size_t at = 0; at + kSlotBytes <= bytes.size(); at += kSlotBytes) {
    if (auto call = read_slot(std::string_view(bytes).substr(at, kSlotBytes)))
      calls.push_back(*std::move(call));
  }
  return calls;
}

Result<> OpenCalls::forget(const std::string& file) const {
  const std::string path = folder_ + "/" + file;
  if (::unlink(path.c_str()) != 0) return fail_errno(errno, path);
  return {};
}

std::size_t OpenCalls::in_use() {
  const std::lock_guard lock(mutex_);
  reap();
  return sequence_.size() - free_.size();
}

}  // namespace acloud::ledger
