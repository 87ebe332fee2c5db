// What a jail does for its owner: programs, streams, signals, freezing, ports, limits, a server's death.
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>

#include "sandbox/jail/record.h"
#include "sandbox/jail/tests/fixture.h"

namespace acloud::sandbox::jail {
namespace {

// Both ways of making jails, where the machine has both.
class Life : public OnEachKind {
 protected:
  void restart_server() {
    jails_->abandon();
    jails_ = std::make_unique<Jails>(folder_.path(), GetParam());
  }
};
INSTANTIATE_ON_EACH_KIND(Life);

TEST_P(Life, RunsAProgramAndSaysHowItEnded) {
  const auto jail = jails().create();
  const Outcome outcome = jails().shell(*jail, "echo out; echo err >&2; exit 7");
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_EQ(outcome.exit.code, 7);
  EXPECT_EQ(outcome.exit.signal, 0);
  EXPECT_GT(outcome.exit.peak_memory_bytes, 0u);
}

TEST_P(Life, HasTheBaseImage) {
  const auto jail = jails().create();
  EXPECT_EQ(jails().output(*jail,
                           "id -u; hostname; pwd; python3 -c 'print(6*7)'; ls /home; cat /etc/hostname "
                           "/proc/1/comm"),
            "0\nsandbox\n/\n42\nuser\nsandbox\nacloud-init\n");
  EXPECT_EQ(jails().output(*jail, "echo hi > /tmp/a && cat /tmp/a; touch /usr/x; head -c3 /dev/zero | wc -c"),
            "hi\n3\ntouch: cannot touch '/usr/x': Read-only file system\n");
}

TEST_P(Life, SearchesThePathAndNamesWhatIsMissing) {
  const auto jail = jails().create();
  Command command;
  command.argv = {"true"};
  EXPECT_EQ(jails().run(*jail, command).exit.code, 0);
  command.argv = {"no-such-program"};
  auto missing = jails().start(*jail, command);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
  EXPECT_NE(missing.error().message().find("no-such-program"), std::string::npos);
  command.argv = {"/etc/passwd"};
  EXPECT_EQ(jails().start(*jail, command).error().code(), ErrorCode::invalid_argument);
  command = bash("true");
  command.cwd = "/no/such/folder";
  EXPECT_EQ(jails().start(*jail, command).error().code(), ErrorCode::not_found);
  command.cwd = "/";
  command.uid = 65'535;  // init's own, which nobody inside can be
  EXPECT_EQ(jails().start(*jail, command).error().code(), ErrorCode::invalid_argument);
}

TEST_P(Life, TakesInputUntilItIsClosed) {
  const auto jail = jails().create();
  auto process = jails().start(*jail, bash("cat; echo end"));
  ASSERT_TRUE(process);
  ASSERT_EQ(::write((*process)->input.get(), "hello\n", 6), 6);
  EXPECT_EQ(read_all((*process)->output.get(), "hello\n"), "hello\n");
  ASSERT_TRUE((*process)->close_input());
  EXPECT_EQ(read_all((*process)->output.get()), "end\n");
  EXPECT_EQ(jails().wait(**process).code, 0);
}

TEST_P(Life, SignalsAProcessAGroupAndATree) {
  const auto jail = jails().create();
  auto trapped =
      jails().start(*jail, bash("trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.01; done"));
  ASSERT_TRUE(trapped);
  read_all((*trapped)->output.get(), "ready\n");
  ASSERT_TRUE((*trapped)->signal(SIGTERM));
  EXPECT_EQ(jails().wait(**trapped).code, 3);
  EXPECT_EQ((*trapped)->signal(SIGTERM).error().code(), ErrorCode::not_found);

  auto tree = jails().start(*jail, bash("(sleep 100 & sleep 100) & sleep 100 & echo ready; wait"));
  ASSERT_TRUE(tree);
  read_all((*tree)->output.get(), "ready\n");
  ASSERT_TRUE((*tree)->signal(SIGKILL, Scope::tree));
  EXPECT_EQ(jails().wait(**tree).signal, SIGKILL);
  // The end of its output shows that nobody holds it any more. Whoever dies lets go of it a moment before.
  EXPECT_EQ(read_all((*tree)->output.get()), "");
  EXPECT_EQ(
      jails().output(
          *jail,
          "for i in {1..2000}; do pgrep -r D,R,S,T sleep > /dev/null || break; done; pgrep -r D,R,S,T sleep"),
      "");
}

TEST_P(Life, EndsATreeInTheMidstOfAFork) {
  const auto jail = jails().create();
  for (int round = 0; round < 40; ++round) {
    auto tree = jails().start(*jail, bash("echo ready; for i in {1..30}; do sleep 100 & done; wait"));
    ASSERT_TRUE(tree);
    read_all((*tree)->output.get(), "ready\n");
    ASSERT_TRUE((*tree)->signal(SIGKILL, Scope::tree));
    EXPECT_EQ(jails().wait(**tree).signal, SIGKILL);
    pollfd end{(*tree)->output.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&end, 1, 10'000), 1) << "somebody holds the output yet, in round " << round;
  }
}

TEST_P(Life, GivesATerminal) {
  const auto jail = jails().create();
  Command command =
      bash("tty; stty size; [ -t 0 ] && echo terminal; echo x > $(tty); read line; echo \"<$line>\"");
  command.stdio = Command::Stdio::pty;
  command.window = {40, 120};
  auto process = jails().start(*jail, command);
  ASSERT_TRUE(process) << process.error().message();
  const int terminal = (*process)->pty.get();
  EXPECT_EQ(read_all(terminal, "x\r\n"), "/dev/pts/0\r\n40 120\r\nterminal\r\nx\r\n");
  ASSERT_EQ(::write(terminal, "typed\n", 6), 6);
  EXPECT_NE(read_all(terminal, "<typed>").find("<typed>"), std::string::npos);
  EXPECT_EQ(jails().wait(**process).code, 0);
}

TEST_P(Life, FreezesAndThaws) {
  const auto jail = jails().create();
  const auto frozen = jails().await(jail->freeze(soon()));
  if (!jails().host().report().enforces("freeze")) {
    EXPECT_EQ(frozen.error().code(), ErrorCode::precondition_failed);
    return;
  }
  ASSERT_TRUE(frozen);
  ASSERT_TRUE(jails().await(jail->freeze(soon()))) << "may be repeated";
  Command command = bash("echo alive");
  auto process = jails().await(jail->exec(
      command, async::Deadline::at(std::chrono::steady_clock::now() + std::chrono::milliseconds(50))));
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code(), ErrorCode::deadline_exceeded);
  ASSERT_TRUE(jails().await(jail->thaw(soon())));
  EXPECT_EQ(jails().output(*jail, "echo alive"), "alive\n");
}

// A server that makes a jail with one program running and one ended, says "ready", and waits to be killed.
[[noreturn]] void be_a_server(const std::string& folder, Kind kind, int say) {
  Jails jails(folder, kind);
  const auto jail = jails.create({.id = "lasting", .image = {}, .limits = {}, .binds = {}});
  const auto running =
      jails.start(*jail, bash("read line; for i in $(seq 20000); do echo $line $i; done; exit 5"));
  const auto ended = jails.start(*jail, bash("echo last words; exit 9"));
  if (running && ended) jails.wait(**ended);
  (void)!::write(say, "ready", 5);
  while (true) ::pause();
}

TEST_P(Life, IsFoundAgainAfterTheServerWasKilled) {
  jails().abandon();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t server = ::fork();
  if (server == 0) be_a_server(folder_.path(), GetParam(), ends[1]);
  ASSERT_EQ(read_all(ends[0], "ready"), "ready");
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  restart_server();

  ASSERT_EQ(*jails().host().survivors(), std::vector<std::string>{"lasting"});
  const auto jail = jails().attach("lasting");
  auto programs = jail->take_processes();
  ASSERT_EQ(programs.size(), 2u);
  Process& running = programs[0]->pid() < programs[1]->pid() ? *programs[0] : *programs[1];
  Process& done = programs[0]->pid() < programs[1]->pid() ? *programs[1] : *programs[0];
  EXPECT_EQ(read_all(done.output.get(), "words\n"), "last words\n");
  EXPECT_EQ(jails().wait(done).code, 9);
  ASSERT_EQ(::write(running.input.get(), "again\n", 6), 6);
  ASSERT_TRUE(running.close_input());
  EXPECT_TRUE(read_all(running.output.get()).ends_with("again 20000\n"));
  EXPECT_EQ(jails().wait(running).code, 5);
  EXPECT_EQ(jails().output(*jail, "echo here"), "here\n");
}

std::set<std::string> spares_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/jails")) {
    if (is_spare(entry.path().filename().string())) names.insert(entry.path().filename());
  }
  return names;
}

