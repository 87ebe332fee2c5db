// A disk in memory that promises what a real one does, and no more, and that can be made to fail.
//
// Every call of the disk and of its files is counted, and one fault can be planted at one of them. A crash
// ends everything: this disk then answers nothing, and after_crash() makes the one that a reboot would
// find. What was synced is in it. Of what was not, each 512-byte sector, each file's size and each name in
// a folder is, on its own, in any of the states that it had since it was last synced.
#pragma once

#include <map>
#include <mutex>

#include "base/random.h"
#include "store/disk.h"

namespace acloud::store::testing {

enum class Fault {
  none,
  io_error,  // nothing is done, EIO. A failed sync drops what it should have written, as Linux does
  full,      // nothing is done, ENOSPC
  torn,      // the first half of a write lands, EIO; other calls: as io_error
  late,      // all is done, and EIO is reported even so
  crash,     // the machine stops in the middle of it: this and every later call fails
};
std::string_view name(Fault fault);

// Paths are absolute. Its files' times change by touch() alone, since it has no clock.
class SimulatedDisk final : public Disk {
 public:
  SimulatedDisk();
  ~SimulatedDisk() override;  // REQUIRES: its files are closed

  // The `call`th call from now on, counted from 1, meets `fault`, instead of any that was planted before.
  void plant(Fault fault, std::uint64_t call);
  // From now on a sync does nothing and says that all is well, as disks do that have a cache they don't own
  // up to. No program keeps its promise on one: what it is for is to prove that a test notices.
  void lie_about_syncs();
  // Whether the planted fault has happened.
  bool struck() const;
  std::uint64_t calls() const;
  // What the seed's reboot would find, if the machine stopped now.
  std::unique_ptr<SimulatedDisk> after_crash(std::uint64_t seed) const;

  Result<std::unique_ptr<File>> open(const std::string& path, Open mode) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> remove(const std::string& path) override;
  Result<> make_folders(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<> sync_folder(const std::string& path) override;
  Result<Time> modified(const std::string& path) override;
  Result<> touch(const std::string& path, Time now) override;

 private:
  class OpenFile;
  struct Node;
  struct Name;

  Fault next_call();
  std::shared_ptr<Node> find(const std::string& path) const;
  void bind(const std::string& path, std::shared_ptr<Node> node);
  bool has_parent(const std::string& path) const;

  mutable std::mutex mutex_;
  std::map<std::string, Name> names_;
  std::uint64_t calls_ = 0;
  Fault planted_ = Fault::none;
  std::uint64_t strikes_at_ = 0;
  bool struck_ = false;
  bool stopped_ = false;
  bool lies_ = false;
};

}  // namespace acloud::store::testing
