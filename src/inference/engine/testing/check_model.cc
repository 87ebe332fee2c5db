// What check_model() starts in tests: the child alone.
#include "inference/engine/model_check.h"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  return acloud::inference::check_model_main(words);
}