// The only child that a test has.
pid_t spawner() {
  pid_t pid = -1;
  std::ifstream(fmt::format("/proc/self/task/{}/children", ::getpid())) >> pid;
  return pid;
}

TEST_P(Life, WhatWasMadeAheadEndsWithTheSpawner) {
  if (GetParam() == Kind::oci) GTEST_SKIP() << "containers are not made ahead";
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto in_time = [&] { return std::chrono::steady_clock::now() < until; };
  const auto first = jails().create({.id = "lasting", .image = {}, .limits = {}, .binds = {}});
  std::set<std::string> spares;
  while (in_time() && (spares = spares_in(folder_.path())).size() < 2) {
  }
  ASSERT_EQ(spares.size(), 2u) << "as the fixture has asked for";
  ASSERT_EQ(::kill(spawner(), SIGKILL), 0);
  restart_server();
  EXPECT_EQ(*jails().host().survivors(), std::vector<std::string>{"lasting"});
  EXPECT_EQ(jails().output(*jails().attach("lasting"), "echo here"), "here\n");
  // The new spawner finds them by their folders. It has others by then.
  std::vector<std::string> left;
  do {
    left.clear();
    std::ranges::set_intersection(spares, spares_in(folder_.path()), std::back_inserter(left));
  } while (in_time() && !left.empty());
  EXPECT_TRUE(left.empty());
}

