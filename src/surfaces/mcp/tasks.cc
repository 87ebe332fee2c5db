#include "surfaces/mcp/tasks.h"

#include <atomic>

#include "base/log.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr int kPollEveryMs = 500;

constexpr std::string_view kTaskPrefix = "mcptask_";

std::string owner_of(const kernel::Caller& caller) { return caller.workspace + "\n" + caller.principal; }

// Members of a Task whose server is gone, or of another server's.
std::string describe(const TaskRecord& record, bool lost) {
  OrderedJson task{{"taskId", record.id},
                   {"status", lost                    ? "failed"
                              : record.status.empty() ? "working"
                                                      : record.status},
                   {"createdAt", to_rfc3339(record.created)},
                   {"lastUpdatedAt", to_rfc3339(record.updated)},
                   {"ttlMs", std::chrono::milliseconds(Tasks::kKept).count()},
                   {"pollIntervalMs", kPollEveryMs}};
  if (lost) {
    task["error"] = {{"code", static_cast<int>(Code::internal_error)},
                     {"message",
                      "the server ended while this call ran, and the call with it: what it had done by then "
                      "stays done, what came of it is not known. Look, then call again if need be"},
                     {"data", {{"reason", "server_ended"}}}};
  } else if (record.status == "failed") {
    task["error"] = OrderedJson::parse(record.outcome, nullptr, false);
  }
  std::string text = task.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  text = text.substr(1, text.size() - 2);
  if (record.status == "completed")
    text += R"(,"result":)" + fmt::format(R"({{"resultType":"complete",{}}})", record.outcome);
  return text;
}

}  // namespace

// One call that may become a task, or is one. Thread-safe.
class Tasks::Job {
 public:
  enum class Status { working, input_required, completed, failed, cancelled };

  Job(Offer& offered, std::shared_ptr<const Tool> called, const Exchange& exchange, Json given, Time now)
      : offer(offered),
        tool(std::move(called)),
        caller(exchange.caller()),
        client(exchange.client()),
        state(exchange.state()),
        arguments(std::move(given)),
        created_(now),
        updated_(now) {}

  bool over() const {
    const std::lock_guard lock(mutex_);
    return ended();
  }

  void finish(Rpc<std::string> outcome, Time now) {
    {
      const std::lock_guard lock(mutex_);
      if (ended()) return;
      status_ = outcome ? Status::completed : Status::failed;
      outcome_ = std::move(outcome);
      questions_ = OrderedJson::object();
      updated_ = now;
    }
    settled.set(true);
  }

  void cancel(Time now) {
    {
      const std::lock_guard lock(mutex_);
      if (!ended()) {
        status_ = Status::cancelled;
        questions_ = OrderedJson::object();
        updated_ = now;
      }
    }
    stop.request_stop();
    settled.set(true);
  }

  // The job waits for answers from now on.
  async::OneShot<bool> park(OrderedJson questions, Time now) {
    async::OneShot<bool> answered;
    {
      const std::lock_guard lock(mutex_);
      if (!ended()) status_ = Status::input_required;
      questions_ = std::move(questions);
      answers_ = Json::object();
      answered_ = answered;
      updated_ = now;
    }
    settled.set(true);
    return answered;
  }

