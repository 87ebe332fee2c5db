#include "surfaces/mcp/tasks.h"

#include "base/log.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr int kPollEveryMs = 500;

std::string owner_of(const kernel::Caller& caller) { return caller.workspace + "\n" + caller.principal; }

}  // namespace

// One call that may become a task, or is one. Thread-safe.
class Tasks::Job {
 public:
  enum class Status { working, input_required, completed, failed, cancelled };

  Job(Offer& offered, const Tool& called, const Exchange& exchange, Json given, Time now)
      : offer(offered),
        tool(called),
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
    if (whole && status_ == Status::failed) {
      const RpcError& error = outcome_->error();
      task["error"] = {{"code", static_cast<int>(error.code)}, {"message", error.message}};
      if (!error.data.is_null()) task["error"]["data"] = error.data;
    }
    std::string text = task.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    text = text.substr(1, text.size() - 2);
    if (whole && status_ == Status::completed) {
      text += R"(,"result":)" + fmt::format(R"({{"resultType":"complete",{}}})", **outcome_);
    }
    return text;
  }

  Time created() const { return created_; }

  Offer& offer;
  const Tool& tool;
  const kernel::Caller caller;
  const Client client;
  const Json state;
  Json arguments;
  std::string id;  // once it is a task
  std::stop_source stop;
  async::OneShot<bool> settled;  // set once it is known whether it is done at once

 private:
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

Tasks::Tasks(Clock& clock, Random& random, async::LoopThreads& loops)
    : clock_(clock), random_(random), loops_(loops) {
  for (std::size_t i = 0; i < loops.size(); ++i) scopes_.push_back(std::make_unique<async::TaskScope>());
}

Tasks::~Tasks() = default;

Task<> Tasks::run(Tasks& tasks, std::shared_ptr<Job> job) {
  JobExchange exchange(*job, tasks.clock_);
  Rpc<std::string> outcome =
      refuse(Code::internal_error, "{} failed through a fault of acloud", job->tool.name);
  try {
    outcome = co_await job->offer.call(exchange, job->tool, std::move(job->arguments));
  } catch (const std::exception& bug) {
    log::error("a tool threw", {{"tool", job->tool.name}, {"error", bug.what()}});
  }
  job->finish(std::move(outcome), tasks.clock_.now());
  const std::lock_guard lock(tasks.mutex_);
  tasks.running_.erase(job.get());
}

Task<Rpc<Answer>> Tasks::call(Offer& offer, const Tool& tool, const Exchange& exchange, Json arguments) {
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
  if (outcome && tool.tasks != TaskSupport::required) {
    if (!*outcome) co_return std::unexpected(std::move(*outcome).error());
    co_return Answer{.members = **std::move(outcome)};
  }
  co_return keep(std::move(job));
}

Rpc<Answer> Tasks::keep(std::shared_ptr<Job> job) {
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
  job->id = "mcptask_" + random_.hex(16);
  Answer answer{.kind = Answer::Kind::task, .members = job->describe(false)};
  kept_.emplace(job->id, std::move(job));
  return answer;
}

void Tasks::sweep() {
  const Time now = clock_.now();
  std::erase_if(kept_, [now](const auto& entry) {
    if (now - entry.second->created() < kKept) return false;
    entry.second->cancel(now);
    return true;
  });
}

Rpc<std::shared_ptr<Tasks::Job>> Tasks::find(const kernel::Caller& caller, const std::string& id) {
  const std::lock_guard lock(mutex_);
  sweep();
  const auto found = kept_.find(id);
  if (found == kept_.end() || owner_of(found->second->caller) != owner_of(caller))
    return refuse(Code::invalid_params, "no task {}: it is another's, or is gone",
                  to_text(Json(id.substr(0, 100))));
  return found->second;
}

Rpc<Answer> Tasks::get(const kernel::Caller& caller, const std::string& id) {
  ACLOUD_TRY(const auto job, find(caller, id));
  return Answer{.members = job->describe(true)};
}

Rpc<Answer> Tasks::update(const kernel::Caller& caller, const std::string& id, const Json& responses) {
  ACLOUD_TRY(const auto job, find(caller, id));
  if (auto taken = job->answer(responses, clock_.now()); !taken) return std::unexpected(taken.error());
  return Answer{};
}

Rpc<Answer> Tasks::cancel(const kernel::Caller& caller, const std::string& id) {
  ACLOUD_TRY(const auto job, find(caller, id));
  job->cancel(clock_.now());
  return Answer{};
}

Task<int> Tasks::end(Tasks& tasks, async::TaskScope& scope) {
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
