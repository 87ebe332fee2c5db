#include "surfaces/mcp/conformance.h"

#include "base/encoding.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::string_view kTemplateBegin = "test://template/";
constexpr std::string_view kTemplateEnd = "/data";

std::vector<Skill> fixture_skills() {
  const std::string description = "A skill that shows how skills are served over MCP.";
  const std::string manifest = "---\nname: conformance-skill\ndescription: " + description +
                               "\n---\n\n# A skill\n\nSee [the reference](references/reference.md).\n";
  return {{.name = "conformance-skill",
           .description = description,
           .frontmatter = {{"name", "conformance-skill"}, {"description", description}},
           .files = {{"SKILL.md", manifest}, {"references/reference.md", "# Reference\n\nNothing more.\n"}}}};
}

std::string text_message(std::string_view text) {
  return fmt::format(R"({{"role":"user","content":{}}})", text_content(text));
}

std::string messages(std::string_view all) { return fmt::format(R"("messages":[{}])", all); }

Task<Rpc<std::string>> ask_for_context(Exchange& exchange) {
  const auto answers =
      co_await exchange.ask({{"user_context", form_question("What context should the prompt use?",
                                                            {{"context", {{"type", "string"}}}},
                                                            OrderedJson::array({"context"}))}});
  if (!answers) co_return std::unexpected(answers.error());
  const Json content = (*answers)["user_context"].value("content", Json::object());
  co_return messages(text_message("The context is: " + to_text(content.value("context", Json()))));
}

class ConformanceOffer final : public Offer {
 public:
  explicit ConformanceOffer(Changes& changes) : changes_(changes), skills_(fixture_skills()) {
    add_content_fixtures(fixtures_);
    add_question_fixtures(fixtures_);
    add_task_fixtures(fixtures_);
  }

  const std::string& instructions() const override {
    static const std::string text = "Fixtures of the public MCP conformance suite.";
    return text;
  }
  Capabilities capabilities() const override { return {.lists_change = true, .resources_change = true}; }

  std::vector<std::shared_ptr<const Tool>> tools(const kernel::Caller&) const override {
    std::vector<std::shared_ptr<const Tool>> all;
    all.reserve(fixtures_.size());
    for (const Fixture& fixture : fixtures_) all.emplace_back(std::shared_ptr<void>(), &fixture.tool);
    return all;
  }
  std::shared_ptr<const Tool> find_tool(const kernel::Caller&, std::string_view name) const override {
    for (const Fixture& fixture : fixtures_) {
      if (fixture.tool.name == name) return {std::shared_ptr<void>(), &fixture.tool};
    }
    return nullptr;
  }
  Task<Rpc<std::string>> call(Exchange& exchange, const Tool& tool, Json arguments) override {
    const auto fixture = std::ranges::find(fixtures_, &tool, [](const Fixture& each) { return &each.tool; });
    co_return co_await fixture->run(exchange, std::move(arguments), changes_);
  }

  std::vector<std::string> resources(const kernel::Caller&) const override {
    std::vector<std::string> entries;
    for (const auto& [uri, name, type] :
         {std::tuple("test://static-text", "Static text", "text/plain"),
          std::tuple("test://static-binary", "Static binary", "image/png"),
          std::tuple("test://watched-resource", "Watched resource", "text/plain"),
          std::tuple("test://example-resource", "Example", "text/plain")}) {
      entries.push_back(
          OrderedJson{{"uri", uri}, {"name", name}, {"description", "A fixture."}, {"mimeType", type}}
              .dump());
    }
    return entries;
  }
  std::vector<std::string> templates(const kernel::Caller&) const override {
    return {OrderedJson{{"uriTemplate", "test://template/{id}/data"},
                        {"name", "Template"},
                        {"description", "A fixture."},
                        {"mimeType", "application/json"}}
                .dump()};
  }