  // Takes those of `responses` that answer a question; once all are answered the job goes on.
  Rpc<> answer(const Json& responses, Time now) {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, response] : responses.items()) {
      const auto question = questions_.find(name);
      if (question == questions_.end()) continue;
      if (auto fits = check_answer(name, *question, response); !fits) return fits;
      answers_[name] = response;
      questions_.erase(question);
    }
    if (status_ == Status::input_required && questions_.empty()) {
      status_ = Status::working;
      answered_.set(true);
    }
    updated_ = now;
    return {};
  }

  Json take_answers() {
    const std::lock_guard lock(mutex_);
    return std::move(answers_);
  }

  // What the call gave, where it is over and gave anything.
  std::optional<Rpc<std::string>> outcome() const {
    const std::lock_guard lock(mutex_);
    return outcome_;
  }

  // Members of a Task; with `whole`, of a DetailedTask.
  std::string describe(bool whole) const {
    const std::lock_guard lock(mutex_);
    OrderedJson task{{"taskId", id},
                     {"status", name()},
                     {"createdAt", to_rfc3339(created_)},
                     {"lastUpdatedAt", to_rfc3339(updated_)},
                     {"ttlMs", std::chrono::milliseconds(kKept).count()},
                     {"pollIntervalMs", kPollEveryMs}};
    if (whole && status_ == Status::input_required) task["inputRequests"] = questions_;
    if (whole && status_ == Status::failed) task["error"] = error();
    std::string text = task.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    text = text.substr(1, text.size() - 2);
    if (whole && status_ == Status::completed) {
      text += R"(,"result":)" + fmt::format(R"({{"resultType":"complete",{}}})", **outcome_);
    }
    return text;
  }

  Time created() const { return created_; }

  struct End {
    std::string status, outcome;  // as TaskRecord has them
    Time at{};
  };
  // Nothing while it has not ended.
  std::optional<End> end() const {
    const std::lock_guard lock(mutex_);
    if (!ended()) return std::nullopt;
    End end{.status = std::string(name()), .outcome = {}, .at = updated_};
    if (status_ == Status::failed) {
      end.outcome = error().dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    } else if (status_ == Status::completed) {
      end.outcome = **outcome_;
    }
    if (end.outcome.size() > TaskRecords::kOutcomeBytes) {
      end.status = "completed";
      end.outcome = text_result(
          fmt::format("what came of it had {} bytes, which is too much to be kept beyond the server's life",
                      end.outcome.size()),
          true);
    }
    return end;
  }

  Offer& offer;
  const std::shared_ptr<const Tool> tool;
  const kernel::Caller caller;
  const Client client;
  const Json state;
  Json arguments;
  std::string id;                      // once it is a task
  std::atomic<bool> recorded = false;  // there is a record of it
  std::stop_source stop;
  async::OneShot<bool> settled;  // set once it is known whether it is done at once

 private:
  OrderedJson error() const {
    const RpcError& error = outcome_->error();
    OrderedJson json{{"code", static_cast<int>(error.code)}, {"message", error.message}};
    if (!error.data.is_null()) json["data"] = error.data;
    return json;
  }
  bool ended() const { return status_ >= Status::completed; }
  std::string_view name() const {
    constexpr std::array<std::string_view, 5> kNames{"working", "input_required", "completed", "failed",
                                                     "cancelled"};
    return kNames[static_cast<std::size_t>(status_)];
  }

  mutable std::mutex mutex_;
  Status status_ = Status::working;
  Time created_;
  Time updated_;
  std::optional<Rpc<std::string>> outcome_;
  OrderedJson questions_ = OrderedJson::object();
  Json answers_;
  async::OneShot<bool> answered_;
};

// Questions are put where the client finds them when it asks for the task.
class Tasks::JobExchange final : public Exchange {
 public:
  JobExchange(Job& job, Clock& clock)
      : Exchange(job.caller, job.client, job.state), job_(job), clock_(clock) {}

  Task<> progress(double, std::optional<double>, std::string) override { co_return; }
  Task<> log(LogLevel, std::string, OrderedJson) override { co_return; }

  Task<Rpc<Json>> ask(OrderedJson questions, Json state, When when) override {
    auto at_hand = answers_at_hand(client(), questions);
    if (when == When::before_task || at_hand || at_hand.error().code != Code::input_needed) {
      if (!at_hand && !state.is_null()) at_hand.error().data["state"] = std::move(state);
      co_return at_hand;
    }
    const auto answered = job_.park(std::move(questions), clock_.now());
    const auto done = co_await async::with_deadline(async::Deadline::after(kKept), "the client's answer",
                                                    answered.wait_task());
    if (!done) co_return refuse(done.error());
    co_return job_.take_answers();
  }

