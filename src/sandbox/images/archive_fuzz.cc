// Archives of whoever, as layers and as plain trees: nothing may appear beside the folder that they go into.
#include <fcntl.h>

#include <filesystem>

#include "fuzz.h"
#include "sandbox/images/archive_reader.h"

namespace {

namespace fs = std::filesystem;
using namespace acloud::sandbox;

const fs::path& playground() {
  static const fs::path folder = [] {
    std::string name = (fs::temp_directory_path() / "acloud-archive-fuzz-XXXXXX").string();
    return fs::path(::mkdtemp(name.data()));
  }();
  return folder;
}

void unpack_into(const fs::path& folder, std::string_view bytes, bool whiteouts) {
  fs::create_directories(folder);
  images::TreeWriter to(jail::Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
                        {.budget = {.bytes = 1 << 20, .entries = 200}});
  const images::Source source = [&]() -> acloud::Result<std::string_view> {
    return std::exchange(bytes, {});
  };
  (void)images::unpack(source, to, {.whiteouts = whiteouts});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = acloud::fuzz::text(data, size);
  unpack_into(playground() / "in/tree", bytes, false);
  unpack_into(playground() / "in/layer", bytes, true);
  const auto entries = [](const fs::path& folder) {
    return std::distance(fs::directory_iterator(folder), {});
  };
  acloud::fuzz::require(entries(playground()) == 1 && entries(playground() / "in") == 2,
                        "all of it is inside");
  fs::remove_all(playground() / "in");
  return 0;
}
