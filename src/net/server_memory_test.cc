// A body of 1 GB, up and down, must not grow memory: it streams, and the slower side sets the pace.
#include <unistd.h>

#include <fstream>
#include <thread>

#include "net/server_test_support.h"

namespace acloud::net {
namespace {

constexpr std::uint64_t kGigabyte = 1ULL << 30;
constexpr std::uint64_t kMayGrow = 16ULL << 20;

std::uint64_t resident() {
  std::uint64_t all = 0;
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> all >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// The most that was resident while `work` ran, above what was before.
std::uint64_t growth_during(const std::function<void()>& work) {
  const std::uint64_t before = resident();
  std::uint64_t most = before;
  std::jthread watch([&most](std::stop_token stop) {
    while (!stop.stop_requested()) {
      most = std::max(most, resident());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // a sample, not a wait
    }
  });
  work();
  watch.request_stop();
  watch.join();
  return most - before;
}

Task<Response> count(Request& request) {
  std::uint64_t size = 0;
  while (true) {
    const auto bytes = co_await request.body.read();
    if (!bytes || bytes->empty()) break;
    size += bytes->size();
  }
  co_return Response{.body = Body(std::to_string(size))};
}

class Zeros final : public Stream {
 public:
  Task<Result<std::string>> read() override {
    std::string bytes(std::min<std::uint64_t>(left_, 64 * 1024), '0');
    left_ -= bytes.size();
    co_return bytes;
  }

 private:
  std::uint64_t left_ = kGigabyte;
};

void upload(RawClient& client, std::string_view head, std::string_view piece, std::string_view last) {
  client.send(head);
  for (int i = 0; i < 1024; ++i) client.send(piece);
  client.send(last);
  EXPECT_EQ(body_of(client.read_response()), std::to_string(kGigabyte));
}

class ServerMemory : public testing::Test {
  void SetUp() override {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    GTEST_SKIP() << "a sanitizer keeps freed memory";
#endif
  }
};

TEST_F(ServerMemory, AnUploadOfAGigabyteStreams) {
  TestServer server(count);
  RawClient client(server.address());
  const std::string megabyte(1 << 20, 'x');
  EXPECT_LT(growth_during([&] {
              upload(client,
                     fmt::format("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", kGigabyte),
                     megabyte, "");
            }),
            kMayGrow);
  const std::string chunk = fmt::format("{:x}\r\n{}\r\n", megabyte.size(), megabyte);
  EXPECT_LT(growth_during([&] {
              upload(client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", chunk,
                     "0\r\n\r\n");
            }),
            kMayGrow);
}

TEST_F(ServerMemory, ADownloadOfAGigabyteWaitsForItsReader) {
  TestServer server([](Request& request) -> Task<Response> {
    std::optional<std::uint64_t> length;
    if (request.target == "/known") length = kGigabyte;
    co_return Response{.body = Body(std::make_unique<Zeros>(), length)};
  });
  for (const std::string_view target : {"/known", "/chunked"}) {
    RawClient client(server.address());
    std::uint64_t size = 0;
    EXPECT_LT(growth_during([&] {
                client.send(fmt::format("GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", target));
                while (true) {
                  const std::string bytes = client.read_some();
                  if (bytes.empty()) break;
                  size += bytes.size();
                }
              }),
              kMayGrow);
    EXPECT_GT(size, kGigabyte);
  }
}

}  // namespace
}  // namespace acloud::net
