#include "identity/keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "kernel/visitor.h"

namespace acloud::identity {
namespace {

using store::Bytes;
using store::Rows;

constexpr std::chrono::seconds kRemembered{1};
constexpr std::size_t kRememberedMost = 100'000;
constexpr int kChainMost = 64;  // keys made with keys made with keys

Error unknown_key() {
  return Error(
      ErrorCode::unauthenticated,
      "the API key is not known here, or was revoked; send a valid one as Authorization: Bearer KEY");
}

Error no_key(bool visits) {
  return Error(ErrorCode::unauthenticated,
               fmt::format("no API key; send one as Authorization: Bearer KEY or x-api-key: KEY; {}",
                           visits ? "workspace.sign_up, which needs none, makes you one"
                                  : "whoever runs this cloud gives keys"));
}

// The caller that holds the key with this hash: its own grant under those of the keys it came from.
Result<kernel::Caller> find_caller(store::Reader& reader, const std::string& hash) {
  ACLOUD_TRY(const Rows rows,
             reader.query("SELECT id, workspace, principal, is_operator, grant_json, parent FROM api_keys "
                          "WHERE hash = $1 AND revoked IS NULL",
                          {Bytes{hash}}));
  if (rows.empty()) return std::unexpected(unknown_key());
  const store::Row& row = rows.front();
  kernel::Caller caller{.workspace = row.text(1),
                        .principal = row.text(2),
                        .key = row.text(0),
                        .grants = {},
                        .is_operator = row.integer(3) != 0};
  std::string grant_json = row.is_null(4) ? "" : row.text(4);
  std::string parent = row.is_null(5) ? "" : row.text(5);
  for (int depth = 0;; ++depth) {
    if (!grant_json.empty()) {
      ACLOUD_TRY(const Json json, parse_json(grant_json));
      ACLOUD_TRY(kernel::Grant grant, decode<kernel::Grant>(json));
      caller.grants.insert(caller.grants.begin(), std::move(grant));
    }
    if (parent.empty()) return caller;
    ACLOUD_TRY(
        const Rows above,
        reader.query("SELECT grant_json, parent FROM api_keys WHERE id = $1 AND revoked IS NULL", {parent}));
    if (above.empty() || depth > kChainMost) return std::unexpected(unknown_key());
    grant_json = above.front().is_null(0) ? "" : above.front().text(0);
    parent = above.front().is_null(1) ? "" : above.front().text(1);
  }
}

Result<std::string> read_key_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_errno(errno, path);
  std::string text(128, '\0');
  const ssize_t got = ::read(fd, text.data(), text.size());
  ::close(fd);
  if (got < 0) return fail_errno(errno, path);
  text.resize(static_cast<std::size_t>(got));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (!key_digits(text))
    return fail(ErrorCode::invalid_argument, "{} holds no API key; remove it to get a new one", path);
  return text;
}

// Whole or not at all: written beside, synced, renamed, and the folder synced.
Result<> write_key_file(const std::string& folder, const std::string& key) {
  const std::string path = folder + "/root.key";
  const std::string beside = path + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno(errno, beside);
  const std::string line = key + "\n";
  const bool written =
      ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!written) return fail_errno(error, beside);
  if (::rename(beside.c_str(), path.c_str()) != 0) return fail_errno(errno, path);
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return fail_errno(errno, folder);
  const bool synced = ::fsync(directory) == 0;
  ::close(directory);
  return synced ? Result<>() : fail_errno(errno, folder);
}

}  // namespace

std::optional<std::string> key_digits(std::string_view presented) {
  for (const std::string_view prefix : {"acloud_", "e2b_"}) {
    if (!presented.starts_with(prefix)) continue;
    presented.remove_prefix(prefix.size());
    const bool hex = presented.size() == 40 && std::ranges::all_of(presented, [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                     });
    if (hex) return std::string(presented);
  }
  return std::nullopt;
}

