#include "mcp/product.h"

namespace acloud::mcp {
namespace {

using kernel::Effect;

Effect effect_of(const Tool& tool) {
  if (tool.read_only) return Effect::read;
  if (tool.destructive) return Effect::destroy;
  return tool.open_world ? Effect::external : Effect::write;
}

OrderedJson reply_schema(const Tool& tool) {
  OrderedJson schema{
      {"type", "object"},
      {"properties",
       {{"content",
         {{"type", "array"},
          {"description",
           "What the tool says: blocks as MCP has them, such as {\"type\":\"text\",\"text\":...}."},
          {"items", {{"type", "object"}}}}}}},
      {"required", {"content"}}};
  if (!tool.reply.is_null()) {
    schema["properties"]["structuredContent"] = tool.reply;
    schema["required"].push_back("structuredContent");
  }
  return schema;
}

// The server checks its arguments itself, by whatever its schema says; what is plainly missing or unknown is
// refused here, where it costs nothing.
Result<> check_arguments(const Tool& tool, const Json& arguments) {
  const auto wrong = [](const std::string& field, std::string_view why) {
    return std::unexpected(
        Error(ErrorCode::invalid_argument, fmt::format("{}: {}", field, why)).with_detail("field", field));
  };
  if (!arguments.is_object()) return fail(ErrorCode::invalid_argument, "the arguments must be an object");
  for (const OrderedJson& name : tool.request["required"]) {
    if (!arguments.contains(name.get_ref<const std::string&>()))
      return wrong(name.get<std::string>(), "is missing");
  }
  if (tool.request.value("additionalProperties", OrderedJson()) != false) return {};
  for (const auto& [name, value] : arguments.items()) {
    if (!tool.request["properties"].contains(name)) return wrong(plain_text(name, 100), "is unknown");
  }
  return {};
}

class ToolCall final : public kernel::Prepared {
 public:
  ToolCall(Server& server, std::shared_ptr<const Tool> tool, Json arguments)
      : server_(server), tool_(std::move(tool)), arguments_(std::move(arguments)) {}
  std::string resource() const override { return "mcp_server/" + server_.config().name; }
  Task<Result<std::string>> run(kernel::Context&) override {
    co_return co_await server_.call(*tool_, std::move(arguments_));
  }

 private:
  Server& server_;
  std::shared_ptr<const Tool> tool_;  // shared with the operation, which may be replaced meanwhile
  Json arguments_;
};

std::shared_ptr<const kernel::Product> product_of(Server& server, const std::vector<Tool>& tools) {
  const ServerConfig& config = server.config();
  const std::string summary =
      config.summary.empty() ? fmt::format("Tools of the MCP server {}.", config.name) : config.summary;
  // Shared, since the catalog gives it to all who look at it.
  auto product = std::make_shared<kernel::Product>(config.name, summary);
  for (const Tool& each : tools) {
    auto tool = std::make_shared<const Tool>(each);
    kernel::Operation& operation = product->described_elsewhere(tool->operation);
    operation.summary = tool->summary;
    operation.description = tool->description;
    operation.effect = effect_of(*tool);
    operation.gives_content = true;
    operation.request = Lazy<OrderedJson>(tool->request);
    operation.reply = Lazy<OrderedJson>(reply_schema(*tool));
    operation.prepare = [&server, tool](const Json& arguments) -> Result<std::unique_ptr<kernel::Prepared>> {
      ACLOUD_CHECK(check_arguments(*tool, arguments));
      return std::make_unique<ToolCall>(server, tool, arguments);
    };
  }
  return product;
}

}  // namespace

void declare(kernel::Catalog& catalog, Servers& servers,
             std::function<void(const std::string& product)> changed) {
  auto& product =
      catalog.add("mcp_server", "MCP servers of others, whose tools are operations of this cloud.");
  product.operation<ListServers, ServerList>("list")
      .summary("See which outside MCP servers are connected, and what is wrong with those that are not.")
      .keywords("health tools external connection")
      .operator_only()
      .example("All", "{}")
      .handler(servers, &Servers::list);
  for (const auto& server : servers.all()) catalog.put(product_of(*server, {}));
  // Kept, so that a list that is read again and is the same makes no new catalog.
  auto known = std::make_shared<std::map<std::string, std::vector<Tool>>>();
  servers.on_offer(
      [&catalog, known, changed = std::move(changed)](Server& server, const std::vector<Tool>& tools) {
        std::vector<Tool>& before = (*known)[server.config().name];
        if (before == tools) return;
        before = tools;
        catalog.put(product_of(server, tools));
        changed(server.config().name);
      });
}

}  // namespace acloud::mcp
