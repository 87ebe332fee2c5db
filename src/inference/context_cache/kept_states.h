// States of prompts' beginnings that have left an engine's memory, in files of one folder: so they outlast
// the memory, and the server.
//
// The folder never has more bytes than its limit: room is made before a file is written, of the files that
// were not used for longest. A file is written beside its place and moved there when it is whole; since no
// promise hangs on it, it is not synced: what a crash of the machine leaves half written is refused by its
// checksum (state_file.h). Whatever is refused is removed.
//
// Reading and writing have threads of their own. One state at a time is written, and what comes meanwhile is
// not kept; after a write that failed nothing is kept for a while.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "async/wait.h"
#include "base/clock.h"
#include "base/units.h"
#include "inference/context_cache/prefix_index.h"
#include "store/disk.h"

namespace acloud::inference {

class KeptStates {
 public:
  struct Options {
    std::string folder;  // made when something is first kept
    ByteCount limit;     // of all files together; 0: nothing is kept, and what is there is removed
    // Bytes that the folder's disk has left. Some of it is never taken.
    std::function<std::int64_t(const std::string& folder)> left = bytes_left;
  };
  static std::int64_t bytes_left(const std::string& folder);

  // Both outlive it.
  KeptStates(store::Disk& disk, const Clock& clock, Options options);
  // What is being written is done first.
  ~KeptStates();
  KeptStates(const KeptStates&) = delete;
  KeptStates& operator=(const KeptStates&) = delete;

  // Takes in what lies in the folder, but for what belongs to none of these models and what is no state,
  // which it removes. REQUIRES: called once, before the rest.
  void open(std::span<const std::string> models);

  struct Read {
    std::string state;
    ByteCount bytes;  // of its file
    Duration took;
  };
  using Done = std::function<void(Result<Read>)>;
  using Id = PrefixIndex::Id;

  // The part of one model. Thread-safe.
  class Shelf {
   public:
    // What begins as `prompt` does, if anything.
    std::optional<PrefixIndex::Match> find(std::span<const Token> prompt) const;
    // Whether a state of about `bytes` would be kept: it is long enough, and not kept already. `now`: also,
    // nothing is being written.
    bool wants(std::span<const Token> tokens, ByteCount bytes, bool now = true) const;
    // Keeps it, on a thread of its own. Does nothing where it is not wanted any more.
    void keep(std::vector<Token> tokens, std::string state);
    // The same in the caller's thread, after what is being written.
    void keep_now(std::vector<Token> tokens, std::string state);
    // Calls `done` from a thread of its own. Errors: not_found: removed meanwhile; invalid_argument: refused,
    // and removed; the disk's.
    void read(Id id, Done done);
    // Of all files together.
    ByteCount limit() const { return states_->options_.limit; }
    // An engine would not have it: it is removed.
    void refuse(Id id);
    // Until what was asked for is done.
    void wait();

   private:
    friend class KeptStates;
    Shelf(KeptStates& states, std::string name, std::string kind)
        : states_(&states), name_(std::move(name)), kind_(std::move(kind)) {}
    KeptStates* states_;
    std::string name_;  // what its files' names begin with
    std::string kind_;
  };
  // `kind`: a digest (kKindBytes) of all that a state of this model depends on. What is kept of the same
  // model and another kind is removed. Nothing where nothing is kept.
  std::optional<Shelf> shelf(const std::string& model, const std::string& kind);

  ByteCount bytes() const;

 private:
  struct Writing {
    Id id;
    std::string name;
    std::vector<Token> tokens;
    std::int64_t bytes;
  };
  class Work;

  void take_in(const std::string& file, std::span<const std::string> names);
  bool wanted(const std::string& name, std::span<const Token> tokens, std::int64_t bytes, bool now) const;
  std::optional<Id> begin(const std::string& name, const std::vector<Token>& tokens, std::int64_t bytes);
  void write(Id id, const std::string& kind, std::string_view state);
  Result<> write_file(const std::string& path, const Writing& writing, const std::string& kind,
                      std::string_view state);
  struct Leaving {
    std::string file;
    std::int64_t bytes;
  };
  std::int64_t used() const;
  Result<> make_room(std::int64_t bytes);
  Result<std::string> read_whole(const std::string& file, std::int64_t bytes, const std::string& kind,
                                 std::span<const Token> tokens);
  Result<Read> read_file(Id id, const std::string& kind);
  std::optional<Leaving> take_out(Id id);
  void remove(const std::optional<Leaving>& leaving, std::string_view why);
  void drop(Id id, std::string_view why) { remove(take_out(id), why); }
  std::string path(const std::string& name, Id id) const;
  void submit(std::function<void()> work);

  store::Disk& disk_;
  const Clock& clock_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  PrefixIndex index_;
  std::optional<Writing> writing_;
  std::int64_t leaving_ = 0;  // bytes of files that are being removed, or could not be
  Instant quiet_until_;       // after a failure
  Id ids_ = 0;
  std::size_t working_ = 0;
  async::BlockingPool threads_{"acloud-kept", 2};  // last: it ends before the rest goes
};

}  // namespace acloud::inference
