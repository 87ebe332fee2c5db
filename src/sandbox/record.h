// What a server must know of a sandbox to find it again after it was killed itself: a small JSON file for
// each in one folder, there before the reply that tells of the sandbox.
//
// A sandbox does not outlive its machine, so nothing here waits for the disk. A file is replaced as a whole,
// so that it is never read half written.
#pragma once

#include <map>
#include <string>

#include "sandbox/egress/egress_types.h"
#include "sandbox/sandbox_types.h"

namespace acloud::sandbox {

struct Record {
  std::string id;
  std::string workspace;
  std::string image;
  Time created{};
  std::chrono::seconds idle_timeout{};
  std::optional<Time> deadline;
  std::map<std::string, std::string> env;
  std::map<std::string, std::string> metadata;
  SandboxLimits limits;
  std::vector<std::string> layers;  // of the image, the topmost first
  bool host_usr = true;
  Egress egress;
  Kept keeps_idle = Kept::memory;  // when it is paused for being idle
  std::string once;                // the name of the call that made it (kernel::Context::once); "" for none
  std::string task;                // whose resource it is, as the task itself has said; "" for none
  bool paused = false;             // or about to be: written before it is frozen, and after it was thawed
  Kept kept = Kept::memory;        // of a paused one; else memory
  static constexpr auto schema =
      fields(field("id", &Record::id, "", required), field("workspace", &Record::workspace, "", required),
             field("image", &Record::image, "", required), field("created", &Record::created, "", required),
             field("idle_timeout_s", &Record::idle_timeout, "", required),
             field("deadline", &Record::deadline, ""), field("env", &Record::env, ""),
             field("metadata", &Record::metadata, ""), field("limits", &Record::limits, ""),
             field("layers", &Record::layers, ""), field("host_usr", &Record::host_usr, ""),
             field("egress", &Record::egress, ""), field("once", &Record::once, ""),
             field("task", &Record::task, ""), field("keeps_idle", &Record::keeps_idle, ""),
             field("paused", &Record::paused, ""), field("kept", &Record::kept, ""));
};

class RecordFolder {
 public:
  // Makes the folder, for its owner alone: environments may hold what others must not read.
  static Result<RecordFolder> open(const std::string& folder);
  // No more is written. What is not needed any more goes.
  void close() const;

  // REQUIRES: one writer for each sandbox at a time. Errors: unavailable (disk full), internal.
  Result<> write(const Record& record) const;
  // Where CallOutput keeps what commands of this sandbox write; it goes with the record.
  std::string calls(const std::string& id) const { return folder_ + "/" + id + std::string(kCalls); }
  // Does nothing where there is none.
  void remove(const std::string& id) const;
  // Whether all that is kept of a sandbox is in memory: then write() and remove() wait for no disk.
  bool in_memory(const std::string& id) const;
  // All of them, by id. One that can't be read is removed and named in the log.
  Result<std::map<std::string, Record>> load() const;

 private:
  static constexpr std::string_view kCalls = ".calls";
  explicit RecordFolder(std::string folder) : folder_(std::move(folder)), records_(folder_ + "/records") {}
  std::string path(const std::string& id) const { return records_ + "/" + id + ".json"; }
  std::string folder_;
  std::string records_;  // jail::make_volatile_folder
  bool on_tmpfs_ = false;
};

}  // namespace acloud::sandbox
