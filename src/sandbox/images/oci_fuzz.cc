// The documents of an OCI layout: what is read from them may name files, so digests are digests.
#include "fuzz.h"
#include "sandbox/images/oci_layout.h"

using namespace acloud;
using namespace acloud::sandbox::images;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto is_digest = [](const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  };
  const auto json = parse_json(std::string(fuzz::text(data, size)));
  if (!json) return 0;
  if (const auto chosen = choose_manifest(*json, "amd64"))
    fuzz::require(is_digest(*chosen), "the manifest's digest");
  if (const auto manifest = read_manifest(*json)) {
    fuzz::require(is_digest(manifest->config), "the configuration's digest");
    fuzz::require(!manifest->layers.empty() && manifest->layers.size() <= kOciLayersMost, "how many layers");
    for (const std::string& digest : manifest->layers) fuzz::require(is_digest(digest), "a layer's digest");
  }
  for (const auto& [name, value] : read_environment(*json))
    fuzz::require(!name.empty() && name.find('=') == std::string::npos, "a variable's name");
  return 0;
}
