// What jails cost, beside bubblewrap and crun doing the like in the same run: a JSON object for each figure,
// as bench/README.md has them, medians of ROUNDS, of the bursts of five.
//
//   jail_bench [ROUNDS]
//
// "run true" is the whole of it for each: make an isolated place with all namespaces, run /bin/true in it,
// be rid of it.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "sandbox/jail/jail.h"

namespace acloud::sandbox::jail {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kBurst = 300;
constexpr int kBurstRounds = 5;

async::EventLoop& loop() {
  static async::EventLoop only;
  return only;
}
async::Deadline soon() { return async::Deadline::at(Clock::now() + std::chrono::seconds(60)); }

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().message());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

void report(const char* figure, const char* unit, double ours,
            const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json line = {{"figure", figure}, {"unit", unit}, {"ours", ours}};
  line.update(more);
  fmt::print("{}\n", line.dump());
}

class Series {
 public:
  void add(Clock::duration time) { values_.push_back(Milliseconds(time).count()); }
  double median() {
    std::ranges::sort(values_);
    return values_.empty() ? 0 : values_[values_.size() / 2];
  }
  void report(const char* figure, const nlohmann::json& more = nlohmann::json::object()) {
    jail::report(figure, "ms", median(), more);
  }

 private:
  std::vector<double> values_;
};

Command program(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  return command;
}

Task<Result<std::unique_ptr<Jail>>> create(Host& host, std::string id) {
  Spec spec;
  spec.id = std::move(id);
  co_return co_await host.create(std::move(spec), soon());
}
Task<Result<>> run_to_end(Jail& jail, Command command) {
  ACLOUD_CO_TRY(const auto process, co_await jail.exec(std::move(command), soon()));
  ACLOUD_CO_TRY(const Exit exit, co_await process->wait());
  if (exit.code != 0) co_return fail(ErrorCode::internal, "the program failed");
  co_return Result<>();
}
Task<Result<std::unique_ptr<Process>>> start(Jail& jail, Command command) {
  co_return co_await jail.exec(std::move(command), soon());
}

Task<Result<>> create_and_run(Host& host, std::string id) {
  ACLOUD_CO_TRY(const auto jail, co_await create(host, std::move(id)));
  co_return co_await run_to_end(*jail, program({"/bin/true"}));
}

