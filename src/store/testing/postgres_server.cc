#include "store/testing/postgres_server.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/encoding.h"

namespace acloud::store::testing {
namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 60s;

std::string binary(std::string_view name) { return fmt::format("/usr/lib/postgresql/15/bin/{}", name); }

// Whom a server may run as: never root, which it refuses.
const passwd* unprivileged() {
  if (geteuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  return user != nullptr ? user : getpwnam("nobody");
}

// Its output goes to `log`. It ends, at once, when the thread that started it does.
pid_t spawn(const std::vector<std::string>& arguments, const std::string& folder, const std::string& log) {
  std::vector<char*> raw;
  raw.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  const passwd* user = unprivileged();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  // Between fork and exec only what needs no lock of another thread.
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  const bool dropped = user == nullptr ||
                       (setgroups(0, nullptr) == 0 && setgid(user->pw_gid) == 0 && setuid(user->pw_uid) == 0);
  prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after setuid, which clears it
  if (!dropped || chdir(folder.c_str()) != 0) _exit(126);
  execv(raw[0], raw.data());
  _exit(127);
}

}  // namespace

Result<std::unique_ptr<PostgresServer>> PostgresServer::start() {
  std::unique_ptr<PostgresServer> server(new PostgresServer());
  ACLOUD_CHECK(server->make_folder());
  ACLOUD_CHECK(server->init());
  ACLOUD_CHECK(server->again());
  return server;
}

PostgresServer& PostgresServer::shared() {
  static const std::unique_ptr<PostgresServer> server = [] {
    auto started = start();
    if (!started) {
      std::fprintf(stderr, "%s\n", started.error().message().c_str());
      std::exit(1);
    }
    return *std::move(started);
  }();
  return *server;
}

PostgresServer::~PostgresServer() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Result<> PostgresServer::make_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "acloud-postgres-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return fail_errno(errno, pattern);
  folder_ = pattern;
  const passwd* user = unprivileged();
  if (user != nullptr && chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0)
    return fail_errno(errno, folder_);
  return {};
}

Result<> PostgresServer::init() {
  const pid_t pid = spawn({binary("initdb"), "-D", folder_ + "/data", "-U", "acloud", "-A", "trust", "-E",
                           "UTF8", "--locale=C", "--no-sync", "--no-instructions"},
                          folder_, folder_ + "/log");
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
    return fail(ErrorCode::unavailable, "initdb of PostgreSQL 15 failed: {}", log_tail());
  }
  return {};
}

Result<> PostgresServer::again() {
  pid_ = spawn({binary("postgres"), "-D", folder_ + "/data", "-k", folder_, "-c", "listen_addresses=", "-c",
                "fsync=on", "-c", "shared_buffers=32MB", "-c", "max_connections=60"},
               folder_, folder_ + "/log");
  if (pid_ < 0) return fail_errno(errno, "fork");
  return wait_until_ready();
}

// A server has no other way to say that it is ready than to answer.
Result<> PostgresServer::wait_until_ready() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (PQping(url("postgres").c_str()) != PQPING_OK) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return fail(ErrorCode::unavailable, "PostgreSQL ended: {}", log_tail());
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(ErrorCode::unavailable, "PostgreSQL does not answer: {}", log_tail());
    }
    std::this_thread::sleep_for(5ms);
  }
  return {};
}

void PostgresServer::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  // Its children end by themselves when they notice; until the last has, it could not start again. They are
  // those that still have the folder as their working directory.
  const auto has_children = [this] {
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
      std::error_code error;
      const auto folder = std::filesystem::read_symlink(process.path() / "cwd", error);
      if (!error && folder.string().starts_with(folder_)) return true;
    }
    return false;
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (has_children() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(5ms);
}

std::string PostgresServer::url(const std::string& database) const {
  return fmt::format("postgres://acloud@{}/{}", to_percent(folder_), database);
}

Result<std::string> PostgresServer::make_database() {
  const std::string name = fmt::format("test{}", databases_++);
  ACLOUD_CHECK(run("postgres", fmt::format("CREATE SCHEMA {}", name)));
  return fmt::format("{}?options=-csearch_path%3D{}", url("postgres"), name);
}

Result<> PostgresServer::run(const std::string& database, const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url(database).c_str()), PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return {};
  return fail(ErrorCode::unavailable, "{}: {}", sql, PQerrorMessage(connection.get()));
}

std::string PostgresServer::log_tail() const {
  std::ifstream file(folder_ + "/log");
  const std::string log((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return log.substr(log.size() - std::min<std::size_t>(log.size(), 2000));
}

}  // namespace acloud::store::testing
