#include "fuzz.h"
#include "task/agent_loop.h"

namespace {

using namespace acloud::task;

AgentLoop::Plan plan(bool formed) {
  AgentLoop::Plan plan{.goal = "do it",
                       .agent = {},
                       .model = "m",
                       .context_tokens = 1024,
                       .tools = own_tools(),
                       .sandbox = "sbx_1",
                       .session = "task_1"};
  plan.tools.push_back({.name = "sandbox_exec",
                        .operation = "sandbox.exec",
                        .bound = true,
                        .parameters = acloud::OrderedJson::object(),
                        .description = {}});
  plan.agent.limits.turns = 50;
  if (formed) plan.agent.output_schema = {{"type", "object"}};
  return plan;
}

}  // namespace

// Whatever a model and tools reply, line by line, the loop goes on with steps that can be done, or ends.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);  // NOLINT: bytes as text
  AgentLoop loop(plan(size % 2 == 0));
  while (!rest.empty() && !loop.ending()) {
    const std::vector<Step> steps = loop.next();
    if (steps.empty()) __builtin_trap();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (!acloud::parse_json(steps[i].input)) __builtin_trap();
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      loop.take(i, {.ok = !line.starts_with('!'), .json = std::string(line)});
    }
  }
  if (loop.ending() && !has_ended(loop.ending()->state)) __builtin_trap();
  return 0;
}
