// Runs a fuzz target over the files of a corpus folder: `fuzz_NAME FOLDER|FILE...`. This is how the corpora
// are tested where the build is not libFuzzer's.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> inputs(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& path : inputs(argv[i])) {
      std::ifstream file(path, std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      if (!file) {
        fmt::print(stderr, "{}: can't be read\n", path.string());
        return 1;
      }
      // Named before it runs, so that the last line names the input that ended the process.
      fmt::print(stderr, "{}\n", path.string());
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      ++count;
    }
  }
  fmt::print("{} inputs replayed\n", count);
  if (count > 0) return 0;
  fmt::print(stderr, "no inputs: every fuzz target has a corpus, at least of one file that is right\n");
  return 1;
}
