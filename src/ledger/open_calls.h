// Calls of models that are under way, where a killed server leaves them to be found.
//
// Between the moment at which a provider begins to work and the one at which the call's record is on disk,
// the only witness of what was used is this process. So each call has a slot in a file that is mapped into
// memory: the kernel has what is written there at once, without a system call, and keeps it when the process
// is killed. The next server on the data folder keeps the records of the calls that it finds.
//
// What is found is charged as it was noted last: what was used, where the attempt had ended; else what was
// noted of it while it ran; else the input that was estimated, and no output, since nobody got any. Such a
// record has the outcome "lost", and its figures are marked `estimated` where they are.
//
// A machine that stops loses slots that the kernel had not written out: those calls are not charged.
//
// On disk: <folder>/<instance>-<number>.calls, kFileBytes long: slots of kSlotBytes, each in two halves that
// are written in turn. A half: a sequence number (32 bits, 0: empty), its length (32), a checksum of both and
// of the bytes (32), then the bytes: a StoredCall as JSON. Of two sound halves the later one holds.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ledger/charge.h"
#include "store/commit.h"

namespace acloud::ledger {

struct StoredCall {
  std::string request_id;
  std::string workspace;
  std::string key;
  std::string principal;
  std::string operation;
  std::vector<Charge> charges;
  static constexpr auto schema =
      fields(field("request_id", &StoredCall::request_id, "As the client knows it."),
             field("workspace", &StoredCall::workspace, "Whose call it was."),
             field("key", &StoredCall::key, "The key that was used."),
             field("principal", &StoredCall::principal, "Who called."),
             field("operation", &StoredCall::operation, "What was called."),
             field("charges", &StoredCall::charges, "What it used so far."));
};

class OpenCalls {
 public:
  static constexpr std::size_t kSlotBytes = 4096;
  static constexpr std::size_t kFileBytes = 1 << 20;
  // Calls at once, beyond which one has no slot.
  static constexpr std::size_t kSlotsMost = 65'536;

  // Makes the folder. Errors: unavailable, internal.
  static Result<std::unique_ptr<OpenCalls>> open(std::string folder, std::string instance);
  ~OpenCalls();  // leaves what is open to the next

  using Slot = std::int64_t;
  static constexpr Slot kNone = -1;

  // Thread-safe, all of them. A call for which there is no room has no slot: kNone, which all others take.
  Slot take(const StoredCall& call);
  void note(Slot slot, const StoredCall& call);
  // Nothing is owed for the call: its slot is free.
  void free(Slot slot);
  // The slot is free when `commit` is on disk; where that fails the call stays in `unkept`.
  void free_after(Slot slot, store::Commit commit);
  // Nothing has the record: it stays in `unkept`.
  void keep_later(Slot slot);

  struct Found {
    StoredCall call;
    Slot slot = kNone;
  };
  // Calls of this run whose record could not be written. Each is given once: free() it, or keep_later().
  std::vector<Found> unkept();
  // Calls of earlier runs, file by file. A file is removed with forget() once its calls are kept.
  Result<std::vector<std::string>> earlier_files() const;
  Result<std::vector<StoredCall>> read(const std::string& file) const;
  Result<> forget(const std::string& file) const;

  std::size_t in_use();

 private:
  struct Pending {
    Slot slot;
    store::Commit commit;
  };
  OpenCalls(std::string folder, std::string instance)
      : folder_(std::move(folder)), instance_(std::move(instance)) {}
  Result<> add_file();
  void reap();
  void release(Slot slot);
  char* at(Slot slot) const;
  void write(Slot slot, std::string_view bytes);

  std::string folder_;
  std::string instance_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<char*> files_;
  std::vector<Slot> free_;
  std::vector<std::uint32_t> sequence_;  // by slot: that of its last half; 0: free
  std::vector<Pending> pending_;         // by the time they were written, from reaped_ on
  std::size_t reaped_ = 0;
  std::vector<Slot> unkept_;
};

}  // namespace acloud::ledger