 private:
  Job& job_;
  Clock& clock_;
};

Tasks::Tasks(Clock& clock, Random& random, async::LoopThreads& loops, TaskRecords records)
    : clock_(clock), random_(random), loops_(loops), records_(std::move(records)) {
  for (std::size_t i = 0; i < loops.size(); ++i) scopes_.push_back(std::make_unique<async::TaskScope>());
}

Tasks::~Tasks() = default;

Task<> Tasks::run(Tasks& tasks, std::shared_ptr<Job> job) {
  JobExchange exchange(*job, tasks.clock_);
  Rpc<std::string> outcome =
      refuse(Code::internal_error, "{} failed through a fault of acloud", job->tool->name);
  try {
    outcome = co_await job->offer.call(exchange, *job->tool, std::move(job->arguments));
  } catch (const std::exception& bug) {
    log::error("a tool threw", {{"tool", job->tool->name}, {"error", bug.what()}});
  }
  job->finish(std::move(outcome), tasks.clock_.now());
  // What the end of the server cuts off is not recorded as ended: that is how its client learns of it.
  if (job->recorded && !tasks.ending_) co_await tasks.record_end(job).shielded();
  const std::lock_guard lock(tasks.mutex_);
  tasks.running_.erase(job.get());
}

Task<Rpc<Answer>> Tasks::call(Offer& offer, std::shared_ptr<const Tool> tool, const Exchange& exchange,
                              Json arguments) {
  auto job = std::make_shared<Job>(offer, tool, exchange, std::move(arguments), clock_.now());
  {
    const std::lock_guard lock(mutex_);
    if (running_.size() >= kMost)
      co_return refuse(Code::internal_error, "{} calls that may become tasks are under way: try again",
                       kMost);
    running_.emplace(job.get(), job);
  }
  std::size_t mine = 0;
  while (&loops_.at(mine) != async::EventLoop::current()) ++mine;
  scopes_[mine]->spawn(run(*this, job).with_stop(job->stop.get_token()));

  const auto settled =
      co_await async::with_deadline(async::Deadline::after(kPatience), "the call", job->settled.wait_task());
  if (!settled && settled.error().code() == ErrorCode::cancelled) {
    job->cancel(clock_.now());  // the client went away before it knew of a task
    co_return refuse(settled.error());
  }
  auto outcome = job->outcome();
  if (outcome && !*outcome && (*outcome).error().code == Code::input_needed)
    co_return std::unexpected(std::move(*outcome).error());
  if (outcome && tool->tasks != TaskSupport::required) {
    if (!*outcome) co_return std::unexpected(std::move(*outcome).error());
    co_return Answer{.members = **std::move(outcome)};
  }
  co_return co_await keep(std::move(job));
}

// What the client is told of is on disk, so that it can be asked for whatever happens.
Task<Rpc<Answer>> Tasks::keep(std::shared_ptr<Job> job) {
  ACLOUD_CO_CHECK(add(job));
  const auto recorded =
      co_await records_.add(job->id, owner_of(job->caller), job->created(), clock_.now() - kKept).shielded();
  if (!recorded) {
    job->cancel(clock_.now());
    co_return refuse(recorded.error());
  }
  job->recorded = true;
  if (job->over()) co_await record_end(job).shielded();
  co_return Answer{.kind = Answer::Kind::task, .members = job->describe(false)};
}

Task<> Tasks::record_end(std::shared_ptr<Job> job) {
  auto end = job->end();
  const auto kept = co_await records_.end(job->id, std::move(end->status), std::move(end->outcome), end->at);
  if (!kept) log::error("the end of a task of MCP was not kept", {{"error", kept.error().message()}});
}

