#include "task/product.h"

#include <mutex>

namespace acloud::task {
namespace {

using kernel::Effect;

template <class Request>
std::string task_of(const Request& request) {
  return "task/" + request.id;
}

bool asks_for_approval(const Json& arguments) {
  const auto agent = arguments.find("agent");
  if (agent == arguments.end() || !agent->is_object()) return false;
  const auto approvals = agent->find("approvals");
  return approvals != agent->end() && approvals->is_array() && !approvals->empty();
}

std::vector<Tool> offered_by(const kernel::Catalog& catalog) {
  std::vector<Tool> tools;
  for (const auto& product : catalog.products()) {
    for (const kernel::Operation& operation : product->operations()) {
      Tool& tool = tools.emplace_back(Tool{.name = product->name() + "_" + operation.name,
                                           .operation = operation.full_name(),
                                           .bound = false,
                                           .parameters = operation.request(),
                                           .description = operation.summary});
      if (!tool.parameters.contains("required")) tool.parameters["required"] = OrderedJson::array();
    }
  }
  for (Tool& own : own_tools()) tools.push_back(std::move(own));
  return tools;
}

// The catalog's operations as tools, made anew where the catalog has changed.
class Offered {
 public:
  explicit Offered(const kernel::Catalog& catalog) : catalog_(catalog) {}

  TaskService::Tools now() {
    const std::uint64_t version = catalog_.version();
    const std::scoped_lock lock(mutex_);
    if (tools_ == nullptr || version != version_) {
      tools_ = std::make_shared<const std::vector<Tool>>(offered_by(catalog_));
      version_ = version;
    }
    return tools_;
  }

 private:
  const kernel::Catalog& catalog_;
  std::mutex mutex_;
  TaskService::Tools tools_;
  std::uint64_t version_ = 0;
};

}  // namespace

void declare(kernel::Catalog& catalog, TaskService& service) {
  // Shared, since a function that owns it must be copied.
  service.offer([offered = std::make_shared<Offered>(catalog)] { return offered->now(); });
  auto& task =
      catalog.add("task", "An agent's whole run: durable, on all resources at once, from goal to receipt.");
  task.operation<RunTask, TaskInfo>("run")
      .summary("Run an agent or a program until it is done, whatever happens meanwhile.")
      .keywords(
          "start agent autonomous delegate job goal work program helper assistant do research hand over")
      .description(
          "Answers at once with the task, which goes on by itself, also through a crash of the server. What "
          "resources names is made for it and removed at its end. It acts under its owner's rights, cut down "
          "to its "
          "tools; task.events follows it, usage.receipt adds up what it cost.")
      .effect(Effect::spend)
      .starts({.get = "task.get",
               .cancel = "task.cancel",
               .events = "task.events",
               .questions = "approval.list",
               .decide = "approval.decide",
               .asks = asks_for_approval})
      .example(
          "Ask about a file",
          R"({"goal":"what is the mean of price in sales.csv?","resources":{"files":[{"path":"sales.csv",)"
          R"("content":"item,price\nnails,3\nglue,5\n"}]}})")
      .example("A program of yours",
               R"x({"program":{"command":["python3","agent.py"],"files":[{"path":"agent.py",)x"
               R"x("content":"print('done')"}]}})x")
      .handler(service, &TaskService::run);
  task.operation<TaskName, TaskInfo>("get")
      .summary("See where a task stands, and what came of it.")
      .keywords("status state done finished result answer outcome progress agent job")
      .resource(task_of<TaskName>)
      .example("One", R"({"id":"task_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &TaskService::get);
  task.operation<ListTasks, TaskList>("list")
      .summary("List tasks, the newest first.")
      .keywords("show all agents jobs working running which")
      .example("Those that run", R"({"state":"running"})")
      .handler(service, &TaskService::list);
  task.operation<FollowTask, TaskEvents>("events")
      .summary("Follow what a task does, from its beginning to its end.")
      .keywords("log logs trace history steps doing watch follow stream progress agent job")
      .description(
          "Streams events by AG-UI's names: RUN_STARTED, STEP_STARTED and STEP_FINISHED for what gathers and "
          "removes "
          "resources, TEXT_MESSAGE_*, TOOL_CALL_*, TOOL_CALL_RESULT, and RUN_FINISHED or RUN_ERROR. Each is "
          "told "
          "when it is on disk. CUSTOM tells that somebody's approval is asked for, and how it was decided. "
          "Without a stream: what has happened so far.")
      .is_log()
      .resource(task_of<FollowTask>)
      .example("All", R"({"id":"task_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &TaskService::events);
  task.operation<SignalTask, TaskInfo>("signal")
      .summary("Tell a task what it waits for, or will.")
      .keywords("notify tell continue go ahead proceed waiting input resume agent job")
      .effect(Effect::write)
      .resource(task_of<SignalTask>)
      .example("Go on", R"({"id":"task_00c1d2e3f4a5b6c7d8e9","name":"approved","value":true})")
      .handler(service, &TaskService::signal);
  task.operation<TaskName, TaskInfo>("cancel")
      .summary("Stop a task and remove what was made for it.")
      .keywords("stop abort kill end terminate halt agent job")
      .effect(Effect::destroy)
      .resource(task_of<TaskName>)
      .example("Stop one", R"({"id":"task_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &TaskService::cancel);
  task.operation<TaskName, TaskInfo>("retry")
      .summary("Begin a task anew that failed or was cancelled.")
      .keywords("again rerun restart repeat failed agent job")
      .effect(Effect::spend)
      .resource(task_of<TaskName>)
      .example("Once more", R"({"id":"task_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &TaskService::retry);
  task.operation<AskTime, Moment>("now")
      .summary("Ask for the time, once: a repeat of the call is told the same.")
      .keywords("clock date today hour current timestamp when")
      .description(
          "Like any call of a task it is a step of its journal, and with an idempotency key its reply is "
          "kept, "
          "so whoever goes by it takes the same way again after a crash.")
      .effect(Effect::write)
      .example("Now", "{}")
      .handler(service, &TaskService::now);
  task.operation<DrawNumbers, Numbers>("random")
      .summary("Draw random whole numbers, once: a repeat of the call is told the same.")
      .keywords("dice chance lottery pick sample shuffle uuid seed")
      .description(
          "From the kernel's generator. Like any call of a task it is a step of its journal, and with an "
          "idempotency key its reply is kept, so whoever goes by it takes the same way again after a crash.")
      .effect(Effect::write)
      .example("A die", R"({"min":1,"max":6})")
      .handler(service, &TaskService::random);
}

}  // namespace acloud::task
