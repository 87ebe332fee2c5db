// Layers of images in one folder of the server, each a tree of files under the name of its digest, so that
// it is there once however many images have it.
//
// A layer stays as long as somebody holds it: an image, or a sandbox that stands on it. What nobody holds
// sweep() removes. A layer is put together as a draft and gets its name when it is whole, so that what a
// killed server has left half made is known for that.
//
// Thread-safe. But for hold() all of it blocks.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::images {

class Layers {
 public:
  // Keeps layers while it lives.
  class Hold {
   public:
    Hold(Layers& layers, std::vector<std::string> ids) : layers_(layers), ids_(std::move(ids)) {}
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    const std::vector<std::string>& ids() const { return ids_; }  // the topmost first

   private:
    Layers& layers_;
    std::vector<std::string> ids_;
  };
  // Shared by an image and the sandboxes that stand on it.
  using Held = std::shared_ptr<const Hold>;

  // A layer in the making; it goes with the object, unless it was kept.
  class Draft {
   public:
    Draft(std::string path, jail::Fd folder) : path_(std::move(path)), folder_(std::move(folder)) {}
    Draft(Draft&& other) noexcept
        : path_(std::exchange(other.path_, {})), folder_(std::move(other.folder_)) {}
    Draft& operator=(Draft&&) = delete;
    ~Draft();
    int folder() const { return folder_.get(); }

   private:
    friend class Layers;
    std::string path_;
    jail::Fd folder_;
  };

  // Makes the folder where it is missing, and removes drafts. Errors: internal.
  static Result<std::unique_ptr<Layers>> open(std::string folder, Random& random);

  Result<Draft> draft();
  // Gives a draft its name, unless that layer is there. Errors: unavailable.
  Result<Held> keep(Draft draft, const std::string& id);
  // Null where one of them isn't there.
  Held hold(std::vector<std::string> ids);
  std::string path(const std::string& id) const { return folder_ + "/layers/" + id; }
  // For files on the same disk; emptied at the start.
  std::string drafts() const { return folder_ + "/drafts"; }
  // Removes what nobody holds. REQUIRES: whoever had layers before the start holds them again.
  void sweep();
  // Something has been let go of since the last sweep.
  bool wants_sweep() const;
  // Waits until all of it is on disk.
  Result<> sync() const;

 private:
  Layers(std::string folder, Random& random) : folder_(std::move(folder)), random_(random) {}
  void let_go(const std::vector<std::string>& ids);

  const std::string folder_;
  Random& random_;
  mutable std::mutex mutex_;  // of what follows, and of the names in the folder
  std::map<std::string, std::size_t> held_;
  bool dropped_ = false;
};

// "sha256-" and 64 hex digits, or "own-" and 24: what may be a layer's name.
bool is_layer_id(std::string_view id);

}  // namespace acloud::sandbox::images