TEST_P(Life, ImagesOfDisksMoveOnAndLeaveNothing) {
  if (GetParam() != Kind::root)
    GTEST_SKIP() << "disks are images where one is root, and made ahead for jails";
  const std::filesystem::path images = folder_.path() + "/images";
  // How many folders whoever has had the most has had: they are named PROCESS-NUMBER.
  const auto most = [&] {
    int most = 0;
    for (const auto& entry : std::filesystem::directory_iterator(images)) {
      const std::string name = entry.path().filename();
      most = std::max(most, std::stoi(name.substr(name.find('-') + 1)));
    }
    return most;
  };
  jails().create();
  const int before = most();
  ASSERT_GT(before, 0);
  for (int i = 0; i < 320; ++i) {  // more than 64 for each maker
    const std::string id = fmt::format("passing{}", i);
    jails().create({.id = id, .image = {}, .limits = {}, .binds = {}});
    ASSERT_TRUE(jails().destroy(id));
  }
  EXPECT_GT(most(), before);
  const auto entries = std::filesystem::directory_iterator(images);
  EXPECT_LE(std::distance(begin(entries), end(entries)), 5) << "one of each maker, and the spawner's own";
  jails_.reset();
  EXPECT_FALSE(std::filesystem::exists(images));
}

TEST_P(Life, WhatWasMadeAheadIsAsIfMadeAnew) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  if (GetParam() == Kind::oci) GTEST_SKIP() << "containers are not made ahead";
  while (spares_in(folder_.path()).size() < 2) ASSERT_LT(std::chrono::steady_clock::now(), until);
  // One of the usual kind, and one that none made ahead can be.
  const auto taken = jails().create();
  Spec spec;
  spec.limits.disk_bytes = 64 << 20;
  const auto made = jails().create(spec);
  const std::string look =
      "id; hostname; pwd; env | sort; ls -A / /root /tmp /run /dev /home; set -- /proc/[0-9]*; echo $#; "
      "cat /proc/self/mountinfo | cut -d' ' -f4-6,8- | grep -v ext4 | sed 's/[ug]id=[0-9]*//g' | sort; grep "
      "-E 'Cap|Seccomp|NoNew' "
      "/proc/self/status; cat /proc/self/limits; cat /proc/sys/kernel/ns_last_pid 2>/dev/null";
  EXPECT_EQ(jails().output(*taken, look), jails().output(*made, look));
}

