#include "net/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "net/listen.h"
#include "net/tcp_acknowledged.h"

namespace acloud::net {
namespace {

using namespace std::chrono_literals;

std::string temporary_socket() {
  std::string pattern = std::filesystem::temp_directory_path() / "acloud-socket-XXXXXX";
  return std::string(::mkdtemp(pattern.data())) + "/socket";
}

Task<Result<std::string>> read_all(ByteStream& stream) {
  std::string all;
  for (;;) {
    ACLOUD_CO_TRY(const std::string bytes, co_await stream.read());
    if (bytes.empty()) co_return all;
    all += bytes;
  }
}

Task<> echo_once(Listener& listener) {
  auto stream = co_await listener.accept();
  if (!stream) co_return;
  const auto said = co_await read_all(**stream);
  EXPECT_TRUE(said);
  EXPECT_TRUE(co_await (*stream)->write("heard " + said.value_or("")));
  EXPECT_TRUE(co_await (*stream)->shutdown());
}

Task<Result<std::string>> ask(std::string address, std::string question) {
  ACLOUD_CO_TRY(auto stream, co_await connect(address, async::Deadline::after(5s)));
  ACLOUD_CO_CHECK(co_await stream->write(question));
  ACLOUD_CO_CHECK(co_await stream->shutdown());
  co_return co_await read_all(*stream);
}

Task<> ask_the_echo(std::string address) {
  const auto listener = Listener::bind(address);
  EXPECT_TRUE(listener) << (listener ? "" : listener.error().message());
  if (!listener) co_return;
  async::TaskScope scope;
  scope.spawn(echo_once(**listener));
  const auto answer = co_await ask((*listener)->address(), "you");
  EXPECT_EQ(answer.value_or("nothing"), "heard you");
  co_await scope.join();
}

TEST(Socket, ConnectsAndHalfCloses) {
  async::EventLoop loop;
  loop.run_until_done(ask_the_echo("127.0.0.1:0"));
  loop.run_until_done(ask_the_echo("[::1]:0"));
  const std::string path = temporary_socket();
  loop.run_until_done(ask_the_echo("unix:" + path));
  EXPECT_FALSE(std::filesystem::exists(path));  // the listener has taken it away
  std::filesystem::remove_all(std::filesystem::path(path).parent_path());
}

Task<> bind_twice() {
  const auto first = Listener::bind("127.0.0.1:0");
  EXPECT_TRUE(first);
  const auto second = Listener::bind((*first)->address());
  EXPECT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::conflict);
  for (const std::string_view wrong :
       {"", "host", "no host:80", "127.0.0.1:http", "127.0.0.1:70000", "unix:"}) {
    const auto refused = Listener::bind(wrong);
    EXPECT_FALSE(refused) << wrong;
    if (!refused) EXPECT_EQ(refused.error().code(), ErrorCode::invalid_argument) << wrong;
  }
  co_return;
}

// What a killed server leaves behind is no server; a living one's socket is not taken away.
TEST(Socket, ReplacesASocketFileThatNobodyListensOn) {
  const std::string path = temporary_socket();
  const Result<int> killed = listen_on("unix:" + path);
  ASSERT_TRUE(killed);
  EXPECT_EQ(listen_on("unix:" + path).error().code(), ErrorCode::conflict);
  ::close(*killed);
  ASSERT_TRUE(std::filesystem::exists(path));
  const Result<int> next = listen_on("unix:" + path);
  EXPECT_TRUE(next) << (next ? "" : next.error().message());
  if (next) ::close(*next);
  std::filesystem::remove_all(std::filesystem::path(path).parent_path());
}

TEST(Socket, SaysWhyItCannotListen) {
  async::EventLoop loop;
  loop.run_until_done(bind_twice());
}

Task<> refused() {
  std::string address;
  {
    const auto listener = Listener::bind("127.0.0.1:0");
    address = (*listener)->address();
  }
  const auto stream = co_await connect(address, async::Deadline::after(5s));
  EXPECT_FALSE(stream);
  EXPECT_EQ(stream.error().code(), ErrorCode::unavailable);
  const auto no_socket = co_await connect("unix:/no/such/socket", async::Deadline::after(5s));
  EXPECT_FALSE(no_socket);
  const auto unknown = co_await resolve("no-such-host.invalid", async::Deadline::after(20s));
  EXPECT_FALSE(unknown);
  const auto known = co_await resolve("localhost", async::Deadline::after(20s));
  EXPECT_TRUE(known && !known->empty());
}

TEST(Socket, SaysWhyItCannotConnect) {
  async::EventLoop loop;
  loop.run_until_done(refused());
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                                std::filesystem::directory_iterator()));
}

