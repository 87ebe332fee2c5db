#include "async/machine_load.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace acloud::async {
namespace {

// Whatever else runs here, processors are wanted while there are more that work than processors.
TEST(MachineLoad, SeesThatAllAreBusy) {
  std::atomic<bool> stop{false};
  {
    std::vector<std::jthread> busy;
    for (unsigned i = 0; i <= std::thread::hardware_concurrency(); ++i) {
      busy.emplace_back([&] {
        while (!stop) {
        }
      });
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!processors_are_wanted() && std::chrono::steady_clock::now() < end) {
    }
    EXPECT_TRUE(processors_are_wanted());
    stop = true;
  }
}

}  // namespace
}  // namespace acloud::async