TEST_P(Life, EndsWithoutAServerAfterItsGrace) {
  auto jail = jails().create(
      {.id = "orphan", .image = {}, .limits = {}, .binds = {}, .orphan_grace = std::chrono::seconds(0)});
  const std::string id = jail->id();
  jail.reset();  // the last connection
  while (jails().host().survivors()->size() == 1) {
    const auto attached = jails().await(jails().host().attach(id, soon()));
    if (attached) continue;  // not yet dead
    EXPECT_EQ(attached.error().code(), ErrorCode::not_found);
    ASSERT_TRUE(jails().destroy(id));
  }
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                                std::filesystem::directory_iterator()));
}

TEST_P(Life, RestsWhileItIsFrozen) {
  const auto jail = jails().create(
      {.id = "resting", .image = {}, .limits = {}, .binds = {}, .orphan_grace = std::chrono::seconds(0)});
  if (!jails().host().report().enforces("freeze")) GTEST_SKIP() << "no freezer here";
  EXPECT_EQ(jails().output(*jail, "echo kept > /root/file"), "");
  auto lasting = jails().start(*jail, bash("read line; echo got $line; exit 3"));
  ASSERT_TRUE(lasting);
  const std::size_t inodes = jail->stats()->disk_inodes;
  for (int round = 0; round < 40; ++round) {
    ASSERT_TRUE(jails().await(jail->freeze(soon())));
    const std::size_t open = open_descriptors();
    jail->rest();
    EXPECT_EQ(open_descriptors(), open - 3);
    EXPECT_EQ(jail->root(), nullptr);
    EXPECT_EQ(jail->stats()->disk_inodes, inodes);
    const auto written = jail->written();
    ASSERT_TRUE(written) << written.error().message();
    EXPECT_EQ(::faccessat(written->get(), "root/file", F_OK, 0), 0);
    const auto thawed = jails().await(jail->thaw(soon()));
    ASSERT_TRUE(thawed) << thawed.error().message();
    ASSERT_TRUE(jail->root());
    EXPECT_EQ(::faccessat(jail->root()->get(), "root/file", F_OK, 0), 0);
  }
  EXPECT_EQ(jails().output(*jail, "cat /root/file"), "kept\n");
  ASSERT_EQ(::write((*lasting)->input.get(), "it\n", 3), 3);
  EXPECT_EQ(read_all((*lasting)->output.get()), "got it\n");
  EXPECT_EQ(jails().wait(**lasting).code, 3);

  ASSERT_TRUE(jails().await(jail->freeze(soon())));
  jail->rest();
  EXPECT_TRUE(jails().destroy("resting"));
  EXPECT_TRUE(jails().host().survivors()->empty());
}

TEST_P(Life, IsFoundAgainByAnyNumberOfServersWhileItIsFrozen) {
  auto jail = jails().create({.id = "resting", .image = {}, .limits = {}, .binds = {}});
  if (!jails().host().report().enforces("freeze")) GTEST_SKIP() << "no freezer here";
  ASSERT_TRUE(jails().await(jail->freeze(soon())));
  // Init takes none of their connections meanwhile.
  for (int server = 0; server < 100; ++server) {
    auto found = jails().await(jails().host().attach("resting", soon()));
    ASSERT_TRUE(found) << found.error().message() << ", server " << server;
    jail = *std::move(found);
    EXPECT_GT(jail->stats()->disk_inodes, 0u);
  }
  const auto thawed = jails().await(jail->thaw(soon()));
  ASSERT_TRUE(thawed) << thawed.error().message();
  EXPECT_EQ(jails().output(*jail, "echo here"), "here\n");
}