Task<> wait_for(int fd, std::optional<Result<>>& into) { into = co_await wait_readable(fd); }

Task<> wait_and_stop(int fd, std::optional<Result<>>& into) {
  async::TaskScope scope;
  scope.spawn(wait_for(fd, into));
  (void)co_await async::sleep_for(10ms);
  EXPECT_FALSE(into);
  scope.cancel();
  co_await scope.join();
}

TEST(Socket, WaitsForADescriptorAndLeavesItAsItWas) {
  async::EventLoop loop;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::optional<Result<>> result;
  loop.run_until_done(wait_and_stop(ends[0], result));
  ASSERT_TRUE(result && !*result);
  EXPECT_EQ(result->error().code(), ErrorCode::cancelled);
  EXPECT_EQ(::fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);

  result.reset();
  std::jthread writer([&] {
    std::this_thread::sleep_for(30ms);
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
  });
  loop.run_until_done(wait_for(ends[0], result));
  EXPECT_TRUE(result && *result);
  ::close(ends[0]);
  ::close(ends[1]);
}

// Each waits for an end of a pipe; the last two for the same one.
Task<> wait_for_all(const std::vector<std::array<int, 2>>& pipes,
                    std::vector<std::optional<Result<>>>& results) {
  async::TaskScope scope;
  const std::size_t before = open_descriptors();
  for (std::size_t i = 0; i < pipes.size(); ++i) scope.spawn(wait_for(pipes[i][0], results[i]));
  scope.spawn(wait_for(pipes.back()[0], results.back()));
  (void)co_await async::sleep_for(10ms);
  EXPECT_LE(open_descriptors(), before + 3) << "the set, and a copy of what two wait for";
  EXPECT_TRUE(std::ranges::none_of(results, [](const auto& result) { return result.has_value(); }));
  for (std::size_t i = 1; i < pipes.size(); ++i) EXPECT_EQ(::write(pipes[i][1], "x", 1), 1);
  while (
      !std::all_of(results.begin() + 1, results.end(), [](const auto& result) { return result && *result; }))
    (void)co_await async::sleep_for(1ms);
  EXPECT_FALSE(results[0]);
  ::close(pipes[0][1]);  // its end is readable, too
  co_await scope.join();
  EXPECT_TRUE(results[0] && *results[0]);
}

TEST(Socket, WaitsForManyDescriptorsWithOne) {
  std::vector<std::array<int, 2>> pipes(300);
  for (auto& ends : pipes) ASSERT_EQ(::pipe(ends.data()), 0);
  for (int round = 0; round < 2; ++round) {  // loops end although their set is kept
    if (round == 1) ASSERT_EQ(::pipe(pipes[0].data()), 0);
    std::vector<std::optional<Result<>>> results(pipes.size() + 1);
    async::EventLoop loop;
    loop.run_until_done(wait_for_all(pipes, results));
    char byte = 0;
    for (std::size_t i = 1; i < pipes.size(); ++i) EXPECT_EQ(::read(pipes[i][0], &byte, 1), 1);
    ::close(pipes[0][0]);
  }
  for (std::size_t i = 1; i < pipes.size(); ++i) {
    ::close(pipes[i][0]);
    ::close(pipes[i][1]);
  }
}

