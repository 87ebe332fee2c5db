#include "task/product.h"

namespace acloud::task {
namespace {

using kernel::Effect;

template <class Request>
std::string task_of(const Request& request) {
  return "task/" + request.id;
}

// The catalog as it stands when the first task is asked for: all products are declared by then.
std::vector<Tool> offered_by(const kernel::Catalog& catalog) {
  std::vector<Tool> tools;
  for (const kernel::Product& product : catalog.products()) {
    for (const kernel::Operation& operation : product.operations()) {
      Tool& tool = tools.emplace_back(Tool{.name = product.name() + "_" + operation.name,
                                           .operation = operation.full_name(),
                                           .bound = false,
                                           .parameters = operation.request,
                                           .description = operation.summary});
      if (!tool.parameters.contains("required")) tool.parameters["required"] = OrderedJson::array();
    }
  }
  return tools;
}

}  // namespace

void declare(kernel::Catalog& catalog, TaskService& service) {
  service.offer([&catalog] { return offered_by(catalog); });
  auto& task =
      catalog.add("task", "An agent's whole run: durable, on all resources at once, from goal to receipt.");
  task.operation<RunTask, TaskInfo>("run")
      .summary("Run an agent or a program until it is done, whatever happens meanwhile.")
      .description(
          "Answers at once with the task, which goes on by itself, also through a crash of the server. What "
          "resources names is made for it and removed at its end. It acts under its owner's rights, cut down "
          "to its "
          "tools; task.events follows it, usage.receipt adds up what it cost.")
      .effect(Effect::spend)
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
      .resource(task_of<TaskName>)
      .example("One", R"({"id":"task_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &TaskService::get);
  task.operation<ListTasks, TaskList>("list")
      .summary("List tasks, the newest first.")
      .example("Those that run", R"({"state":"running"})")
      .handler(service, &TaskService::list);
  task.operation<FollowTask, TaskEvents>("events")
      .summary("Follow what a task does, from its beginning to its end.")
      .description(
          "Streams events by AG-UI's names: RUN_STARTED, STEP_STARTED and STEP_FINISHED for what gathers and "
          "removes "
          "resources, TEXT_MESSAGE_*, TOOL_CALL_*, TOOL_CALL_RESULT, and RUN_FINISHED or RUN_ERROR. Each is "
          "told "
          "when it is on disk. Without a stream: what has happened so far.")
      .streams()
      .resource(task_of<FollowTask>)
      .example("All", R"({"id":"task_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &TaskService::events);
  task.operation<SignalTask, TaskInfo>("signal")
      .summary("Tell a task what it waits for, or will.")
      .effect(Effect::write)
      .resource(task_of<SignalTask>)
      .example("Go on", R"({"id":"task_00c1d2e3f4a5b6c7d8e9","name":"approved","value":true})")
      .handler(service, &TaskService::signal);
  task.operation<TaskName, TaskInfo>("cancel")
      .summary("Stop a task and remove what was made for it.")
      .effect(Effect::destroy)
      .resource(task_of<TaskName>)
      .example("Stop one", R"({"id":"task_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &TaskService::cancel);
  task.operation<TaskName, TaskInfo>("retry")
      .summary("Begin a task anew that failed or was cancelled.")
      .effect(Effect::spend)
      .resource(task_of<TaskName>)
      .example("Once more", R"({"id":"task_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &TaskService::retry);
}

}  // namespace acloud::task
