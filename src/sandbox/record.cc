#include "sandbox/record.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "sandbox/jail/fd.h"
#include "sandbox/jail/volatile_folder.h"

namespace acloud::sandbox {
namespace {

constexpr std::string_view kEnding = ".json";

Result<Record> read_record(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  ACLOUD_TRY(const Json json, parse_json(text.str()));
  ACLOUD_TRY(Record record, decode<Record>(json));
  if (path.stem() != record.id) return fail(ErrorCode::internal, "it is about {}", record.id);
  return record;
}

}  // namespace

Result<RecordFolder> RecordFolder::open(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(errno, folder);
  std::error_code error;
  RecordFolder opened(std::filesystem::canonical(folder, error));
  if (error) return fail_errno(error.value(), folder);
  ACLOUD_CHECK(jail::make_volatile_folder(opened.records_));
  opened.on_tmpfs_ = jail::is_on_tmpfs(opened.records_);
  return opened;
}

void RecordFolder::close() const { jail::remove_volatile_folder(records_); }

Result<> RecordFolder::write(const Record& record) const {
  const std::string text = encode(record);
  const std::string to = path(record.id);
  const std::string draft = to + ".new";
  const jail::Fd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return fail_errno(errno, draft);
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  const int error = written == std::ssize(text) ? 0 : written < 0 ? errno : ENOSPC;
  if (error == 0 && ::rename(draft.c_str(), to.c_str()) == 0) return {};
  const int cause = error != 0 ? error : errno;
  ::unlink(draft.c_str());
  return fail_errno(cause, to);
}

void RecordFolder::remove(const std::string& id) const {
  std::error_code error;  // what stays, load() removes
  std::filesystem::remove_all(calls(id), error);
  if (::unlink(path(id).c_str()) != 0 && errno != ENOENT) {
    log::warn("a sandbox's record stays", {{"id", id}, {"errno", errno}});
  }
}

bool RecordFolder::in_memory(const std::string& id) const {
  return on_tmpfs_ && ::access(calls(id).c_str(), F_OK) != 0;
}

Result<std::map<std::string, Record>> RecordFolder::load() const {
  std::map<std::string, Record> records;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(records_, error)) {
    Result<Record> record = fail(ErrorCode::internal, "it was never finished");
    if (entry.path().extension() == kEnding) record = read_record(entry.path());
    if (record) {
      std::string id = record->id;
      records.emplace(std::move(id), *std::move(record));
      continue;
    }
    log::warn("a sandbox's record can't be read",
              {{"file", entry.path().string()}, {"error", record.error().message()}});
    ::unlink(entry.path().c_str());
  }
  if (error) return fail_errno(error.value(), records_);
  std::vector<std::filesystem::path> outputs;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const bool output = entry.path().extension() == kCalls;
    if (output && !records.contains(entry.path().stem().string())) outputs.push_back(entry.path());
  }
  if (error) return fail_errno(error.value(), folder_);
  for (const std::filesystem::path& output : outputs) std::filesystem::remove_all(output, error);
  return records;
}

}  // namespace acloud::sandbox
