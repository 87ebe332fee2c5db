// Images in the OCI layout: a folder with index.json, which leads to a manifest, which names a configuration
// and layers, all under blobs/ by their digests. (OCI image specification 1.1, image-layout.md.)
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::images {

struct OciImage {
  std::vector<std::string> layers;         // digests as 64 hex digits, the lowest first
  std::map<std::string, std::string> env;  // of its configuration
};

inline constexpr std::size_t kOciLayersMost = 48;

// Whether `folder`, O_PATH will do, has one.
bool is_oci_layout(int folder);
// The image for this machine's processor. Errors: not_found: there is none; invalid_argument: what the
// documents say can't be; too_large.
Result<OciImage> read_oci_layout(int folder);
// A layer, to be read. Errors: not_found.
Result<jail::Fd> open_oci_blob(int folder, const std::string& digest);

// The parts, for documents of whoever. `architecture` in the words of OCI: "amd64".
// The digest of the manifest, or of a further index.
Result<std::string> choose_manifest(const Json& index, const std::string& architecture);
struct OciManifest {
  std::string config;
  std::vector<std::string> layers;
};
Result<OciManifest> read_manifest(const Json& manifest);
std::map<std::string, std::string> read_environment(const Json& config);

}  // namespace acloud::sandbox::images
