// What is offered at an address: tools, resources, prompts. It knows no revision and no transport.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "surfaces/library.h"
#include "surfaces/mcp/exchange.h"

namespace acloud::surfaces::mcp {

// May a call of a tool go on as a task, where the client has that extension?
enum class TaskSupport { none, optional, required };

struct Tool {
  // An argument that must be repeated in the header Mcp-Param-<header>.
  struct HeaderArgument {
    std::string header;
    std::string argument;
  };

  std::string name;
  std::string listing;  // as tools/list has it: JSON text of an object
  TaskSupport tasks = TaskSupport::none;
  std::vector<HeaderArgument> headers;
};

struct Capabilities {
  bool lists_change = false;  // and say so
  bool resources_change = false;
  bool logs = true;
};

struct Completion {
  static constexpr std::size_t kMost = 100;
  std::vector<std::string> values;  // at most kMost
  std::size_t total = 0;

  // Takes `value` where it begins with what is typed so far.
  void offer(std::string value, std::string_view typed) {
    if (!value.starts_with(typed)) return;
    ++total;
    if (values.size() < kMost) values.push_back(std::move(value));
  }
};

// Lists are of JSON texts, each an object, in an order that stays.
class Offer {
 public:
  virtual ~Offer() = default;
  virtual const std::string& instructions() const = 0;
  virtual Capabilities capabilities() const = 0;

  // What `caller` may call. Shared, since a list that changes does so while its tools are called.
  virtual std::vector<std::shared_ptr<const Tool>> tools(const kernel::Caller& caller) const = 0;
  // Null where there is none that `caller` may call.
  virtual std::shared_ptr<const Tool> find_tool(const kernel::Caller& caller,
                                                std::string_view name) const = 0;
  // Members of a CallToolResult. Errors: those of the protocol alone; that a tool failed is a result.
  virtual Task<Rpc<std::string>> call(Exchange& exchange, const Tool& tool, Json arguments) = 0;

  // Does a call of `tool` start something that goes on by itself, and outlives the server?
  virtual bool starts(const Tool&, const Json&) const { return false; }
  // Starts it for a client that has tasks. REQUIRES: starts().
  virtual Task<Rpc<Answer>> start(Exchange&, const Tool&, Json) {
    co_return refuse(Code::internal_error, "nothing is started here");
  }
  // What tasks/get, tasks/update and tasks/cancel (`method`) answer for what start() gave.
  virtual Task<Rpc<Answer>> task(Exchange&, std::string, std::string id) {
    co_return refuse(Code::invalid_params, "no task {}", to_text(Json(id.substr(0, 100))));
  }

  virtual std::vector<std::string> resources(const kernel::Caller& caller) const = 0;
  virtual std::vector<std::string> templates(const kernel::Caller& caller) const = 0;
  // The list `contents`, as JSON text. Errors: resource_not_found and others.
  virtual Task<Rpc<std::string>> read(Exchange& exchange, std::string uri) = 0;

  virtual std::vector<std::string> prompts() const = 0;
  // Members of a GetPromptResult. Errors: invalid_params.
  virtual Task<Rpc<std::string>> prompt(Exchange& exchange, std::string name, Json arguments) = 0;

  // What completion/complete asks: a value for `argument` of a prompt or a template, which begins as `typed`;
  // `known` are arguments that have their values.
  struct Completing {
    Json ref;
    std::string argument, typed;
    Json known = Json::object();
  };
  // Errors: invalid_params: no such prompt or template.
  virtual Task<Rpc<Completion>> complete(Exchange& exchange, Completing what) = 0;

  // May `caller` hear of changes of the resource at `uri`? Where nothing says otherwise: whoever asks.
  virtual bool can_follow(const kernel::Caller&, std::string_view) const { return true; }
  // Calls `changed` whenever it has changed, on this loop, until it won't any more or the task is stopped;
  // for resources whose changes are published otherwise: does nothing.
  virtual Task<> follow(kernel::Caller, std::string, std::function<void()>) { co_return; }
  virtual const std::vector<Skill>& skills() const = 0;
};

// `{"type":"text","text":...}`
std::string text_content(std::string_view text);
// Members of a CallToolResult that is one text.
std::string text_result(std::string_view text, bool is_error = false);

}  // namespace acloud::surfaces::mcp
