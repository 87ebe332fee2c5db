// Fixtures that show the forms of contents, progress, log messages and changes.
#include "async/wait.h"
#include "surfaces/mcp/conformance.h"

namespace acloud::surfaces::mcp {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSilenceWav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";
constexpr auto kBetweenSteps = 50ms;  // as the suite wants it: so that each message leaves by itself

std::string one_content(const OrderedJson& content) { return R"("content":[)" + content.dump() + "]"; }

OrderedJson image() { return {{"type", "image"}, {"data", kPixelPng}, {"mimeType", "image/png"}}; }

OrderedJson resource(std::string_view uri, std::string_view type, std::string_view text) {
  return {{"type", "resource"}, {"resource", {{"uri", uri}, {"mimeType", type}, {"text", text}}}};
}

Task<Rpc<std::string>> simple_text(Exchange&, Json, Changes&) {
  co_return text_result("This is a simple text response for testing.");
}

Task<Rpc<std::string>> image_content(Exchange&, Json, Changes&) { co_return one_content(image()); }

Task<Rpc<std::string>> audio_content(Exchange&, Json, Changes&) {
  co_return one_content({{"type", "audio"}, {"data", kSilenceWav}, {"mimeType", "audio/wav"}});
}

Task<Rpc<std::string>> embedded_resource(Exchange&, Json, Changes&) {
  co_return one_content(
      resource("test://embedded-resource", "text/plain", "This is an embedded resource content."));
}

Task<Rpc<std::string>> multiple_contents(Exchange&, Json, Changes&) {
  const OrderedJson contents = OrderedJson::array(
      {{{"type", "text"}, {"text", "Multiple content types test:"}},
       image(),
       resource("test://mixed-content-resource", "application/json", R"({"test":"data","value":123})")});
  co_return R"("content":)" + contents.dump();
}

Task<Rpc<std::string>> error_handling(Exchange&, Json, Changes&) {
  co_return text_result("This tool intentionally returns an error for testing", true);
}

Task<Rpc<std::string>> with_logging(Exchange& exchange, Json, Changes&) {
  for (const char* said : {"Tool execution started", "Tool processing data", "Tool execution completed"}) {
    co_await exchange.log(LogLevel::info, "conformance", said);
    if (const auto slept = co_await async::sleep_for(kBetweenSteps); !slept) co_return refuse(slept.error());
  }
  co_return text_result("Done, with log messages.");
}

Task<Rpc<std::string>> with_progress(Exchange& exchange, Json, Changes&) {
  for (const double done : {0.0, 50.0, 100.0}) {
    co_await exchange.progress(done, 100, fmt::format("Completed step {} of 100", done));
    if (const auto slept = co_await async::sleep_for(kBetweenSteps); !slept) co_return refuse(slept.error());
  }
  co_return text_result("Done, with progress.");
}

Task<Rpc<std::string>> any_arguments(Exchange&, Json arguments, Changes&) {
  co_return text_result("Called with " + to_text(arguments));
}

Task<Rpc<std::string>> trigger_tool_change(Exchange&, Json, Changes& changes) {
  changes.publish({Change::Of::tools, ""});
  co_return text_result("Those who listen were told that the tools changed.");
}

Task<Rpc<std::string>> trigger_prompt_change(Exchange&, Json, Changes& changes) {
  changes.publish({Change::Of::prompts, ""});
  co_return text_result("Those who listen were told that the prompts changed.");
}

Task<Rpc<std::string>> trigger_resource_update(Exchange&, Json, Changes& changes) {
  changes.publish({Change::Of::resource, "test://watched-resource"});
  co_return text_result("Those who watch it were told that the resource changed.");
}

// A schema with the keywords of JSON Schema 2020-12 that must come through as they are.
constexpr std::string_view kRichSchema = R"({
  "$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
  "$defs":{"address":{"$anchor":"addressDef","type":"object",
    "properties":{"street":{"type":"string"},"city":{"type":"string"}}}},
  "properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},
    "contactMethod":{"type":"string","enum":["phone","email"]},"phone":{"type":"string"},"email":{"type":"string"}},
  "allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],
  "if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},
  "then":{"required":["phone"]},"else":{"required":["email"]},"additionalProperties":false})";

}  // namespace

void add_content_fixtures(std::vector<Fixture>& fixtures) {
  add_fixture(fixtures, "test_simple_text", "Gives one text.", simple_text);
  add_fixture(fixtures, "test_image_content", "Gives an image.", image_content);
  add_fixture(fixtures, "test_audio_content", "Gives a sound.", audio_content);
  add_fixture(fixtures, "test_embedded_resource", "Gives a resource.", embedded_resource);
  add_fixture(fixtures, "test_multiple_content_types", "Gives contents of several types.", multiple_contents);
  add_fixture(fixtures, "test_error_handling", "Always fails.", error_handling);
  add_fixture(fixtures, "test_tool_with_logging", "Sends log messages.", with_logging);
  add_fixture(fixtures, "test_logging_tool", "Sends log messages.", with_logging);
  add_fixture(fixtures, "test_tool_with_progress", "Reports progress.", with_progress);
  add_fixture(fixtures, "test_trigger_tool_change", "Says that the tools changed.", trigger_tool_change);
  add_fixture(fixtures, "test_trigger_prompt_change", "Says that the prompts changed.",
              trigger_prompt_change);
  add_fixture(fixtures, "test_trigger_resource_update", "Says that the watched resource changed.",
              trigger_resource_update);
  Fixture& rich = add_fixture(fixtures, "json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features",
                              any_arguments);
  rich.tool.listing = OrderedJson{{"name", rich.tool.name},
                                  {"description", "Tool with JSON Schema 2020-12 features"},
                                  {"inputSchema", OrderedJson::parse(kRichSchema)}}
                          .dump();
  Fixture& headers = add_fixture(
      fixtures, "test_x_mcp_header", "Wants an argument in a header too.", any_arguments,
      {{"region", {{"type", "string"}, {"description", "Any text."}, {"x-mcp-header", "Region"}}}});
  headers.tool.headers.push_back({.header = "Region", .argument = "region"});
}

}  // namespace acloud::surfaces::mcp
