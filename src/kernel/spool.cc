#include "kernel/spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "kernel/spool_format.h"

namespace acloud::kernel {
namespace {

constexpr std::size_t kRecordsPerTransaction = 256;
constexpr std::string_view kSuffix = ".spool";

struct Head {
  std::uint32_t length;
  std::uint32_t checksum;
};

// The position reached in a file; 0 for one never seen.
Result<std::int64_t> position_of(store::Reader& reader, const std::string& file) {
  ACLOUD_TRY(const store::Rows rows, reader.query("SELECT position FROM spool WHERE file = $1", {file}));
  return rows.empty() ? 0 : rows.front().integer(0);
}

struct Batch {
  std::vector<CallRecord> records;
  std::size_t end;  // the position after the last of them
};

Batch batch_from(std::string_view file, std::size_t position) {
  Batch batch{{}, position};
  batch.records.reserve(kRecordsPerTransaction);
  while (batch.records.size() < kRecordsPerTransaction && batch.end + sizeof(Head) <= file.size()) {
    Head head{};
    std::memcpy(&head, file.data() + batch.end, sizeof head);
    const std::string_view rest = file.substr(batch.end + sizeof head);
    if (head.length == 0 || head.length > rest.size()) break;
    const std::string_view bytes = rest.substr(0, head.length);
    if (spool_format::checksum(bytes) != head.checksum) break;
    auto record = spool_format::to_record(bytes);
    if (!record) break;
    batch.records.push_back(*std::move(record));
    batch.end += sizeof head + head.length;
  }
  return batch;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  std::string bytes(stream ? static_cast<std::size_t>(stream.tellg()) : 0, '\0');
  stream.seekg(0).read(bytes.data(), std::ssize(bytes));
  if (!stream) return fail(ErrorCode::internal, "{}: can't be read", path);
  return bytes;
}

// A file of kFileBytes that the disk has room for, in memory. Errors: as fail_errno.
Result<char*> make_mapped(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno(errno, path);
  int error = ::posix_fallocate(fd, 0, Spool::kFileBytes);
  void* mapped =
      error != 0 ? MAP_FAILED : ::mmap(nullptr, Spool::kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (error == 0 && mapped == MAP_FAILED) error = errno;
  ::close(fd);
  if (error == 0) return static_cast<char*>(mapped);
  ::unlink(path.c_str());
  return fail_errno(error, path);
}

}  // namespace

std::vector<store::Migration> Spool::migrations() {
  return {{"spool-1", "CREATE TABLE spool (file TEXT PRIMARY KEY, position BIGINT NOT NULL);"}};
}

Result<std::unique_ptr<Spool>> Spool::open(std::string folder, std::string instance) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail_errno(error.value(), folder);
  std::unique_ptr<Spool> spool(new Spool(std::move(folder), std::move(instance)));
  ACLOUD_CHECK(spool->open_next());
  return spool;
}

Spool::~Spool() {
  if (mapped_ != nullptr) ::munmap(mapped_, kFileBytes);
}

Result<> Spool::open_next() {
  std::string name = fmt::format("{}-{:08}{}", instance_, number_ + 1, kSuffix);
  ACLOUD_TRY(char* mapped, make_mapped(folder_ + "/" + name));
  if (mapped_ != nullptr) ::munmap(mapped_, kFileBytes);
  mapped_ = mapped;
  used_ = 0;
  ++number_;
  current_ = std::move(name);
  return {};
}

Result<> Spool::append(const CallRecord& record) {
  const std::lock_guard lock(mutex_);
  encoded_.clear();
  spool_format::append_record(encoded_, record);
  const std::size_t size = sizeof(Head) + encoded_.size();
  if (used_ + size > kFileBytes) ACLOUD_CHECK(open_next());
  char* const head = mapped_ + used_;
  const std::uint32_t checksum = spool_format::checksum(encoded_);
  std::memcpy(head + sizeof(Head), encoded_.data(), encoded_.size());
  std::memcpy(head + offsetof(Head, checksum), &checksum, sizeof checksum);
  // After the rest: a killed server leaves a record whole or without a length.
  std::atomic_signal_fence(std::memory_order_release);
  const auto length = static_cast<std::uint32_t>(encoded_.size());
  std::memcpy(head + offsetof(Head, length), &length, sizeof length);
  used_ += size;
  return {};
}

Result<std::vector<std::string>> Spool::closed_files() {
  const std::lock_guard lock(mutex_);
  if (used_ > 0) ACLOUD_CHECK(open_next());
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename();
    if (name != current_ && name.ends_with(kSuffix)) names.push_back(name);
  }
  if (error) return fail_errno(error.value(), folder_);
  std::ranges::sort(names);
  return names;
}

Task<Result<>> Spool::drain(store::Database& database, Fold fold) {
  ACLOUD_CO_TRY(const std::vector<std::string> names, closed_files());
  for (const std::string& name : names) ACLOUD_CO_CHECK(co_await drain_file(database, fold, name));
  co_return {};
}

Task<Result<>> Spool::drain_file(store::Database& database, const Fold& fold, std::string name) {
  ACLOUD_CO_TRY(const std::int64_t reached,
                co_await database.read([name](store::Reader& reader) { return position_of(reader, name); }));
  const std::string path = folder_ + "/" + name;
  ACLOUD_CO_TRY(const std::string file, read_file(path));
  for (auto position = static_cast<std::size_t>(reached);;) {
    const Batch batch = batch_from(file, position);
    if (batch.records.empty()) break;
    position = batch.end;
    ACLOUD_CO_CHECK(co_await database.write_durably([&](store::Transaction& tx) -> Result<> {
      ACLOUD_CHECK(fold(tx, batch.records));
      ACLOUD_CHECK(
          tx.execute("INSERT INTO spool (file, position) VALUES ($1, $2) "
                     "ON CONFLICT (file) DO UPDATE SET position = excluded.position",
                     {name, static_cast<std::int64_t>(batch.end)}));
      return {};
    }));
  }
  if (::unlink(path.c_str()) != 0) co_return fail_errno(errno, path);
  // Only now: with the position gone and the file still there, it would be folded again.
  co_return co_await database.write_durably([name](store::Transaction& tx) -> Result<> {
    ACLOUD_CHECK(tx.execute("DELETE FROM spool WHERE file = $1", {name}));
    return {};
  });
}

}  // namespace acloud::kernel
