// Makes layers of what is brought from outside: a folder, a tar, an OCI layout as a folder or in a tar, and
// what a sandbox has written. All of it blocks, for as long as copying takes.
#pragma once

#include <atomic>

#include "sandbox/images/layers.h"
#include "sandbox/images/tree_writer.h"

namespace acloud::sandbox::images {

struct Imported {
  Layers::Held layers;
  std::map<std::string, std::string> env;
  std::int64_t size = 0;  // bytes of what was new here
  bool host_usr = true;   // it has no programs of its own, and stands on the host's /usr
};

class Importer {
 public:
  // `privileged`: jails are made by root, so that files have owners.
  Importer(Layers& layers, Random& random, bool privileged, Budget budget = {})
      : layers_(layers), random_(random), privileged_(privileged), budget_(budget) {}

  // Whatever is being made fails soon: the server ends. Thread-safe.
  void stop() { stop_ = true; }

  // From the host's file system. Errors: not_found; invalid_argument: it is none of these, or an entry may
  // not be; too_large; unavailable.
  Result<Imported> from_path(const std::string& path);
  // From a file that holds a tar.
  Result<Imported> from_tar(int file);
  // What a sandbox has written: jail::Jail::written(). `first_id`: the host's number for its root.
  Result<Imported> from_written(int folder, std::uint32_t first_id, std::uint32_t ids);

 private:
  Result<Imported> from_folder(int folder);
  Result<Imported> from_oci(int folder);
  Result<Layers::Held> layer_from_tar(int file, const std::string& digest, std::int64_t& size);
  // `archive`: what is written comes from one.
  Result<TreeWriter> writer(const Layers::Draft& draft, bool archive) const;
  // Whether the image has programs of its own. Errors: invalid_argument: files that the host's /usr would
  // hide.
  Result<bool> stands_on_host(const Layers::Hold& layers) const;

  Layers& layers_;
  Random& random_;
  const bool privileged_;
  const Budget budget_;
  std::atomic<bool> stop_{false};
};

}  // namespace acloud::sandbox::images
