// What is offered at an address: tools, resources, prompts. It knows no revision and no transport.
#pragma once

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
  std::vector<std::string> values;  // at most 100
  std::size_t total = 0;
};

// Lists are of JSON texts, each an object, in an order that stays.
class Offer {
 public:
  virtual ~Offer() = default;
  virtual const std::string& instructions() const = 0;
  virtual Capabilities capabilities() const = 0;

  // What `caller` may call.
  virtual std::vector<const Tool*> tools(const kernel::Caller& caller) const = 0;
  // Null where there is none that `caller` may call.
  virtual const Tool* find_tool(const kernel::Caller& caller, std::string_view name) const = 0;
  // Members of a CallToolResult. Errors: those of the protocol alone; that a tool failed is a result.
  virtual Task<Rpc<std::string>> call(Exchange& exchange, const Tool& tool, Json arguments) = 0;

  virtual std::vector<std::string> resources(const kernel::Caller& caller) const = 0;
  virtual std::vector<std::string> templates(const kernel::Caller& caller) const = 0;
  // The list `contents`, as JSON text. Errors: resource_not_found and others.
  virtual Task<Rpc<std::string>> read(Exchange& exchange, std::string uri) = 0;

  virtual std::vector<std::string> prompts() const = 0;
  // Members of a GetPromptResult. Errors: invalid_params.
  virtual Task<Rpc<std::string>> prompt(Exchange& exchange, std::string name, Json arguments) = 0;

  // Errors: invalid_params: no such prompt or template.
  virtual Rpc<Completion> complete(const kernel::Caller& caller, const Json& ref, const std::string& argument,
                                   const std::string& value) const = 0;
  virtual const std::vector<Skill>& skills() const = 0;
};

// `{"type":"text","text":...}`
std::string text_content(std::string_view text);
// Members of a CallToolResult that is one text.
std::string text_result(std::string_view text, bool is_error = false);

}  // namespace acloud::surfaces::mcp
