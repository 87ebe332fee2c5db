// The model files that an operator had fetched, in one folder of the server's.
//
// A file is written beside its place and moved there when it is whole, has the digest that was asked for, and
// was found sound by a child process (model_check.h). What was cut off is gone on with by the next pull that
// names the same digest.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "async/wait.h"
#include "inference/engine/model_check.h"
#include "inference/files/source.h"

namespace acloud::inference {

struct ModelFile {
  std::string name;
  std::int64_t bytes = 0;
  std::int64_t modified = 0;  // Unix seconds
};

class ModelFiles {
 public:
  // `pool` outlives it. The folder is made when something is pulled.
  ModelFiles(std::string folder, async::BlockingPool& pool, ModelCheck check = {})
      : folder_(std::move(folder)), pool_(pool), check_(std::move(check)) {}

  // Where the file is that the configuration calls `file`: a name alone is one of this folder.
  std::string path_of(const std::string& file) const;

  struct Wanted {
    std::string source;                 // see open_source()
    std::string name;                   // "" for the source's last part
    std::optional<std::string> sha256;  // 64 hexadecimal digits
  };
  struct Pulled {
    ModelFile file;
    std::string sha256;
    bool was_there = false;  // with that digest: nothing was fetched
  };
  // How many bytes are there, and of how many. An error ends the pull.
  using Progress = std::function<Task<Result<>>(std::int64_t bytes, std::optional<std::int64_t> of)>;
  // Errors: those of open_source(); invalid_argument (the name, another digest, a file that is no sound
  // model); conflict (another file has the name, or it is being pulled); unavailable: the source broke off,
  // or the disk is full.
  Task<Result<Pulled>> pull(Wanted wanted, Progress progress);

  // By name. A folder that was not made yet has none.
  Task<Result<std::vector<ModelFile>>> list();
  // Also what a pull that was cut off has left. A model that runs keeps its file until it ends. Errors:
  // not_found; conflict: it is being pulled.
  Task<Result<>> remove(std::string name);

 private:
  class Part;
  // Keeps a name while it is pulled or removed.
  class Claim;

  Task<Result<Pulled>> fetch(const Wanted& wanted, Progress progress);

  std::string folder_;
  async::BlockingPool& pool_;
  ModelCheck check_;
  std::mutex mutex_;
  std::set<std::string> claimed_;
};

}  // namespace acloud::inference
