#include "serve.h"

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "async/task_scope.h"
#include "base/log.h"
#include "base/paths.h"
#include "cloud.h"
#include "config.h"
#include "data_folder.h"
#include "net/socket.h"

namespace acloud {
namespace {

struct Flags {
  std::string config;
  std::optional<std::string> listen, data, log;
  std::optional<std::int64_t> drain;
  bool conformance = false;
};

std::optional<log::Level> log_level(std::string_view name) {
  if (name == "debug") return log::Level::debug;
  if (name == "info") return log::Level::info;
  if (name == "warn") return log::Level::warn;
  if (name == "error") return log::Level::error;
  return std::nullopt;
}

// "10s", "10" or "1500ms" in seconds, rounded up.
std::string drain_seconds(std::string& text) {
  std::string_view digits = text;
  const bool milliseconds = digits.ends_with("ms");
  if (milliseconds) {
    digits.remove_suffix(2);
  } else if (digits.ends_with('s')) {
    digits.remove_suffix(1);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 0 || value > 3'600'000) {
    return text + " is not a time such as 10s or 500ms";
  }
  text = std::to_string(milliseconds ? (value + 999) / 1000 : value);
  return "";
}

Result<Config> effective_config(const Flags& flags) {
  Config config;
  config.server.data = default_data_folder();
  if (!flags.config.empty()) {
    ACLOUD_TRY(Config loaded, load_config(flags.config));
    if (loaded.server.data == ServerConfig{}.data) loaded.server.data = config.server.data;
    config = std::move(loaded);
  }
  if (flags.listen) config.server.listen = *flags.listen;
  if (flags.data) config.server.data = *flags.data;
  if (flags.log) config.server.log = *flags.log;
  if (flags.drain) config.server.drain = std::chrono::seconds(*flags.drain);
  config.conformance = flags.conformance;
  const auto level = log_level(config.server.log);
  if (!level) {
    return fail(ErrorCode::invalid_argument, "log: {} is not one of debug, info, warn, error",
                config.server.log);
  }
  log::set_level(*level);
  return config;
}

// A connection is a descriptor and a sandbox several, so the customary limit of 1,024 is soon met. As many as
// the process may ask for: up to the hard limit, beyond it with CAP_SYS_RESOURCE. Jails set their own.
void allow_many_files() {
  constexpr rlim_t kFiles = 1 << 20;  // fs.nr_open, as kernels come
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kFiles) return;
  const rlimit wanted{kFiles, std::max(kFiles, limit.rlim_max)}, possible{limit.rlim_max, limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &wanted) != 0) ::setrlimit(RLIMIT_NOFILE, &possible);
}

// Signals come as reads of a descriptor, so that they are one more thing that a task waits for. Blocked
// before any thread starts, since threads inherit that.
int block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

// SIGHUP: the providers and models of the file are taken as it stands now; a fault in it changes nothing.
void reload(Cloud& cloud, const std::string& path) {
  if (path.empty()) {
    log::warn("nothing to reload: there is no --config");
    return;
  }
  const auto config = load_config(path);
  const auto taken = config ? cloud.reload(*config) : std::unexpected(config.error());
  if (taken) {
    log::info("configuration reloaded", {{"file", path}});
  } else {
    log::error("the configuration was not reloaded", {{"error", taken.error().message()}});
  }
}

// Gives the signal that ends the server; reloads meanwhile.
Task<Result<>> wait_for_end(Cloud& cloud, const std::string& path, int signals) {
  for (;;) {
    ACLOUD_CO_CHECK(co_await net::wait_readable(signals));
    signalfd_siginfo which{};
    if (::read(signals, &which, sizeof which) != sizeof which) continue;
    if (which.ssi_signo != SIGHUP) co_return Result<>();
    reload(cloud, path);
  }
}

Task<Result<>> serve_until_signal(Config config, DataFolder folder, int signals, std::string path) {
  ACLOUD_CO_TRY(auto cloud, co_await Cloud::start(std::move(config), std::move(folder)));
  fmt::print(stderr, "listening on {}\n", cloud->url());
  std::fflush(stderr);
  async::TaskScope background;
  background.spawn(cloud->maintain());
  const auto woken = co_await wait_for_end(*cloud, path, signals);
  log::info("stopping");
  background.cancel();
  co_await background.join();
  ACLOUD_CO_CHECK(co_await cloud->stop());
  co_return woken;
}

int failed(const Error& error, int code) {
  fmt::print(stderr, "acloud serve: {}\n", error.message());
  return code;
}

}  // namespace

int serve(std::span<const std::string> words) {
  Flags flags;
  CLI::App app("Runs the cloud.", "acloud serve");
  app.add_option("--listen", flags.listen,
                 "host:port, [ip6]:port or unix:/path; port 0 picks a free one (127.0.0.1:7300)");
  app.add_option("--data", flags.data, "Data folder (" + default_data_folder() + ")");
  app.add_option("--config", flags.config, "acloud.toml");
  app.add_option("--drain", flags.drain, "How long running calls may go on at the end (10s)")
      ->transform(CLI::Validator(drain_seconds, "TIME"));
  app.add_option("--log", flags.log, "debug, info, warn or error (info)");
  app.add_flag("--conformance", flags.conformance,
               "Serve the fixtures of the public MCP conformance suite at /conformance/mcp, without a key");
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // it takes them from the back
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  auto config = effective_config(flags);
  if (!config) return failed(config.error(), 2);
  auto folder = DataFolder::open(config->server.data);
  if (!folder) return failed(folder.error(), folder.error().code() == ErrorCode::conflict ? 3 : 1);
  allow_many_files();
  const int signals = block_signals();
  if (signals < 0) return failed(fail_errno(errno, "signalfd").error(), 1);
  async::EventLoop loop;
  const Result<> served =
      loop.run_until_done(serve_until_signal(*std::move(config), *std::move(folder), signals, flags.config));
  ::close(signals);
  return served ? 0 : failed(served.error(), traits(served.error().code()).exit_code);
}

}  // namespace acloud
