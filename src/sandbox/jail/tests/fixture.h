// Jails for tests: one Host in a folder of its own, and plain calls that wait for the answer.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "async/event_loop.h"
#include "sandbox/jail/jail.h"

namespace acloud::sandbox::jail {

struct Outcome {
  Exit exit;
  std::string out, err;
};

// A folder that is removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The ways of making jails.
enum class Kind { root, user, oci };
std::string name_of(Kind kind);

class Jails {
 public:
  // The Host's folder may be one that an earlier Jails has left.
  explicit Jails(const std::string& folder, Kind kind = Kind::root);
  // Destroys what is left.
  ~Jails();

  Host& host() const { return *host_; }
  // As kill -9 of a server: its jails go on.
  void abandon();

  std::unique_ptr<Jail> create(Spec spec = {});
  Result<std::unique_ptr<Jail>> try_create(Spec spec);
  std::unique_ptr<Jail> attach(const std::string& id);
  Result<> destroy(const std::string& id);

  Result<std::unique_ptr<Process>> start(Jail& jail, Command command);
  Exit wait(Process& process);
  // Runs to the end, collecting what it writes.
  Outcome run(Jail& jail, Command command);
  // As /bin/bash -c, as the jail's root.
  Outcome shell(Jail& jail, const std::string& script, std::uint32_t uid = 0);
  std::string output(Jail& jail, const std::string& script);
  template <class T>
  T await(Task<T> task) {
    return loop_.run_until_done(std::move(task));
  }

 private:
  async::EventLoop loop_;
  std::unique_ptr<Host> host_;
};

Command bash(const std::string& script, std::uint32_t uid = 0);
async::Deadline soon();
// Reads from `fd` until its end, or until `text` has come, for at most ten seconds.
std::string read_all(int fd, const std::string& until = {});
bool is_root();
// Why jails of this kind can't be had here; empty where they can.
std::string why_not(Kind kind, const Jails* jails);

// A test of jails of one kind; skipped where there are none.
class OnEachKind : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override;
  Jails& jails() { return *jails_; }
  bool enforced(const char* feature) { return jails_->host().report().enforces(feature); }
  std::unique_ptr<Jail> limited(Limits limits);

  TemporaryFolder folder_;
  std::unique_ptr<Jails> jails_;
};
#define INSTANTIATE_ON_EACH_KIND(suite)                                                     \
  INSTANTIATE_TEST_SUITE_P(Jail, suite, testing::Values(Kind::root, Kind::user, Kind::oci), \
                           [](const auto& param) { return name_of(param.param); })

}  // namespace acloud::sandbox::jail
