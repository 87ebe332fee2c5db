// The walls, each tried by a program that wants out. What it does is bounded by itself, too, so that a wall
// that is missing fails its test and not the machine.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>

#include "sandbox/jail/tests/fixture.h"

namespace acloud::sandbox::jail {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

class Walls : public OnEachKind {};
INSTANTIATE_ON_EACH_KIND(Walls);

TEST_P(Walls, ForkBomb) {
  const auto jail = limited({.processes = 40});
  const Outcome bomb = jails().shell(*jail, R"sh(exec python3 -S -c '
import os, signal
made = []
try:
  for i in range(300):
    pid = os.fork()
    if pid == 0: signal.pause()
    made.append(pid)
except OSError as error: print(error.errno)
print(20 < len(made) < 40)
for pid in made: os.kill(pid, 9)')sh");
  EXPECT_EQ(bomb.out, "11\nTrue\n") << bomb.err;
  EXPECT_EQ(jails().output(*jail, "echo alive"), "alive\n");
}

TEST_P(Walls, MemoryHog) {
  if (!enforced("memory")) GTEST_SKIP() << "no memory limit here";
  const auto jail = limited({.memory_bytes = 64 * kMiB});
  const Outcome hog = jails().shell(*jail, "exec python3 -c 'x = bytearray(400 << 20); print(len(x))'");
  EXPECT_EQ(hog.exit.signal, SIGKILL) << hog.out << hog.err;
  EXPECT_GE(jail->stats()->oom_kills, 1u);
  EXPECT_EQ(jails().output(*jail, "echo alive"), "alive\n");
  // Nobody can make himself the one who is spared.
  EXPECT_NE(jails().shell(*jail, "echo -1000 > /proc/self/oom_score_adj").exit.code, 0);
  EXPECT_EQ(jails().output(*jail, "cat /proc/self/oom_score_adj"), "500\n");
}

TEST_P(Walls, DiskAndInodeFiller) {
  const auto jail = limited({.disk_bytes = 48 * kMiB, .disk_inodes = 1000});
  const Outcome bytes = jails().shell(*jail, "head -c 200000000 /dev/zero > /tmp/big; stat -c %s /tmp/big");
  EXPECT_NE(bytes.err.find("No space left"), std::string::npos) << bytes.err;
  EXPECT_LE(std::stoull(bytes.out), 48 * kMiB);
  EXPECT_EQ(jails().shell(*jail, "rm /tmp/big; echo x > /tmp/small").exit.code, 0) << "the space comes back";
  const Outcome inodes = jails().shell(
      *jail, "mkdir /tmp/many; cd /tmp/many; for i in $(seq 3000); do : > $i || break; done; ls | wc -l");
  EXPECT_NE(inodes.err.find("No space left"), std::string::npos) << inodes.err;
  EXPECT_LE(std::stoull(inodes.out), 1000u);
  const Outcome shm = jails().shell(*jail, "head -c 200000000 /dev/zero > /dev/shm/big");
  EXPECT_NE(shm.err.find("No space left"), std::string::npos) << shm.err;
}

TEST_P(Walls, SystemCalls) {
  const auto jail = jails().create();
  const Outcome outcome = jails().shell(*jail, R"sh(exec python3 -S -c '
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *arguments):
  if libc.syscall(number, *arguments) >= 0: print(name, "allowed")
  elif ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS): print(name, errno.errorcode[ctypes.get_errno()])
p = ctypes.c_char_p(b"/tmp")
call("mount", 165, b"none", b"/tmp", b"tmpfs", 0, 0)
for name, number in dict(umount=166, pivot_root=155, ptrace=101, vm_readv=310, vm_writev=311, bpf=321, perf=298,
    io_uring=425, userfaultfd=323, add_key=248, request_key=249, keyctl=250, kexec=246, kexec_file=320, init_module=175,
    finit_module=313, delete_module=176, open_by_handle=304, name_to_handle=303, setns=308, clone3=435, swapon=167,
    reboot=169, syslog=103, fsopen=430, fsmount=432, open_tree=428, move_mount=429, mount_setattr=442, pidfd_getfd=438,
    kcmp=312, quotactl=179, acct=163, settimeofday=164, clock_settime=227, adjtimex=159, iopl=172, ioperm=173,
    fanotify=300, sethostname=170, setdomainname=171, process_madvise=440, memfd_secret=447, migrate_pages=256,
    move_pages=279, lookup_dcookie=212, modify_ldt=154, statmount=457, listmount=458).items():
  call(name, number, p, 0, 0, 0, 0, 0)
for name, flag in dict(NEWNS=0x20000, NEWCGROUP=0x2000000, NEWUTS=0x4000000, NEWIPC=0x8000000, NEWUSER=0x10000000,
    NEWPID=0x20000000, NEWNET=0x40000000).items():
  call("clone " + name, 56, flag | 17, 0, 0, 0, 0)
  call("unshare " + name, 272, flag)
call("unshare NEWTIME", 272, 0x80)
for persona in (0x0040000, 0x0400000, 0x8): call("personality", 135, persona)
for family, kind, protocol in ((2, 3, 1), (10, 3, 58), (17, 3, 3), (17, 2, 0), (16, 3, 0), (16, 2, 0), (40, 1, 0),
    (38, 5, 0), (1, 3, 0), (2, 5, 132), (2, 1, 262), (15, 3, 2), (31, 3, 0), (44, 3, 0), (2, 2, 1), (0x100000002, 3, 1)):
  call(f"socket {family} {kind} {protocol}", 41, ctypes.c_long(family), kind, protocol)
for request in (0x5412, 0x541c, 0x100005412): call("ioctl", 16, 0, ctypes.c_long(request), b"x")
print("done")')sh");
  EXPECT_EQ(outcome.out, "done\n") << outcome.err;
}

TEST_P(Walls, OrdinaryCallsWork) {
  const auto jail = jails().create();
  const Outcome outcome = jails().shell(*jail, R"sh(exec python3 -c '
import os, socket, subprocess, threading, tempfile, sqlite3, multiprocessing, selectors
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
  for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM): socket.socket(family, kind).close()
socket.socketpair()
t = threading.Thread(target=lambda: None); t.start(); t.join()
assert subprocess.run(["sh", "-c", "exit 3"]).returncode == 3
sqlite3.connect("/tmp/x.db").execute("create table t (a)")
os.mkfifo("/tmp/fifo"); os.symlink("a", "/tmp/link"); os.link("/tmp/x.db", "/tmp/hard")
assert multiprocessing.get_context("fork").Pool(2).map(abs, [-1]) == [1]
selectors.DefaultSelector(); os.memfd_create("m"); os.getrandom(4); os.eventfd(0)
os.chown("/tmp/x.db", 0, 0)
print("fine")')sh");
  EXPECT_EQ(outcome.out, "fine\n") << outcome.err;
}

TEST_P(Walls, ProcAndSys) {
  const auto jail = jails().create();
  for (const char* file :
       {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger",
        "/proc/self/oom_score_adj", "/proc/self/uid_map", "/proc/self/mem", "/proc/1/mem",
        "/proc/1/oom_score_adj", "/proc/sys/net/ipv4/ip_forward", "/proc/self/attr/current"}) {
    EXPECT_NE(jails().shell(*jail, fmt::format("echo 1 > {}", file)).exit.code, 0) << file;
  }
  for (const char* file :
       {"/proc/kcore", "/proc/1/environ", "/proc/1/mem", "/proc/1/maps", "/proc/1/exe", "/proc/kmsg",
        "/proc/timer_list", "/proc/1/root/etc/passwd", "/proc/1/cwd/etc/passwd", "/proc/1/fd/0"}) {
    EXPECT_EQ(jails().shell(*jail, fmt::format("head -c1 {} 2>/dev/null", file)).out, "") << file;
  }
  EXPECT_EQ(
      jails().output(*jail,
                     "cat /proc/keys /proc/cmdline /proc/modules 2>/dev/null; ls /sys /proc/fs /proc/bus "
                     "/proc/acpi 2>/dev/null | grep -v : | tr -d '\n'"),
      "");
  EXPECT_EQ(jails().output(*jail, "ls /proc/1/fd 2>&1 | grep -c denied"), "1\n");
  // Its own processes alone.
  EXPECT_EQ(jails().output(*jail, "ls -d /proc/[0-9]* | wc -l").size(), 2u);
  if (enforced("time")) EXPECT_EQ(jails().output(*jail, "awk '{print ($1 < 3600)}' /proc/uptime"), "1\n");
}

// Behind the filter, which forbids the calls.
TEST_P(Walls, NoUserNamespaceIsAllowedInside) {
  if (GetParam() == Kind::oci) GTEST_SKIP() << "a container's user namespace is the runtime's";
  const auto jail = jails().create();
  EXPECT_EQ(jails().output(*jail, "cat /proc/sys/user/max_user_namespaces"), "0\n");
}

TEST_P(Walls, InitCannotBeReached) {
  const auto jail = jails().create();
  jails().shell(*jail, "for s in $(seq 64); do kill -$s 1; done 2>/dev/null; kill -9 -1");
  EXPECT_EQ(jails().output(*jail, "echo alive"), "alive\n");
  // Its sockets have no name inside.
  EXPECT_EQ(jails().output(*jail, "tail -n +2 /proc/net/unix | awk 'NF >= 8'"), "");
}

TEST_P(Walls, NobodyOutside) {
  const auto jail = jails().create();
  EXPECT_EQ(jails().output(*jail,
                           "touch /tmp/mine; grep -E 'NoNewPrivs|Seccomp:|CapInh|CapPrm|CapBnd|CapAmb' "
                           "/proc/self/status | tr '\t\n' '  '"),
            "CapInh: 0000000000000000 CapPrm: 00000000000404fb CapBnd: 00000000000404fb CapAmb: "
            "0000000000000000 NoNewPrivs: 1 Seccomp: 2 ");
  struct stat status{};
  ASSERT_EQ(::fstatat(jail->root()->get(), "tmp/mine", &status, 0), 0);
  EXPECT_EQ(status.st_uid, jail->host_id(0));
  EXPECT_EQ(jail->inside_id(status.st_uid), 0u);
  if (GetParam() != Kind::user) {
    EXPECT_GE(status.st_uid, 0x2000'0000u);
    EXPECT_EQ(jails().shell(*jail, "grep Cap[PE] /proc/self/status | tr -d '\n\t'", 1000).out,
              "CapPrm:0000000000000000CapEff:0000000000000000");
    const auto other = jails().create();
    EXPECT_NE(other->host_id(0), jail->host_id(0));
  }
}

TEST_P(Walls, DevicesAndSetuidPrograms) {
  const auto jail = jails().create();
  EXPECT_EQ(
      jails().output(*jail,
                     "mknod /tmp/disk b 7 0 2>/dev/null || mknod /tmp/mem c 1 1 2>/dev/null || echo refused"),
      "refused\n");
  // crun adds a link to the kernel's memory, which leads to nothing.
  EXPECT_EQ(jails().output(*jail, "ls -1 /dev | grep -v '^core$' | tr '\n' ' '"),
            "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ");
  EXPECT_EQ(jails().output(*jail, "touch /dev/x 2>/dev/null || echo refused"), "refused\n");
  if (GetParam() == Kind::user) return;  // there is one user alone
  EXPECT_EQ(jails().shell(*jail, "cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id").exit.code, 0);
  EXPECT_EQ(jails().shell(*jail, "/tmp/id -u", 1000).out, "1000\n");
}

TEST_P(Walls, NoDescriptorsLeak) {
  const auto jail = jails().create();
  Command command;
  command.argv = {"/bin/ls", "/proc/self/fd"};
  EXPECT_EQ(jails().run(*jail, command).out, "0\n1\n2\n3\n");  // 3 is the folder that ls reads
  command.stdio = Command::Stdio::pty;
  auto process = jails().start(*jail, command);
  ASSERT_TRUE(process);
  EXPECT_EQ(read_all((*process)->pty.get(), "3\r\n").find('4'), std::string::npos);
}

TEST_P(Walls, NoNetworkButItsOwnLoopback) {
  const auto jail = jails().create();
  const Fd host(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(host.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(host.get(), 1), 0);
  ASSERT_EQ(::getsockname(host.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string result =
      jails().output(*jail, fmt::format("exec 3<>/dev/tcp/127.0.0.1/{}", ntohs(address.sin_port)));
  EXPECT_NE(result.find("Connection refused"), std::string::npos) << result;
  EXPECT_NE(jails().output(*jail, "exec 3<>/dev/tcp/192.0.2.1/80").find("Network is unreachable"),
            std::string::npos);
  EXPECT_EQ(jails().output(*jail, "tail -n +3 /proc/net/dev | cut -d: -f1; tail -n +2 /proc/net/route"),
            "    lo\n");
}

TEST_P(Walls, HostilePathsStayInside) {
  // A layer whose folders are links out of the root harms itself alone.
  TemporaryFolder layer;
  ::chmod(layer.path().c_str(), 0755);
  ASSERT_EQ(::symlink("../../../../../../../../etc", (layer.path() + "/mnt").c_str()), 0);
  Spec spec;
  spec.image.layers = {layer.path()};
  spec.binds = {{"/usr/share", "/mnt/acloud-must-not-appear", true}};
  const auto jail = jails().create(spec);
  EXPECT_NE(::access("/etc/acloud-must-not-appear", F_OK), 0);
  EXPECT_EQ(jails().output(*jail, "test -d /etc/acloud-must-not-appear && echo inside"), "inside\n");
}

}  // namespace
}  // namespace acloud::sandbox::jail
