// All sandboxes of this server: makes, finds and ends them, pauses the idle ones, and takes over those that
// an earlier server has left.
//
// The index is in memory; each sandbox has its record in a folder, and its jail. A start puts the three
// together again: a sandbox is kept where there are both, and what has lost the other is removed. So whatever
// moment the server is killed at, nothing is leaked.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "async/task_scope.h"
#include "base/random.h"
#include "sandbox/code/zygotes.h"
#include "sandbox/images/images.h"
#include "sandbox/sandbox.h"

namespace acloud::sandbox {

class Sandboxes {
 public:
  // Which of these workspaces are no more.
  using Missing = std::function<Task<Result<std::set<std::string>>>(std::set<std::string>)>;

  using Name = std::pair<std::string, std::string>;  // workspace, id
  // Which of these tasks are gone on with elsewhere, so that their sandboxes here are to go.
  using Abandoned = std::function<Task<Result<std::set<Name>>>(std::set<Name>)>;

  struct Options {
    std::string records;  // folder
    std::string jails;    // folder
    std::string images;   // folder
    unsigned pool = 16;   // so many jails are kept ready
    std::string runtime;  // as jail::Host::Options has it
    Outside outside;
  };
  // At once: the rest is run()'s. Errors: the folder of records can't be made.
  static Result<std::unique_ptr<Sandboxes>> make(Options options, Clock& clock, Random& random,
                                                 async::BlockingPool& blocking);
  Sandboxes(const Sandboxes&) = delete;
  Sandboxes& operator=(const Sandboxes&) = delete;
  ~Sandboxes();

  // Starts what makes jails (some 100 ms), takes over what an earlier server has left, then tends all of
  // them until it is cancelled: pauses the idle, ends those whose deadline has passed, whose workspace has
  // gone or whose task is elsewhere, buries what died by itself, and removes images that nobody can use any
  // more. Once, beside everything else.
  Task<> run(Missing missing, Abandoned abandoned);

  // Waits until run() has come to a result. Errors: unavailable: no sandbox can be made here, and why;
  // deadline_exceeded, cancelled.
  Task<Result<>> available();
  // These three REQUIRE that available() was awaited.
  const jail::Report* report() const { return host_ ? &host_->report() : nullptr; }  // null: nothing is known
  bool can_pause() const;
  // What the machine can't enforce, each with the reason.
  const std::vector<std::string>& not_enforced() const { return not_enforced_; }

  // REQUIRES that available() said so.
  images::Images& images() { return *images_; }
  images::Importer& importer() { return *importer_; }

  // The one that the call of this name has made; null where there is none.
  std::shared_ptr<Sandbox> made_by(const std::string& workspace, const std::string& once) const;
  // `record` without an id; `layers` are those that it names. Errors: those of jail::Host::create.
  Task<Result<std::shared_ptr<Sandbox>>> create(Record record, images::Layers::Held layers);
  // Errors: not_found, also for one of another workspace; unavailable.
  Task<Result<std::shared_ptr<Sandbox>>> find(std::string workspace, std::string id);
  // Up to `most` of a workspace, by id, of those after `id`.
  std::vector<std::shared_ptr<Sandbox>> after(const std::string& workspace, const std::string& id,
                                              std::size_t most) const;
  // Ends it with all that is in it. Errors: not_found (somebody else does); unavailable, deadline_exceeded:
  // it is still there.
  Task<Result<>> kill(std::shared_ptr<Sandbox> sandbox);
  std::size_t size() const;
  // Somebody starts a Python for code.
  void note_code() { zygotes_.note_code(); }

 private:
  Sandboxes(RecordFolder records, Options options, Clock& clock, Random& random,
            async::BlockingPool& blocking)
      : records_(std::move(records)),
        options_(std::move(options)),
        clock_(clock),
        random_(random),
        blocking_(blocking),
        zygotes_([this] { return make_zygote(); },
                 [this](std::string id) { return end_zygote(std::move(id)); }) {}
  // What a machine was out of for a moment must not keep sandboxes away for as long as the server lives.
  Task<> open_with_patience();
  Task<Result<>> open();
  // Errors: unavailable (no jail can be made here).
  Result<> note_report();
  Task<Result<>> try_runtime();
  Task<Result<>> recover();
  Task<Result<>> adopt(Record record);
  void add(std::shared_ptr<Sandbox> sandbox);
  Task<> watch(std::shared_ptr<Sandbox> sandbox);
  Sandbox::Shared shared();
  Task<Result<>> write_record(const Record& record);
  Task<> remove_record(const std::string& id);
  // A jail for `record`, which gets its id.
  Task<Result<std::unique_ptr<jail::Jail>>> make_jail(Record& record);
  // Nothing where there is none, or `record` wants another kind of jail.
  std::optional<code::Zygote> take_zygote(const Record& record);
  Task<Result<code::Zygote>> make_zygote();
  Task<> end_zygote(std::string id);
  Task<> tend(const Missing& missing);
  Task<> tend_images(std::set<std::string> gone);
  Task<> end_abandoned(const Abandoned& abandoned);
  Task<> tend_one(std::shared_ptr<Sandbox> sandbox, bool forgotten);
  std::vector<std::shared_ptr<Sandbox>> all() const;

  RecordFolder records_;
  const Options options_;
  Clock& clock_;
  Random& random_;
  async::BlockingPool& blocking_;
  Latch opened_;  // once the next three are set, for good
  std::unique_ptr<jail::Host> host_;
  std::unique_ptr<images::Images> images_;  // before what stands on them
  std::unique_ptr<images::Importer> importer_;
  std::string problem_;  // why there is no sandbox here; "" where there can be
  std::vector<std::string> not_enforced_;
  async::EventLoop* loop_ = nullptr;  // of run(), and of what follows
  async::TaskScope watchers_;
  bool stopping_ = false;
  code::Zygotes zygotes_;

  mutable std::mutex mutex_;  // of what follows
  std::map<Name, std::shared_ptr<Sandbox>> index_;
  std::vector<std::shared_ptr<Sandbox>> unwatched_;
};

}  // namespace acloud::sandbox
