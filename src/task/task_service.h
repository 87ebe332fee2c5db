// The work of product `task`: what people and agents ask of tasks. The Runner does the tasks themselves.
#pragma once

#include "kernel/call_path.h"
#include "task/runner.h"

namespace acloud::task {

class TaskService {
 public:
  static constexpr std::size_t kSpecMost = 32 << 20;  // bytes of a request, its files with it
  static constexpr std::int64_t kLinesAtOnce = 200;
  static constexpr std::int64_t kChildrenShown = 100;

  // Sets the budget of a task, in the transaction that makes it. That of a child is taken out of its
  // parent's, if that has one. `parent` is "" for none.
  using SetBudget =
      std::function<Result<>(store::Transaction&, const std::string& workspace, const std::string& task,
                             const std::string& parent, const std::optional<std::string>& limit, Time now)>;

  // What agents may call at all, as it stands. Shared with those who look at it.
  using Tools = std::shared_ptr<const std::vector<Tool>>;
  using Offer = std::function<Tools()>;

  TaskService(Board& board, SetBudget set_budget) : board_(board), set_budget_(std::move(set_budget)) {}
  void offer(Offer offer) { offer_ = std::move(offer); }
  // To be called before the first call.
  void connect(Runner& runner) { runner_ = &runner; }

  Task<Result<TaskInfo>> run(kernel::Context& context, RunTask request);
  // A task for work that another product's call asks for, which the Errands of that kind see to.
  struct Work {
    std::string kind;
    std::string goal;
    std::optional<std::string> budget;
    std::chrono::seconds deadline{3600};
  };
  // The task's id, and what makes it, in the call's own deciding transaction. begin() once that was written.
  struct Prepared {
    std::string id;
    std::function<Result<TaskInfo>(store::Transaction&)> make;
  };
  Prepared prepare(kernel::Context& context, Work work);
  void begin() { runner_->wake(); }
  Task<Result<TaskInfo>> get(kernel::Context& context, TaskName request);
  Task<Result<TaskList>> list(kernel::Context& context, ListTasks request);
  Task<Result<TaskEvents>> events(kernel::Context& context, FollowTask request);
  Task<Result<TaskInfo>> signal(kernel::Context& context, SignalTask request);
  Task<Result<TaskInfo>> cancel(kernel::Context& context, TaskName request);
  Task<Result<TaskInfo>> retry(kernel::Context& context, TaskName request);
  // What differs from one time to the next, as calls, which the journal and an idempotency key keep.
  Task<Result<Moment>> now(kernel::Context& context, AskTime request);
  Task<Result<Numbers>> random(kernel::Context& context, DrawNumbers request);

 private:
  Result<TaskInfo> make_in(store::Transaction& tx, NewTask made,
                           const std::optional<std::string>& budget) const;
  Result<> check_compensation(const RunTask& request) const;
  Result<std::vector<Tool>> tools_for(const kernel::Caller& caller, const RunTask& request, Time now);

  Offer offer_;
  Board& board_;
  SetBudget set_budget_;
  Runner* runner_ = nullptr;
};

}  // namespace acloud::task
