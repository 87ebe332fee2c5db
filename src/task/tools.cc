#include "task/tools.h"

#include "base/schema.h"
#include "kernel/grant.h"

namespace acloud::task {
namespace {

constexpr std::string_view kSandbox = "sandbox.";

// Takes `id` out of what the model may say.
void bind_id(OrderedJson& parameters) {
  parameters["properties"].erase("id");
  OrderedJson left = OrderedJson::array();
  for (const OrderedJson& name : parameters["required"]) {
    if (name != "id") left.push_back(name);
  }
  parameters["required"] = std::move(left);
}

bool takes_id(const OrderedJson& parameters) {
  const auto required = parameters.find("required");
  return required != parameters.end() && std::ranges::find(*required, OrderedJson("id")) != required->end();
}

void bind(Tool& tool) {
  if (!tool.operation.starts_with(kSandbox) || !takes_id(tool.parameters)) return;
  tool.bound = true;
  bind_id(tool.parameters);
}

}  // namespace

std::vector<Tool> own_tools() {
  return {
      {.name = "task_sleep",
       .operation = "task.sleep",
       .parameters = OrderedJson::parse(
           R"({"type":"object","properties":{"seconds":{"type":"number","minimum":0,"maximum":31536000}},
                   "required":["seconds"],"additionalProperties":false})"),
       .description = "Wait for this long."},
      {.name = "task_wait_signal",
       .operation = "task.wait_signal",
       .parameters = OrderedJson::parse(
           R"({"type":"object","properties":{"name":{"type":"string","maxLength":200}},
                   "required":["name"],"additionalProperties":false})"),
       .description = "Wait until somebody sends the signal of this name; gives its value."},
      {.name = "task_wait",
       .operation = "task.wait",
       .parameters = OrderedJson::parse(
           R"({"type":"object","properties":{"id":{"type":"string","maxLength":64}},
                   "required":["id"],"additionalProperties":false})"),
       .description = "Wait until a task that you ran with task_run has ended; gives its state and result."}};
}

bool is_own(const Tool& tool) {
  return tool.operation == "task.sleep" || tool.operation == "task.wait_signal" ||
         tool.operation == "task.wait";
}

Result<std::vector<Tool>> choose_tools(const std::vector<Tool>& offered,
                                       const std::vector<std::string>& patterns, bool bind_sandbox) {
  std::vector<Tool> tools;
  std::vector<bool> used(patterns.size());
  for (const Tool& tool : offered) {
    bool wanted = false;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (!kernel::matches(patterns[i], tool.operation)) continue;
      used[i] = true;
      wanted = true;
    }
    if (!wanted) continue;
    tools.push_back(tool);
    if (bind_sandbox) bind(tools.back());
  }
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (!used[i])
      return fail(ErrorCode::invalid_argument, "tools: no operation matches {}; acloud --help lists them",
                  patterns[i]);
  }
  return tools;
}

std::string to_text(const std::vector<Tool>& tools) {
  OrderedJson list = OrderedJson::array();
  for (const Tool& tool : tools) {
    list.push_back({{"name", tool.name},
                    {"operation", tool.operation},
                    {"bound", tool.bound},
                    {"parameters", tool.parameters},
                    {"description", tool.description}});
  }
  return list.dump();
}

Result<std::vector<Tool>> tools_from(std::string_view text) {
  ACLOUD_CHECK(parse_json(text));
  std::vector<Tool> tools;
  for (OrderedJson& item : OrderedJson::parse(text)) {
    tools.push_back({.name = item.value("name", ""),
                     .operation = item.value("operation", ""),
                     .bound = item.value("bound", false),
                     .parameters = std::move(item["parameters"]),
                     .description = item.value("description", "")});
  }
  return tools;
}

OrderedJson functions_of(const std::vector<Tool>& tools) {
  OrderedJson list = OrderedJson::array();
  for (const Tool& tool : tools) {
    list.push_back(
        {{"type", "function"},
         {"function",
          {{"name", tool.name}, {"description", tool.description}, {"parameters", tool.parameters}}}});
  }
  return list;
}

}  // namespace acloud::task