TEST_P(Life, OpensPortsOfTheJail) {
  const auto jail = jails().create();
  auto listening = jails().await(jail->listen(80, soon()));
  ASSERT_TRUE(listening) << listening.error().message();
  EXPECT_EQ(jails().await(jail->listen(80, soon())).error().code(), ErrorCode::conflict);
  auto client =
      jails().start(*jail, bash("exec 3<>/dev/tcp/127.0.0.1/80 && read -u 3 line && echo got $line"));
  ASSERT_TRUE(client);
  pollfd waiting{listening->get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
  const Fd accepted(::accept(listening->get(), nullptr, nullptr));
  ASSERT_EQ(::send(accepted.get(), "word\n", 5, 0), 5);
  EXPECT_EQ(read_all((*client)->output.get()), "got word\n");

  auto server = jails().start(
      *jail, bash("exec python3 -c 'import socket as s; l=s.create_server((\"\",8000)); print(1,flush=True); "
                  "c,_=l.accept(); c.send(b\"served\")'"));
  ASSERT_TRUE(server);
  read_all((*server)->output.get(), "1\n");
  auto connected = jails().await(jail->connect(8000, soon()));
  ASSERT_TRUE(connected);
  EXPECT_EQ(read_all(connected->get(), "served"), "served");
}

TEST_P(Life, BindsFilesFoldersAndSockets) {
  TemporaryFolder shared;
  std::ofstream(shared.path() + "/note") << "from outside";
  ::chmod(shared.path().c_str(), 0755);
  Spec spec;
  spec.binds = {{shared.path(), "/mnt/deep/shared", true}, {shared.path() + "/note", "/etc/note", true}};
  const auto jail = jails().create(spec);
  EXPECT_EQ(jails().output(*jail, "cat /mnt/deep/shared/note /etc/note; touch /mnt/deep/shared/x"),
            "from outsidefrom outsidetouch: cannot touch '/mnt/deep/shared/x': Read-only file system\n");
}

TEST_P(Life, RefusesWhatIsWrongAndLeavesNothing) {
  for (const auto& [spec, code] : std::vector<std::pair<Spec, ErrorCode>>{
           {{.id = "../up", .image = {}, .limits = {}, .binds = {}}, ErrorCode::invalid_argument},
           {{.id = "a", .image = {{"/no/such/layer"}, true}, .limits = {}, .binds = {}},
            ErrorCode::not_found},
           {{.id = "a", .image = {}, .limits = {}, .binds = {{"/no/such/source", "/mnt/x"}}},
            ErrorCode::not_found},
           {{.id = "a", .image = {}, .limits = {}, .binds = {{"/etc", "/etc/passwd"}}},
            ErrorCode::invalid_argument}}) {
    const auto jail = jails().try_create(spec);
    ASSERT_FALSE(jail);
    EXPECT_EQ(jail.error().code(), code) << jail.error().message();
    EXPECT_TRUE(jails().host().survivors()->empty());
  }
  const auto first = jails().create({.id = "twice", .image = {}, .limits = {}, .binds = {}});
  EXPECT_EQ(jails().try_create({.id = "twice", .image = {}, .limits = {}, .binds = {}}).error().code(),
            ErrorCode::conflict);
  EXPECT_EQ(jails().output(*first, "echo unharmed"), "unharmed\n");
}

TEST_P(Life, CountsWhatItUses) {
  const auto jail = jails().create();
  EXPECT_EQ(
      jails()
          .shell(*jail,
                 "head -c 20000000 /dev/urandom > /tmp/file; sync; for i in $(seq 50); do : > /tmp/$i; done")
          .exit.code,
      0);
  const auto stats = jail->stats();
  ASSERT_TRUE(stats);
  EXPECT_GE(stats->disk_bytes, 20'000'000u);
  EXPECT_GE(stats->disk_inodes, 50u);
  if (jails().host().report().enforces("memory")) EXPECT_GT(stats->memory_bytes, 0u);
  if (jails().host().report().enforces("kill_tree")) EXPECT_GT(stats->cpu_time.count(), 0);
}

TEST_P(Life, SaysWhenItHasEnded) {
  const auto jail = jails().create();
  // At once: its init may not have told the spawner yet that it is there.
  const auto destroyed = jails().destroy(jail->id());
  ASSERT_TRUE(destroyed) << destroyed.error().message();
  EXPECT_TRUE(jails().await(jail->ended()));
  EXPECT_EQ(jails().start(*jail, bash("true")).error().code(), ErrorCode::unavailable);
  EXPECT_TRUE(jails().destroy(jail->id())) << "may be repeated";
}

}  // namespace
}  // namespace acloud::sandbox::jail