// While nobody waits the next ones are made, and what has ended is cleared away.
void rest() { ::usleep(20'000); }

Clock::duration timed(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return Clock::now() - start;
}

// Without a shell between. False where the program isn't there.
bool spawn_and_wait(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  if (::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return false;
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status == 0;
}

// Nothing where the program isn't there, or fails.
std::optional<double> measure_peer(int rounds, const std::vector<std::string>& words) {
  if (!spawn_and_wait(words)) return std::nullopt;
  Series series;
  for (int i = 0; i < rounds; ++i) {
    series.add(timed([&] { spawn_and_wait(words); }));
    rest();
  }
  return series.median();
}

void measure_steps(Host& host, int rounds) {
  Series made, gone, hand_over, first_run, next_hand_over, next_run, freeze, thaw;
  // Until exec is known to have succeeded, and to the end.
  const auto run = [](Jail& jail, Series& started, Series& ended) {
    const auto begin = Clock::now();
    const auto process = must(loop().run_until_done(start(jail, program({"/bin/true"}))));
    started.add(Clock::now() - begin);
    must(loop().run_until_done(process->wait()));
    ended.add(Clock::now() - begin);
  };
  for (int i = 0; i < rounds; ++i) {
    std::unique_ptr<Jail> jail;
    made.add(timed([&] { jail = must(loop().run_until_done(create(host, "bench"))); }));
    run(*jail, hand_over, first_run);
    run(*jail, next_hand_over, next_run);
    if (host.report().enforces("freeze")) {
      freeze.add(timed([&] { must(loop().run_until_done(jail->freeze(soon()))); }));
      thaw.add(timed([&] { must(loop().run_until_done(jail->thaw(soon()))); }));
    }
    gone.add(timed([&] { must(loop().run_until_done(host.destroy("bench", soon()))); }));
    jail.reset();  // the last of its disk goes while nobody is measured
    rest();
  }
  made.report("jail: create, its parts prepared");
  hand_over.report("jail: hand-over until exec has succeeded", {{"bound", "<= 0.5"}});
  next_hand_over.report("jail: the same for another at once");
  first_run.report("jail: first `true`, to its end");
  next_run.report("jail: next `true`, to its end");
  if (host.report().enforces("freeze")) {
    freeze.report("jail: freeze", {{"bound", "<= 2"}});
    thaw.report("jail: thaw", {{"bound", "<= 2"}});
  }
  gone.report("jail: destroy");
}

std::uint64_t free_memory() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  std::uint64_t value = 0, available = 0;
  while (file >> name >> value >> unit) {
    if (name == "MemAvailable:") available = value * 1024;
  }
  return available;
}

Task<Result<>> burst(Host& host) {
  std::vector<Task<Result<int>>> all;
  const auto one = [](Host& host, int i) -> Task<Result<int>> {
    ACLOUD_CO_CHECK(co_await create_and_run(host, fmt::format("burst{}", i)));
    co_return i;
  };
  for (int i = 0; i < kBurst; ++i) all.push_back(one(host, i));
  ACLOUD_CO_TRY(const auto done, co_await async::all(std::move(all)));
  co_return Result<>();
}

Task<Result<>> end_burst(Host& host) {
  std::vector<Task<Result<int>>> all;
  const auto one = [](Host& host, int i) -> Task<Result<int>> {
    ACLOUD_CO_CHECK(co_await host.destroy(fmt::format("burst{}", i), soon()));
    co_return i;
  };
  for (int i = 0; i < kBurst; ++i) all.push_back(one(host, i));
  ACLOUD_CO_TRY(const auto done, co_await async::all(std::move(all)));
  co_return Result<>();
}

void measure_burst(Host& host) {
  Series made, gone;
  std::vector<double> each;
  for (int i = 0; i < kBurstRounds; ++i) {
    const std::uint64_t before = free_memory();
    made.add(timed([&] { must(loop().run_until_done(burst(host))); }));
    each.push_back(static_cast<double>(before - std::min(before, free_memory())) / kBurst / (1 << 20));
    gone.add(timed([&] { must(loop().run_until_done(end_burst(host))); }));
  }
  std::ranges::sort(each);
  made.report("jail: 300 created at once, each has run `true`", {{"bound", "<= 1500"}});
  report("jail: memory of one while idle", "MiB", each[each.size() / 2], {{"bound", "<= 1"}});
  gone.report("jail: 300 destroyed at once", {{"bound", "<= 300"}});
}

// A bundle that does the same as the others: all namespaces, the host's /usr read-only.
void write_bundle(const std::string& folder) {
  std::filesystem::create_directories(folder + "/rootfs");
  for (const char* name : {"usr", "proc", "dev"})
    std::filesystem::create_directories(folder + "/rootfs/" + name);
  for (const char* name : {"bin", "lib", "lib64"}) {
    std::filesystem::create_symlink(fmt::format("usr/{}", name), fmt::format("{}/rootfs/{}", folder, name));
  }
  nlohmann::json namespaces = nlohmann::json::array();
  for (const char* type : {"pid", "network", "ipc", "uts", "mount", "cgroup"})
    namespaces.push_back({{"type", type}});
  const nlohmann::json config = {
      {"ociVersion", "1.0.0"},
      {"process",
       {{"cwd", "/"},
        {"args", {"/bin/true"}},
        {"user", {{"uid", 0}, {"gid", 0}}},
        {"env", nlohmann::json::array()}}},
      {"root", {{"path", "rootfs"}}},
      {"mounts",
       {{{"destination", "/usr"}, {"type", "none"}, {"source", "/usr"}, {"options", {"rbind", "ro"}}},
        {{"destination", "/proc"}, {"type", "proc"}, {"source", "proc"}},
        {{"destination", "/dev"}, {"type", "tmpfs"}, {"source", "tmpfs"}}}},
      {"linux", {{"namespaces", namespaces}}}};
  std::ofstream(folder + "/config.json") << config.dump();
}

int bench(int rounds) {
  std::string pattern = "/tmp/acloud-jail-bench-XXXXXX";
  const std::string folder = ::mkdtemp(pattern.data());
  {
    const auto host = must(Host::start({.folder = folder + "/host", .prepared = 8}));
    if (!host->report().available) {
      fmt::print("no jail can be made here: {}\n", host->report().problem);
      return 0;
    }
    measure_steps(*host, rounds);
    Series whole;
    for (int i = 0; i < rounds; ++i) {
      whole.add(timed([&] {
        must(loop().run_until_done(create_and_run(*host, "whole")));
        must(loop().run_until_done(host->destroy("whole", soon())));
      }));
      rest();
    }
    const auto bubblewrap =
        measure_peer(rounds, {"bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin",
                              "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
                              "--proc", "/proc", "--dev", "/dev", "/bin/true"});
    write_bundle(folder + "/bundle");
    const auto crun =
        measure_peer(std::min(rounds, 20), {"crun", "run", "--bundle", folder + "/bundle", "acloud-bench"});
    const auto beside = [&](const char* peer, const std::optional<double>& theirs, const char* bound) {
      if (theirs)
        whole.report("jail: create, run true, destroy",
                     {{"peer", peer}, {"theirs", *theirs}, {"bound", bound}});
    };
    beside("bubblewrap", bubblewrap, "ratio <= 1");
    beside("crun", crun, "ratio <= 0.1");  // not on a machine with cgroup v2 beside v1: bench/sandbox.py does
    // What none of them can be faster than.
    if (const auto alone = measure_peer(rounds, {"/bin/true"}))
      report("no jail: posix_spawn of true, to its end", "ms", *alone);
    measure_burst(*host);
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace acloud::sandbox::jail

int main(int argc, char** argv) {
  return acloud::sandbox::jail::bench(argc > 1 ? std::max(5, std::atoi(argv[1])) : 50);
}