// Whose descriptor was closed under him can't take the next one's with that number away.
Task<> close_too_early() {
  async::TaskScope early, late;
  std::array<int, 2> first{}, second{};
  EXPECT_EQ(::pipe(first.data()), 0);
  std::optional<Result<>> of_first, of_second;
  early.spawn(wait_for(first[0], of_first));
  (void)co_await async::sleep_for(1ms);
  ::close(first[0]);
  EXPECT_EQ(::pipe(second.data()), 0);
  EXPECT_EQ(second[0], first[0]);
  late.spawn(wait_for(second[0], of_second));
  (void)co_await async::sleep_for(1ms);
  early.cancel();
  co_await early.join();
  EXPECT_EQ(::write(second[1], "x", 1), 1);
  for (int ms = 0; ms < 10'000 && !of_second; ++ms) (void)co_await async::sleep_for(1ms);
  late.cancel();
  co_await late.join();
  EXPECT_TRUE(of_second && *of_second) << "nobody told of the second";
  for (const int fd : {first[1], second[0], second[1]}) ::close(fd);
}

TEST(Socket, WaitsForANumberThatIsUsedAgain) {
  async::EventLoop loop;
  loop.run_until_done(close_too_early());
}

Task<Result<std::string>> read_fd(int fd) {
  const auto stream = adopt(fd);
  co_return co_await read_all(*stream);
}

TEST(Socket, ReadsAPipeToItsEnd) {
  async::EventLoop loop;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "piped", 5), 5);
  ::close(ends[1]);
  EXPECT_EQ(loop.run_until_done(read_fd(ends[0])).value_or("nothing"), "piped");
}

// The last process on a pty's other side goes: EIO, which is its way to say the end.
TEST(Socket, ReadsAPtyToItsEnd) {
  async::EventLoop loop;
  int master = -1;
  const pid_t child = ::forkpty(&master, nullptr, nullptr, nullptr);
  if (child == 0) {
    (void)!::write(1, "terminal", 8);
    ::_exit(0);
  }
  EXPECT_EQ(loop.run_until_done(read_fd(master)).value_or("nothing"), "terminal");
  ::waitpid(child, nullptr, 0);
}

// What the client goes by when it sends a request again: bytes that reached a closed socket were not taken.
TEST(TcpAcknowledged, CountsWhatThePeersKernelTook) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener, generic, size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, generic, &size), 0);
  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(::connect(client, generic, size), 0);
  const int server = ::accept(listener, nullptr, nullptr);
  char bytes[100] = {};
  const auto before = tcp_acknowledged(client);
  ASSERT_TRUE(before);
  ASSERT_EQ(::send(client, bytes, 100, 0), 100);
  ASSERT_EQ(::recv(server, bytes, 100, MSG_WAITALL), 100);
  ASSERT_EQ(::send(server, bytes, 1, 0), 1);  // carries the acknowledgement
  ASSERT_EQ(::recv(client, bytes, 1, 0), 1);
  const auto taken = tcp_acknowledged(client);
  EXPECT_EQ(taken, *before + 100);
  ::close(server);
  ASSERT_EQ(::send(client, bytes, 50, MSG_NOSIGNAL), 50);  // as much as a client can see
  while (::recv(client, bytes, 100, 0) > 0) continue;
  EXPECT_EQ(tcp_acknowledged(client), taken);
  ::close(client);
  ::close(listener);
  EXPECT_EQ(tcp_acknowledged(-1), std::nullopt);
}

Task<> join_two(int a, int b) {
  const auto left = adopt(a);
  const auto right = adopt(b);
  (void)co_await pipe(*left, *right);
}

TEST(Socket, PipesBothWaysUntilBothHaveEnded) {
  async::EventLoop loop;
  int left[2];
  int right[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, left), 0);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, right), 0);
  std::string answer;
  std::jthread ends([&] {
    EXPECT_EQ(::write(left[1], "ping", 4), 4);
    ::shutdown(left[1], SHUT_WR);
    char bytes[16];
    std::string heard;
    for (ssize_t n = 0; (n = ::read(right[1], bytes, sizeof(bytes))) > 0;)
      heard.append(bytes, static_cast<std::size_t>(n));
    EXPECT_EQ(heard, "ping");
    EXPECT_EQ(::write(right[1], "pong", 4), 4);
    ::close(right[1]);
    for (ssize_t n = 0; (n = ::read(left[1], bytes, sizeof(bytes))) > 0;)
      answer.append(bytes, static_cast<std::size_t>(n));
    ::close(left[1]);
  });
  loop.run_until_done(join_two(left[0], right[0]));
  ends.join();
  EXPECT_EQ(answer, "pong");
}

}  // namespace
}  // namespace acloud::net
