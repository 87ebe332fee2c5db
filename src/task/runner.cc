#include "task/runner.h"

#include "async/task_scope.h"
#include "async/wait.h"
#include "base/log.h"
#include "task/performer.h"
#include "task/task_span.h"

namespace acloud::task {
namespace {

constexpr std::chrono::seconds kBeatEvery{5};
constexpr std::chrono::seconds kLookEvery{1};  // where other servers add tasks too
constexpr std::size_t kTakenAtOnce = 16;

}  // namespace

Board::Watch::Watch(Board& board, std::string task) : board_(board), task_(std::move(task)) {
  const std::lock_guard lock(board_.mutex_);
  board_.watches_[task_].insert(this);
}

Board::Watch::~Watch() {
  const std::lock_guard lock(board_.mutex_);
  const auto found = board_.watches_.find(task_);
  found->second.erase(this);
  if (found->second.empty()) board_.watches_.erase(found);
}

Task<Result<>> Board::Watch::wait(Duration longest) {
  const auto seen =
      co_await async::with_deadline(async::Deadline::after(longest), "watching", shot_.wait_task());
  if (!seen && seen.error().code() == ErrorCode::cancelled) co_return async::cancelled();
  co_return Result<>();
}

void Board::changed(const std::string& task) {
  const std::lock_guard lock(mutex_);
  const auto found = watches_.find(task);
  if (found == watches_.end()) return;
  for (Watch* watch : found->second) watch->shot_.set(true);
}

// All of it on one loop's thread, but for ring().
class Runner::Worker {
 public:
  Worker(Runner& runner, async::EventLoop& loop) : runner_(runner), loop_(loop) {}

  void start() {
    loop_.post([this] {
      scope_ = std::make_unique<async::TaskScope>();
      scope_->spawn(work());
    });
  }
  Task<> stop() {
    if (!scope_) co_return;
    stopping_ = true;
    for (auto& [id, control] : controls_) control->stop.request_stop();
    ring();
    co_await scope_->join();
    scope_.reset();
  }
  void ring() { (void)bell_.try_send(true); }
  void interrupt(const std::string& task) {
    loop_.post([this, task] { interrupt_here(task, "cancelled"); });
  }
  async::EventLoop& loop() { return loop_; }

 private:
  Parts& parts() { return runner_.parts_; }

  void interrupt_here(const std::string& task, const std::string& why) {
    const auto found = controls_.find(task);
    if (found == controls_.end() || !found->second->interrupt.empty()) return;
    found->second->interrupt = why;
    found->second->stop.request_stop();
  }

  Task<> work() {
    Instant next_beat = parts().clock.instant() + kBeatEvery;
    while (!stopping_) {
      bool more = false;
      if (const auto taken = co_await take(); taken) {
        more = *taken == kTakenAtOnce;
      } else {
        log::error("tasks could not be taken up", {{"error", taken.error().message()}});
      }
      if (parts().clock.instant() >= next_beat) {
        next_beat = parts().clock.instant() + kBeatEvery;
        if (const auto kept = co_await beat(); !kept)
          log::error("leases of tasks were not kept", {{"error", kept.error().message()}});
      }
      if (!more) co_await rest();
    }
  }

  // Until somebody rings, the next task is due or a beat is.
  Task<> rest() {
    Duration longest = parts().exclusive ? Duration(kBeatEvery) : Duration(kLookEvery);
    if (controls_.size() < parts().at_once) {
      const auto due =
          co_await parts().database.read_here([holder = runner_.holder_, now = parts().clock.now()](
                                                  store::Reader& reader) -> Result<std::optional<Time>> {
            return tables::next_due(reader, holder, now);
          });
      if (due && *due)
        longest = std::clamp<Duration>(**due - parts().clock.now(), std::chrono::milliseconds(1), longest);
    }
    (void)co_await async::with_deadline(async::Deadline::after(longest), "a task", bell_.receive());
  }

  Task<Result<std::size_t>> take() {
    const std::size_t room = parts().at_once - std::min(parts().at_once, controls_.size());
    if (room == 0) co_return std::size_t{0};
    std::map<std::string, std::size_t> running;
    for (const auto& [id, control] : controls_) ++running[workspaces_[id]];
    ACLOUD_CO_TRY(
        std::vector<Claimed> claimed,
        co_await parts().database.write_durably(
            [holder = runner_.holder_, now = parts().clock.now(), most = std::min(room, kTakenAtOnce),
             running](store::Transaction& tx) { return tables::claim(tx, holder, now, most, running); }));
    for (Claimed& task : claimed) {
      // It was parked, or another server had it, and is due again while its old run still winds up.
      if (controls_.contains(task.id)) {
        std::string id = task.id;
        next_.insert_or_assign(std::move(id), std::move(task));
      } else {
        begin(std::move(task));
      }
    }
    co_return claimed.size();
  }

  void begin(Claimed task) {
    auto& control = controls_[task.id] = std::make_unique<Control>();
    workspaces_[task.id] = task.owner.workspace;
    keys_[task.id] = task.owner.key;
    control->interrupt = task.interrupt;
    ++runner_.running_;
    scope_->spawn(run(std::move(task), *control));
  }

