// The `acloud` command: `acloud serve` is the cloud; everything else calls one.
#include <string>
#include <vector>

#include "base/paths.h"
#include "cli/cli.h"
#include "inference/engine/model_check.h"
#include "serve.h"
#include "storage/database/sqlite/worker.h"
#include "version.h"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  // The server starts this to see whether a model's file is sound.
  if (!words.empty() && words.front() == "check-model") {
    return acloud::inference::check_model_main(std::span(words).subspan(1));
  }
  // And this to run SQL from strangers.
  if (!words.empty() && words.front() == "database-worker") {
    return acloud::storage::sqlite::worker_main(std::span(words).subspan(1));
  }
  const acloud::SystemClock clock;
  const auto world =
      acloud::cli::world_of_process(clock, acloud::default_data_folder(), std::string(acloud::kVersion));
  return acloud::cli::run(words, world, {{"serve", "Run the cloud.", acloud::serve}});
}