std::vector<store::Migration> migrations() {
  return {
      {"identity-1",
       "CREATE TABLE workspaces (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created BIGINT NOT NULL);"
       "CREATE TABLE api_keys ("
       "  id TEXT PRIMARY KEY,"
       "  workspace TEXT NOT NULL,"
       "  name TEXT NOT NULL,"
       "  principal TEXT NOT NULL,"
       "  hash BYTEA NOT NULL UNIQUE,"
       "  grant_json TEXT,"
       "  parent TEXT,"
       "  is_operator BIGINT NOT NULL,"
       "  created BIGINT NOT NULL,"
       "  revoked BIGINT);"
       "CREATE INDEX api_keys_workspace ON api_keys (workspace, id);"
       "CREATE INDEX api_keys_parent ON api_keys (parent);"}};
}

Task<Result<kernel::Caller>> Keys::identify(const std::string& presented) {
  if (presented.empty()) co_return std::unexpected(no_key(visits_));
  const auto digits = key_digits(presented);
  if (!digits) co_return std::unexpected(unknown_key());
  const std::string hash = sha256(*digits);
  const Instant now = clock_.instant();
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = remembered_.find(hash);
    if (found != remembered_.end() && now - found->second.since < kRemembered) co_return found->second.caller;
    generation = generation_;
  }
  ACLOUD_CO_TRY(kernel::Caller caller, co_await look_up(hash));
  const std::lock_guard lock(mutex_);
  if (generation == generation_) {
    if (remembered_.size() >= kRememberedMost) remembered_.clear();
    remembered_[hash] = {caller, now};
  }
  co_return caller;
}

Result<kernel::Caller> Keys::visit(std::string_view peer) {
  if (!visits_) return std::unexpected(no_key(false));
  ACLOUD_TRY(const std::string address, address_of(peer));
  ACLOUD_CHECK(visitors_.admit(address));
  return kernel::visitor(address);
}

Task<Result<kernel::Caller>> Keys::look_up(std::string hash) {
  co_return co_await database_.read_here([hash](store::Reader& reader) { return find_caller(reader, hash); });
}

void Keys::forget() {
  const std::lock_guard lock(mutex_);
  ++generation_;
  remembered_.clear();
}

Task<Result<std::set<std::string>>> Keys::missing(std::set<std::string> workspaces) {
  using Names = std::set<std::string>;
  return database_.read([workspaces = std::move(workspaces)](store::Reader& reader) -> Result<Names> {
    Names gone;
    for (const std::string& id : workspaces) {
      ACLOUD_TRY(const Rows rows, reader.query("SELECT 1 FROM workspaces WHERE id = $1", {id}));
      if (rows.empty()) gone.insert(id);
    }
    return gone;
  });
}

Task<Result<bool>> Keys::works(std::string id) {
  ACLOUD_CO_TRY(
      const Rows rows,
      co_await database_.query("SELECT 1 FROM api_keys WHERE id = $1 AND revoked IS NULL", {std::move(id)}));
  co_return !rows.empty();
}

Task<Result<>> Keys::ensure_root(std::string presented) {
  const auto digits = key_digits(presented);
  if (!digits) co_return fail(ErrorCode::invalid_argument, "the root key is malformed");
  const std::string hash = sha256(*digits);
  const Time now = clock_.now();
  co_return co_await database_.write_durably([hash, now](store::Transaction& tx) -> Result<> {
    const std::string workspace(kDefaultWorkspace);
    ACLOUD_CHECK(tx.execute(
        "INSERT INTO workspaces (id, name, created) VALUES ($1, $1, $2) ON CONFLICT (id) DO NOTHING",
        {workspace, store::to_value(now)}));
    // The id follows from the hash, so that every data folder has one root key, however often it starts.
    ACLOUD_CHECK(
        tx.execute("INSERT INTO api_keys (id, workspace, name, principal, hash, is_operator, created) "
                   "VALUES ($1, $2, 'root', 'root', $3, 1, $4) ON CONFLICT (hash) DO NOTHING",
                   {"key_" + to_hex(hash.substr(0, 10)), workspace, Bytes{hash}, store::to_value(now)}));
    return {};
  });
}

Result<std::string> root_key(const std::string& folder, Random& random) {
  auto existing = read_key_file(folder + "/root.key");
  if (existing || existing.error().code() != ErrorCode::not_found) return existing;
  std::string made = "acloud_" + random.hex(20);
  ACLOUD_CHECK(write_key_file(folder, made));
  return made;
}

}  // namespace acloud::identity
