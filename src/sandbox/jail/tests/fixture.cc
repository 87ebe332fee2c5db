#include "sandbox/jail/tests/fixture.h"

#include <poll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>

namespace acloud::sandbox::jail {

using namespace std::chrono_literals;

namespace {

constexpr auto kPatience = 20s;

Task<Result<std::unique_ptr<Jail>>> create_on(Host& host, Spec spec) {
  co_return co_await host.create(std::move(spec), soon());
}
Task<Result<std::unique_ptr<Jail>>> attach_on(Host& host, std::string id) {
  co_return co_await host.attach(std::move(id), soon());
}
Task<Result<>> destroy_on(Host& host, std::string id) {
  co_return co_await host.destroy(std::move(id), soon());
}
Task<Result<std::unique_ptr<Process>>> exec_on(Jail& jail, Command command) {
  co_return co_await jail.exec(std::move(command), soon());
}

// Both streams at once, so that a full pipe never stops the program.
void drain(Process& process, std::string& out, std::string& err) {
  std::array<pollfd, 2> streams{pollfd{process.output.get(), POLLIN, 0},
                                pollfd{process.error.get(), POLLIN, 0}};
  std::array<char, 65536> buffer{};
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while ((streams[0].fd >= 0 || streams[1].fd >= 0) && std::chrono::steady_clock::now() < until) {
    ::poll(streams.data(), streams.size(), 100);
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (!streams[i].revents) continue;
      const ssize_t size = ::read(streams[i].fd, buffer.data(), buffer.size());
      if (size > 0) (i == 0 ? out : err).append(buffer.data(), static_cast<std::size_t>(size));
      if (size == 0) streams[i].fd = -1;
    }
  }
}

}  // namespace

bool is_root() { return ::geteuid() == 0; }
async::Deadline soon() { return async::Deadline::at(std::chrono::steady_clock::now() + kPatience); }

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "acloud-jail-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::string name_of(Kind kind) {
  return kind == Kind::root ? "AsRoot" : kind == Kind::user ? "AsUser" : "ByRuntime";
}

std::string why_not(Kind kind, const Jails* jails) {
  if (kind != Kind::user && !is_root()) return "needs root";
  if (kind == Kind::oci && ::access("/usr/bin/crun", X_OK) != 0) return "there is no crun";
  return jails == nullptr || jails->host().report().available ? "" : jails->host().report().problem;
}

Jails::Jails(const std::string& folder, Kind kind) {
  auto host = Host::start({folder, 2, kind != Kind::user, kind == Kind::oci ? "crun" : ""});
  if (!host) throw std::runtime_error(host.error().message());
  host_ = *std::move(host);
}

Jails::~Jails() {
  if (!host_) return;
  const auto left = host_->survivors();
  if (!left) return;
  for (const std::string& id : *left) EXPECT_TRUE(destroy(id)) << id;
}

void Jails::abandon() { host_.reset(); }

Result<std::unique_ptr<Jail>> Jails::try_create(Spec spec) {
  static std::atomic<int> serial = 0;
  if (spec.id.empty()) spec.id = fmt::format("j{}", ++serial);
  return await(create_on(*host_, std::move(spec)));
}

std::unique_ptr<Jail> Jails::create(Spec spec) {
  auto jail = try_create(std::move(spec));
  if (!jail) throw std::runtime_error("create: " + jail.error().message());
  return *std::move(jail);
}

std::unique_ptr<Jail> Jails::attach(const std::string& id) {
  auto jail = await(attach_on(*host_, id));
  if (!jail) throw std::runtime_error("attach: " + jail.error().message());
  return *std::move(jail);
}

Result<> Jails::destroy(const std::string& id) { return await(destroy_on(*host_, id)); }

Result<std::unique_ptr<Process>> Jails::start(Jail& jail, Command command) {
  return await(exec_on(jail, std::move(command)));
}

Exit Jails::wait(Process& process) {
  auto exit = await(process.wait());
  if (!exit) throw std::runtime_error("wait: " + exit.error().message());
  return *exit;
}

Outcome Jails::run(Jail& jail, Command command) {
  auto process = start(jail, std::move(command));
  if (!process) throw std::runtime_error("exec: " + process.error().message());
  Outcome outcome;
  (*process)->input.reset();
  (void)(*process)->close_input();
  drain(**process, outcome.out, outcome.err);
  outcome.exit = wait(**process);
  return outcome;
}

Command bash(const std::string& script, std::uint32_t uid) {
  Command command;
  command.argv = {"/bin/bash", "-c", script};
  command.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", "/root"}};
  command.uid = command.gid = uid;
  return command;
}

Outcome Jails::shell(Jail& jail, const std::string& script, std::uint32_t uid) {
  return run(jail, bash(script, uid));
}

std::string Jails::output(Jail& jail, const std::string& script) {
  const Outcome outcome = shell(jail, script);
  return outcome.out + outcome.err;
}

std::string read_all(int fd, const std::string& until) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (until.empty() || text.find(until) == std::string::npos) {
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, 10'000) <= 0) break;
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

void OnEachKind::SetUp() {
  if (const std::string lacks = why_not(GetParam(), nullptr); !lacks.empty()) GTEST_SKIP() << lacks;
  jails_ = std::make_unique<Jails>(folder_.path(), GetParam());
  const std::string lacks = why_not(GetParam(), jails_.get());
  // There it works, or the test says so.
  if (GetParam() == Kind::oci) ASSERT_EQ(lacks, "");
  if (!lacks.empty()) GTEST_SKIP() << lacks;
}

std::unique_ptr<Jail> OnEachKind::limited(Limits limits) {
  Spec spec;
  spec.limits = limits;
  return jails_->create(spec);
}

}  // namespace acloud::sandbox::jail
