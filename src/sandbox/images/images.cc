#include "sandbox/images/images.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/encoding.h"
#include "base/log.h"

namespace acloud::sandbox::images {
namespace {

constexpr std::string_view kEnding = ".json";

Result<Image> read_image(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  ACLOUD_TRY(const Json json, parse_json(text.str()));
  return decode<Image>(json);
}

Result<> sync_folder(const std::string& path) {
  const jail::Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return fail_errno(errno, path);
  return {};
}

Result<> write_whole(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  const jail::Fd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return fail_errno(errno, draft);
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  if (written == std::ssize(text) && ::fsync(file.get()) == 0 && ::rename(draft.c_str(), path.c_str()) == 0)
    return sync_folder(std::filesystem::path(path).parent_path());
  const int cause = written >= 0 && written != std::ssize(text) ? ENOSPC : errno;
  ::unlink(draft.c_str());
  return fail_errno(cause, path);
}

}  // namespace

bool is_image_name(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 64 && plain(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

Result<std::unique_ptr<Images>> Images::open(const std::string& folder, Random& random) {
  ACLOUD_TRY(auto layers, Layers::open(folder, random));
  const std::string records = folder + "/records";
  if (::mkdir(records.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(errno, records);
  std::unique_ptr<Images> images(new Images(records, std::move(layers)));
  images->load();
  return images;
}

void Images::load() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    if (entry.path().extension() != kEnding) {  // never finished
      std::filesystem::remove(entry.path(), error);
      continue;
    }
    auto image = read_image(entry.path());
    Layers::Held layers = image ? layers_->hold(image->layers) : nullptr;
    if (!layers) {
      const std::string why = image ? "its layers are not all there" : image.error().message();
      log::error("an image can't be read", {{"file", entry.path().string()}, {"error", why}});
      continue;
    }
    Name name(image->workspace, image->name);
    all_.emplace(std::move(name), KeptImage{*std::move(image), std::move(layers)});
  }
}

std::string Images::path(const Name& name) const {
  return fmt::format("{}/{}{}", folder_, to_hex(sha256(name.first + '\n' + name.second)).substr(0, 40),
                     kEnding);
}

Result<KeptImage> Images::find(const std::string& workspace, const std::string& name) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = all_.find({workspace, name}); found != all_.end()) return found->second;
  return fail(
      ErrorCode::not_found,
      "no image {}; there is \"base\", and what sandbox.list_images, list_snapshots and list_templates show",
      to_valid_utf8(name.substr(0, 100)));
}

Result<> Images::add(Image image, Layers::Held layers) {
  if (image.layers.size() > kLayersMost) {
    return fail(
        ErrorCode::precondition_failed,
        "it would have {} layers, and {} are the most: make a tar of the sandbox's files and import that",
        image.layers.size(), kLayersMost);
  }
  const std::lock_guard writing(writing_);
  Name name(image.workspace, image.name);
  {
    const std::lock_guard lock(mutex_);
    if (image.name == kBase || all_.contains(name))
      return fail(ErrorCode::conflict, "there is an image {} already; delete it, or take another name",
                  image.name);
    const auto first = all_.lower_bound({image.workspace, ""});
    if (std::distance(first, all_.lower_bound({image.workspace + '\0', ""})) >=
        static_cast<std::ptrdiff_t>(kImagesMost))
      return fail(ErrorCode::precondition_failed, "there are {} images, which is the most: delete some",
                  kImagesMost);
  }
  ACLOUD_CHECK(layers_->sync());
  ACLOUD_CHECK(write_whole(path(name), encode(image)));
  const std::lock_guard lock(mutex_);
  all_.emplace(std::move(name), KeptImage{std::move(image), std::move(layers)});
  return {};
}

Result<> Images::remove(const std::string& workspace, const std::string& name, Kind kind) {
  const std::lock_guard writing(writing_);
  const Name key(workspace, name);
  {
    const std::lock_guard lock(mutex_);
    const auto found = all_.find(key);
    if (found == all_.end() || found->second.image.kind != kind) {
      return fail(ErrorCode::not_found, "no {} {} in this workspace", schema::Codec<Kind>::name(kind),
                  to_valid_utf8(name.substr(0, 100)));
    }
  }
  if (::unlink(path(key).c_str()) != 0 && errno != ENOENT) return fail_errno(errno, path(key));
  ACLOUD_CHECK(sync_folder(folder_));
  const std::lock_guard lock(mutex_);
  all_.erase(key);
  return {};
}

std::vector<Image> Images::after(const std::string& workspace, Kind kind, const std::string& name,
                                 std::size_t most) const {
  std::vector<Image> images;
  const std::lock_guard lock(mutex_);
  for (auto at = all_.upper_bound({workspace, name}); at != all_.end() && at->first.first == workspace;
       ++at) {
    if (images.size() == most) break;
    if (at->second.image.kind == kind) images.push_back(at->second.image);
  }
  return images;
}

std::set<std::string> Images::workspaces() const {
  std::set<std::string> names;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, kept] : all_) names.insert(name.first);
  return names;
}

void Images::forget(const std::string& workspace) {
  std::vector<std::pair<std::string, Kind>> names;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, kept] : all_) {
      if (name.first == workspace) names.emplace_back(name.second, kept.image.kind);
    }
  }
  for (const auto& [name, kind] : names) {
    if (const auto removed = remove(workspace, name, kind); !removed)
      log::warn("an image of a workspace that is gone stays",
                {{"name", name}, {"error", removed.error().message()}});
  }
}

}  // namespace acloud::sandbox::images
