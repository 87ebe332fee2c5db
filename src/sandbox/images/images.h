// What sandboxes are made from: images that were brought, snapshots of sandboxes, and templates, each a name
// in a workspace for some layers. They outlive sandboxes, server and machine: each has a small JSON file that
// is on disk before anyone hears of it.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "sandbox/images/layers.h"
#include "sandbox/sandbox_types.h"

namespace acloud::sandbox::images {

enum class Kind { image, snapshot, built };
constexpr auto enum_names(Kind) {
  return std::array<std::pair<Kind, std::string_view>, 3>{
      {{Kind::image, "image"}, {Kind::snapshot, "snapshot"}, {Kind::built, "template"}}};
}

struct Image {
  std::string workspace;
  std::string name;  // one in a workspace, whatever its kind
  Kind kind = Kind::image;
  std::vector<std::string> layers;  // the topmost first
  bool host_usr = true;
  std::map<std::string, std::string> env;
  std::optional<std::string> parent;   // the image below it
  std::optional<std::string> sandbox;  // that a snapshot was taken of
  std::optional<std::string> start;    // what a template starts in each sandbox
  Time created{};
  std::int64_t size = 0;
  static constexpr auto schema =
      fields(field("workspace", &Image::workspace, "", required), field("name", &Image::name, "", required),
             field("kind", &Image::kind, "", required), field("layers", &Image::layers, "", required),
             field("host_usr", &Image::host_usr, ""), field("env", &Image::env, ""),
             field("parent", &Image::parent, ""), field("sandbox", &Image::sandbox, ""),
             field("start", &Image::start, ""), field("created", &Image::created, "", required),
             field("size", &Image::size, ""));
};

// One that is there, with its layers.
struct KeptImage {
  Image image;
  Layers::Held layers;
};

inline constexpr std::size_t kLayersMost = 60;      // of an image; a jail takes 64
inline constexpr std::size_t kImagesMost = 10'000;  // of a workspace
inline constexpr std::string_view kBase = "base";

// 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit.
bool is_image_name(std::string_view text);
inline constexpr std::string_view kImageNameRule =
    "1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit";

class Images {
 public:
  // (blocks) Reads what is there; an image whose layers are not there is named in the log and left out.
  static Result<std::unique_ptr<Images>> open(const std::string& folder, Random& random);
  Layers& layers() { return *layers_; }

  // Errors: not_found.
  Result<KeptImage> find(const std::string& workspace, const std::string& name) const;
  // (blocks) On disk when it returns. Errors: conflict: there is one of that name; precondition_failed: there
  // are kImagesMost, or it has too many layers; unavailable.
  Result<> add(Image image, Layers::Held layers);
  // (blocks) Errors: not_found: also one of another kind.
  Result<> remove(const std::string& workspace, const std::string& name, Kind kind);
  // Up to `most`, by name, of those after `name`.
  std::vector<Image> after(const std::string& workspace, Kind kind, const std::string& name,
                           std::size_t most) const;
  std::set<std::string> workspaces() const;  // those that have any
  // (blocks) All of a workspace.
  void forget(const std::string& workspace);

 private:
  using Name = std::pair<std::string, std::string>;

  Images(std::string folder, std::unique_ptr<Layers> layers)
      : folder_(std::move(folder)), layers_(std::move(layers)) {}
  void load();
  std::string path(const Name& name) const;

  const std::string folder_;  // of records
  const std::unique_ptr<Layers> layers_;
  std::mutex writing_;        // one at a time changes what is on disk
  mutable std::mutex mutex_;  // of what follows
  std::map<Name, KeptImage> all_;
};

}  // namespace acloud::sandbox::images