  Task<Rpc<std::string>> read(Exchange&, std::string uri) override {
    OrderedJson contents{{"uri", uri}};
    if (uri == "test://static-binary") {
      contents["mimeType"] = "image/png";
      contents["blob"] = kPixelPng;
    } else if (uri.starts_with(kTemplateBegin) && uri.ends_with(kTemplateEnd) &&
               uri.size() > kTemplateBegin.size() + kTemplateEnd.size()) {
      const std::string id =
          uri.substr(kTemplateBegin.size(), uri.size() - kTemplateBegin.size() - kTemplateEnd.size());
      contents["mimeType"] = "application/json";
      contents["text"] =
          OrderedJson{{"id", id}, {"templateTest", true}, {"data", "Data for ID: " + id}}.dump();
    } else if (uri == "test://static-text" || uri == "test://watched-resource" ||
               uri == "test://example-resource") {
      contents["mimeType"] = "text/plain";
      contents["text"] = "This is the content of the static text resource.";
    } else {
      co_return refuse(Code::resource_not_found, "no resource is at {}", to_valid_utf8(uri.substr(0, 200)));
    }
    co_return OrderedJson::array({std::move(contents)}).dump();
  }

  std::vector<std::string> prompts() const override {
    const auto entry = [](const char* name, std::initializer_list<const char*> arguments) {
      OrderedJson listed{{"name", name}, {"description", "A fixture."}, {"arguments", OrderedJson::array()}};
      for (const char* argument : arguments)
        listed["arguments"].push_back({{"name", argument}, {"description", "Text."}, {"required", true}});
      return listed.dump();
    };
    return {entry("test_simple_prompt", {}), entry("test_prompt_with_arguments", {"arg1", "arg2"}),
            entry("test_prompt_with_embedded_resource", {"resourceUri"}), entry("test_prompt_with_image", {}),
            entry("test_input_required_result_prompt", {})};
  }

  Task<Rpc<std::string>> prompt(Exchange& exchange, std::string name, Json arguments) override {
    if (name == "test_simple_prompt")
      co_return messages(text_message("This is a simple prompt for testing."));
    if (name == "test_prompt_with_arguments") {
      co_return messages(text_message(fmt::format("Prompt with arguments: arg1='{}', arg2='{}'",
                                                  arguments.value("arg1", ""), arguments.value("arg2", ""))));
    }
    if (name == "test_prompt_with_embedded_resource") {
      const OrderedJson resource{{"type", "resource"},
                                 {"resource",
                                  {{"uri", arguments.value("resourceUri", "test://example-resource")},
                                   {"mimeType", "text/plain"},
                                   {"text", "Embedded resource content for testing."}}}};
      co_return messages(fmt::format(R"({{"role":"user","content":{}}},{})", resource.dump(),
                                     text_message("Please process the embedded resource above.")));
    }
    if (name == "test_prompt_with_image") {
      co_return messages(fmt::format(
          R"({{"role":"user","content":{{"type":"image","data":"{}","mimeType":"image/png"}}}},{})",
          kPixelPng, text_message("Please analyze the image above.")));
    }
    if (name == "test_input_required_result_prompt") co_return co_await ask_for_context(exchange);
    co_return refuse(Code::invalid_params, "no prompt {}", to_text(Json(name.substr(0, 200))));
  }

  Task<Rpc<Completion>> complete(Exchange&, Completing what) override {
    Completion completion;
    if (what.ref.value("type", Json()) == "ref/prompt" &&
        what.ref.value("name", Json()) == "test_prompt_with_arguments") {
      for (const char* known : {"paris", "park", "party", "test"}) completion.offer(known, what.typed);
    }
    co_return completion;
  }
  const std::vector<Skill>& skills() const override { return skills_; }

 private:
  Changes& changes_;
  std::vector<Fixture> fixtures_;
  std::vector<Skill> skills_;
};

}  // namespace

Fixture& add_fixture(std::vector<Fixture>& fixtures, std::string name, std::string description,
                     Fixture::Run run, OrderedJson properties, OrderedJson required) {
  OrderedJson schema{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  const OrderedJson listing{
      {"name", name}, {"description", std::move(description)}, {"inputSchema", std::move(schema)}};
  fixtures.push_back({{.name = std::move(name), .listing = listing.dump(), .headers = {}}, run});
  return fixtures.back();
}

OrderedJson form_question(std::string message, OrderedJson properties, OrderedJson required) {
  return {
      {"method", "elicitation/create"},
      {"params",
       {{"mode", "form"},
        {"message", std::move(message)},
        {"requestedSchema",
         {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}}}}}};
}

std::unique_ptr<Offer> conformance_offer(Changes& changes) {
  return std::make_unique<ConformanceOffer>(changes);
}

}  // namespace acloud::surfaces::mcp