  Task<Result<>> beat() {
    if (controls_.empty()) co_return Result<>();
    std::vector<std::string> ids;
    ids.reserve(controls_.size());
    for (const auto& [id, control] : controls_) ids.push_back(id);
    ACLOUD_CO_TRY(const auto told,
                  co_await parts().database.write_durably(
                      [holder = runner_.holder_, now = parts().clock.now(), ids](store::Transaction& tx) {
                        return tables::beat(tx, holder, now, ids);
                      }));
    for (const auto& [id, why] : told) {
      const auto found = controls_.find(id);
      if (found == controls_.end()) continue;
      // Without a reason, as when the server ends: it goes on where the task is now.
      if (why != "lost") found->second->interrupt = why;
      found->second->stop.request_stop();
    }
    co_return co_await check_keys();
  }

  // What a key's owner started stops with it, a few seconds later at most.
  Task<Result<>> check_keys() {
    std::map<std::string, std::vector<std::string>> tasks_of;
    for (const auto& [id, key] : keys_) tasks_of[key].push_back(id);
    for (const auto& [key, tasks] : tasks_of) {
      ACLOUD_CO_TRY(const bool works, co_await parts().key_works(key));
      if (works) continue;
      for (const std::string& id : tasks) interrupt_here(id, "revoked");
    }
    co_return Result<>();
  }

  Task<> run(Claimed task, Control& control) {
    StoreJournal journal(
        parts().database, parts().clock, runner_.holder_, task,
        [this, id = task.id] { parts().board.changed(id); }, parts().when_ended);
    const Result<> done = co_await attempt(task, control, journal);
    if (!done && done.error().code() != ErrorCode::cancelled) {
      log::error("a task was left", {{"task", task.id}, {"error", done.error().message()}});
    }
    for (const std::string& orphan : journal.orphans()) runner_.interrupt(orphan);
    controls_.erase(task.id);
    workspaces_.erase(task.id);
    keys_.erase(task.id);
    --runner_.running_;
    if (auto next = next_.extract(task.id); !next.empty() && !stopping_) begin(std::move(next.mapped()));
    ring();
  }

  Task<Result<>> attempt(const Claimed& task, Control& control, StoreJournal& journal) {
    auto spec = spec_of(task);
    if (!spec) co_return co_await give_up(journal, spec.error());
    ACLOUD_CO_TRY(const bool works, co_await parts().key_works(task.owner.key));
    if (!works && control.interrupt.empty()) control.interrupt = "revoked";
    CallPerformer calls(parts().path, parts().random, task,
                        grant_of(spec->request, spec->tools, task.deadline));
    ErrandPerformer errand(parts().errands, task);
    Performer& performer = spec->errand.empty() ? static_cast<Performer&>(calls) : errand;
    DoneBy by = done_by(spec->request);
    by.is_program = by.is_program || !spec->errand.empty();
    const auto driven =
        co_await drive(*std::move(spec), task.deadline, journal, performer, parts().clock, control);
    // What can't be gone on with would be taken up again for ever.
    if (!driven && driven.error().code() == ErrorCode::internal)
      ACLOUD_CO_CHECK(co_await give_up(journal, driven.error()));
    if (journal.ended()) send_task_span(parts().path.tracer(), task, by, *journal.ended());
    if (!driven && driven.error().code() != ErrorCode::internal) co_return std::unexpected(driven.error());
    co_return Result<>();
  }

  static Task<Result<>> give_up(StoreJournal& journal, const Error& error) {
    co_return co_await journal.end(
        {.state = State::failed,
         .result = {},
         .error = TaskFailure{std::string(traits(error.code()).name), error.message()}});
  }

  static Result<Spec> spec_of(const Claimed& task) {
    Spec spec{.id = task.id, .request = {}, .tools = {}, .errand = task.errand};
    ACLOUD_TRY(const Json request, parse_json(task.spec_json));
    ACLOUD_TRY(spec.request, decode<RunTask>(request));
    ACLOUD_TRY(spec.tools, tools_from(task.tools_json));
    return spec;
  }

  Runner& runner_;
  async::EventLoop& loop_;
  async::Channel<bool> bell_{1};
  std::unique_ptr<async::TaskScope> scope_;
  std::map<std::string, std::unique_ptr<Control>> controls_;  // of the tasks that run here
  std::map<std::string, std::string> workspaces_;
  std::map<std::string, std::string> keys_;  // of their owners
  std::map<std::string, Claimed> next_;      // taken up before their last run was over
  bool stopping_ = false;
};

Runner::Runner(Parts parts) : parts_(std::move(parts)), holder_{parts_.instance.id, parts_.instance.place} {
  for (std::size_t i = 0; i < parts_.loops.size(); ++i)
    workers_.push_back(std::make_unique<Worker>(*this, parts_.loops.at(i)));
}

Runner::~Runner() = default;

Task<Result<>> Runner::take_over() {
  co_return co_await parts_.database.write_durably(
      [holder = holder_, alone = parts_.exclusive, now = parts_.clock.now()](store::Transaction& tx) {
        return tables::take_over(tx, holder, alone, now);
      });
}

void Runner::start() {
  for (const auto& worker : workers_) worker->start();
}

void Runner::stop() {
  for (const auto& worker : workers_) async::run_on(worker->loop(), worker->stop());
}

void Runner::wake() {
  for (const auto& worker : workers_) worker->ring();
}

void Runner::interrupt(const std::string& task) {
  for (const auto& worker : workers_) worker->interrupt(task);
}

}  // namespace acloud::task
