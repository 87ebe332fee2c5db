#include "sandbox/images/layers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/log.h"

namespace acloud::sandbox::images {
namespace {

namespace fs = std::filesystem;

void remove_tree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) log::warn("a layer stays", {{"path", path}, {"error", error.message()}});
}

}  // namespace

bool is_layer_id(std::string_view id) {
  const std::size_t prefix = id.starts_with("sha256-") ? 7 : id.starts_with("own-") ? 4 : 0;
  return prefix != 0 && id.size() == (prefix == 7 ? 71U : 28U) &&
         std::ranges::all_of(id.substr(prefix),
                             [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Layers::Hold::~Hold() { layers_.let_go(ids_); }

Layers::Draft::~Draft() {
  if (!path_.empty()) remove_tree(path_);
}

Result<std::unique_ptr<Layers>> Layers::open(std::string folder, Random& random) {
  remove_tree(folder + "/drafts");
  std::error_code error;
  for (const char* name : {"/layers", "/drafts"}) {
    fs::create_directories(folder + name, error);
    if (error) return fail(ErrorCode::internal, "cannot make {}{}: {}", folder, name, error.message());
  }
  if (::chmod(folder.c_str(), 0700) != 0) return fail_errno(errno, folder);
  return std::unique_ptr<Layers>(new Layers(std::move(folder), random));
}

Result<Layers::Draft> Layers::draft() {
  const std::string path = folder_ + "/drafts/" + random_.hex(12);
  if (::mkdir(path.c_str(), 0700) != 0) return fail_errno(errno, path);
  jail::Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fchmod(folder.get(), 0755) != 0) return fail_errno(errno, path);
  return Draft(path, std::move(folder));
}

Result<Layers::Held> Layers::keep(Draft draft, const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    if (::rename(draft.path_.c_str(), path(id).c_str()) == 0) {
      draft.path_.clear();
    } else if (errno != EEXIST && errno != ENOTEMPTY) {
      return fail_errno(errno, path(id));
    }
    ++held_[id];
  }
  return std::make_shared<const Hold>(*this, std::vector{id});
}

Layers::Held Layers::hold(std::vector<std::string> ids) {
  {
    const std::lock_guard lock(mutex_);
    const auto missing = [&](const std::string& id) {
      return !is_layer_id(id) || ::access(path(id).c_str(), F_OK) != 0;
    };
    if (std::ranges::any_of(ids, missing)) return nullptr;
    for (const std::string& id : ids) ++held_[id];
  }
  return std::make_shared<const Hold>(*this, std::move(ids));
}

void Layers::let_go(const std::vector<std::string>& ids) {
  const std::lock_guard lock(mutex_);
  for (const std::string& id : ids) {
    const auto found = held_.find(id);
    if (found == held_.end() || --found->second > 0) continue;
    held_.erase(found);
    dropped_ = true;
  }
}

bool Layers::wants_sweep() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void Layers::sweep() {
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    dropped_ = false;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_ + "/layers", error)) {
      const std::string id = entry.path().filename();
      if (held_.contains(id)) continue;
      // Out of the way first: removing takes time, and the same layer may come again meanwhile.
      std::string trash = folder_ + "/drafts/" + random_.hex(12);
      if (::rename(entry.path().c_str(), trash.c_str()) == 0) gone.push_back(std::move(trash));
    }
  }
  for (const std::string& path : gone) remove_tree(path);
}

Result<> Layers::sync() const {
  const jail::Fd folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::syncfs(folder.get()) != 0) return fail_errno(errno, folder_);
  return {};
}

}  // namespace acloud::sandbox::images