Rpc<> Tasks::add(const std::shared_ptr<Job>& job) {
  const std::lock_guard lock(mutex_);
  sweep();
  const std::string owner = owner_of(job->caller);
  const auto of_one = std::ranges::count_if(
      kept_, [&owner](const auto& entry) { return owner_of(entry.second->caller) == owner; });
  if (kept_.size() >= kMost || static_cast<std::size_t>(of_one) >= kMostOfOne) {
    job->cancel(clock_.now());
    return refuse(Code::internal_error,
                  "{} tasks are kept for you already; the oldest goes {} minutes after it began", of_one,
                  kKept.count());
  }
  job->id = std::string(kTaskPrefix) + random_.hex(16);
  kept_.emplace(job->id, job);
  return {};
}

bool Tasks::is_id(std::string_view id) { return id.starts_with(kTaskPrefix); }

Task<Result<>> Tasks::maintain() {
  if (clock_.instant() < next_beat_) co_return Result<>();
  next_beat_ = clock_.instant() + TaskRecords::kBeatEvery;
  co_return co_await records_.beat(clock_.now());
}

void Tasks::sweep() {
  const Time now = clock_.now();
  std::erase_if(kept_, [now](const auto& entry) {
    if (now - entry.second->created() < kKept) return false;
    entry.second->cancel(now);
    return true;
  });
}

std::shared_ptr<Tasks::Job> Tasks::find(const kernel::Caller& caller, const std::string& id) {
  const std::lock_guard lock(mutex_);
  sweep();
  const auto found = kept_.find(id);
  return found == kept_.end() || owner_of(found->second->caller) != owner_of(caller) ? nullptr
                                                                                     : found->second;
}

Task<Rpc<TaskRecord>> Tasks::recorded(const kernel::Caller& caller, std::string id) {
  auto record = co_await records_.find(id);
  if (!record) co_return refuse(record.error());
  if (!*record || (*record)->owner != owner_of(caller) || clock_.now() - (*record)->created > kKept)
    co_return refuse(Code::invalid_params, "no task {}: it is another's, or is gone",
                     to_text(Json(id.substr(0, 100))));
  co_return **std::move(record);
}

Task<Rpc<Answer>> Tasks::get(const kernel::Caller& caller, std::string id) {
  if (const auto job = find(caller, id)) co_return Answer{.members = job->describe(true)};
  ACLOUD_CO_TRY(const TaskRecord record, co_await recorded(caller, std::move(id)));
  co_return Answer{.members = mcp::describe(record, records_.is_lost(record, clock_.now()))};
}

Task<Rpc<Answer>> Tasks::update(const kernel::Caller& caller, std::string id, const Json& responses) {
  if (const auto job = find(caller, id)) {
    if (auto taken = job->answer(responses, clock_.now()); !taken) co_return std::unexpected(taken.error());
    co_return Answer{};
  }
  ACLOUD_CO_TRY(const TaskRecord record, co_await recorded(caller, std::move(id)));
  co_return refuse(Code::invalid_params,
                   "task {} does not run on this server any more; tasks/get says how it stands", record.id);
}

Task<Rpc<Answer>> Tasks::cancel(const kernel::Caller& caller, std::string id) {
  if (const auto job = find(caller, id)) {
    job->cancel(clock_.now());
    co_await record_end(job).shielded();
    co_return Answer{};
  }
  ACLOUD_CO_TRY(const TaskRecord record, co_await recorded(caller, std::move(id)));
  if (record.status.empty() && !records_.is_lost(record, clock_.now()))
    co_return refuse(Code::internal_error, "task {} runs on another server, which alone can cancel it",
                     record.id);
  co_return Answer{};
}

Task<int> Tasks::end(Tasks& tasks, async::TaskScope& scope) {
  tasks.ending_ = true;
  {
    const std::lock_guard lock(tasks.mutex_);
    for (const auto& [job, shared] : tasks.running_) job->cancel(tasks.clock_.now());
  }
  co_await scope.join();
  co_return 0;
}

void Tasks::stop() {
  for (std::size_t i = 0; i < scopes_.size(); ++i) (void)async::run_on(loops_.at(i), end(*this, *scopes_[i]));
}

}  // namespace acloud::surfaces::mcp
