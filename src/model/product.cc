#include "model/product.h"

namespace acloud::model {
namespace {

using kernel::Effect;

template <class Request>
std::string model_of(const Request& request) {
  return "model/" + request.model;
}

void declare_files(kernel::Product& model, FileService& files) {
  model.operation<PullModel, PulledModel>("pull")
      .summary("Fetch a model's GGUF file onto the server's machine.")
      .keywords("download install weights gguf hugging face local model file checksum")
      .description(
          "It is checked in a process of its own before it is kept. Name it as `file` of a [[model]] with "
          "engine = \"llama\" and start the server again to have it answer. With Accept: text/event-stream "
          "events named progress say how far it is. A pull that was cut off goes on where it was, if it "
          "names the same sha256.")
      .effect(Effect::write)
      .operator_only()
      .streams()
      .example("From a web server", R"({"source":"https://models.example/qwen3-0.6b-q8_0.gguf"})")
      .handler(files, &FileService::pull);
  model.operation<ListModelFiles, ModelFileList>("list_files")
      .summary("List the model files that were pulled.")
      .keywords("weights gguf disk space downloaded")
      .operator_only()
      .example("All of them", "{}")
      .handler(files, &FileService::list);
  model.operation<DeleteModelFile, DeletedModelFile>("delete_file")
      .summary("Delete a model file that was pulled.")
      .keywords("remove weights gguf free disk space")
      .description(
          "Or what a pull of it left that was cut off. A model that runs from it keeps it until the server "
          "ends.")
      .effect(Effect::destroy)
      .operator_only()
      .example("One", R"({"name":"qwen3-0.6b-q8_0.gguf"})")
      .handler(files, &FileService::remove);
}

template <class Request>
std::string provider_of(const Request& request) {
  return "provider/" + request.name;
}
template <class Request>
std::string route_of(const Request& request) {
  return "model/" + request.name;
}

void declare_routes(kernel::Product& model, RouteService& routes) {
  model.operation<ProviderConfig, ProviderInfo>("set_provider")
      .summary("Add a provider of models, or put another in its place, while the cloud runs.")
      .keywords("new upstream endpoint base url api key rotate openai anthropic change replace")
      .description(
          "It takes the place of one of that name, also of one in the configuration file, as a whole: give "
          "the key "
          "again. Calls under way go on as they began. All servers of one store have it within two seconds.")
      .effect(Effect::write)
      .operator_only()
      .resource(provider_of<ProviderConfig>)
      .example(
          "One whose key is in the server's environment",
          R"({"name":"bailian","dialect":"openai","base_url":"https://dashscope.example/compatible-mode/v1","api_key":"env:DASHSCOPE_API_KEY"})")
      .handler(routes, &RouteService::set_provider);
  model.operation<ListRouting, ProviderList>("list_providers")
      .summary("List the providers of models, without their keys.")
      .keywords("show upstreams endpoints base urls where models are reached")
      .operator_only()
      .example("The first page", "{}")
      .handler(routes, &RouteService::list_providers);
  model.operation<ByName, DeletedEntry>("delete_provider")
      .summary("Delete a provider that was set.")
      .keywords("remove upstream endpoint")
      .description("Where the configuration file has one of that name, that is there again.")
      .effect(Effect::destroy)
      .operator_only()
      .resource(provider_of<ByName>)
      .example("One", R"({"name":"bailian"})")
      .handler(routes, &RouteService::delete_provider);
  model.operation<ModelConfig, RouteInfo>("set_route")
      .summary("Add a model that callers can name, or change where its calls go, while the cloud runs.")
      .keywords("new model alias targets weights fallback price strategy change replace switch")
      .description(
          "It takes the place of the model of that name, also of one in the configuration file, as a whole. "
          "Models "
          "that this server runs itself are for the configuration file alone.")
      .effect(Effect::write)
      .operator_only()
      .resource(route_of<ModelConfig>)
      .example("Calls of one model to a provider",
               R"({"name":"writer","targets":[{"provider":"oai","model":"gpt-5"}]})")
      .handler(routes, &RouteService::set_route);
  model.operation<ListRouting, RouteList>("list_routes")
      .summary("List where the calls of each model go.")
      .keywords("show models targets weights fallback providers routing")
      .operator_only()
      .example("The first page", "{}")
      .handler(routes, &RouteService::list_routes);
  model.operation<ByName, DeletedEntry>("delete_route")
      .summary("Delete a model that was set.")
      .keywords("remove model alias routing")
      .description("Where the configuration file has one of that name, that is there again.")
      .effect(Effect::destroy)
      .operator_only()
      .resource(route_of<ByName>)
      .example("One", R"({"name":"writer"})")
      .handler(routes, &RouteService::delete_route);
}

void declare_generations(kernel::Product& model, generation::Generations& generations) {
  using generation::Generate;
  model.operation<Generate, generation::Generation>("generate")
      .summary("Have a video or images made.")
      .keywords(
          "video movie film clip picture image photo animate animation text-to-video image-to-video draw "
          "render wan "
          "vidu create")
      .description(
          "Answers at once with a task: task.get has its progress, and in the end where the result is and "
          "what it "
          "cost; task.wait waits for it, task.cancel stops it. It goes on through a restart of the server. "
          "What it "
          "can cost at most is held of the budgets until it has ended. With into the result is put into a "
          "bucket; "
          "without it stays at the provider's address, for a day.")
      .effect(Effect::spend)
      .resource(model_of<Generate>)
      .starts({.get = "task.get",
               .cancel = "task.cancel",
               .events = "task.events",
               .questions = "approval.list",
               .decide = "approval.decide",
               .asks = nullptr})
      .example("Five seconds of film",
               R"({"model":"wan","prompt":"A paper boat on a rainy street, at dusk","duration_s":5})")
      .example("From a picture, into a bucket",
               R"({"model":"wan","prompt":"The boat sails off","images":["https://example.com/boat.png"],)"
               R"("into":{"bucket":"films","prefix":"boat/"}})")
      .handler(generations, &generation::Generations::generate);
}

}  // namespace

void declare(kernel::Catalog& catalog, ModelService& service, FileService& files, RouteService& routes,
             generation::Generations& generations) {
  auto& model = catalog.add("model", "Every model that the operator offers, behind one address.");
  model.operation<ListModels, ModelList>("list")
      .summary("List the models.")
      .keywords("show which models llm available can use names prices")
      .example("All of them", "{}")
      .handler(service, &ModelService::list);
  model.operation<Chat, ChatAnswer>("chat")
      .summary("Talk to a model.")
      .keywords(
          "ask llm ai question answer prompt complete generate write text summarize translate language gpt "
          "talk")
      .description(
          "The dialect-neutral form of a chat. With Accept: text/event-stream the answer comes as events "
          "named delta while it is written. POST /v1/chat/completions, /v1/responses and /v1/messages are "
          "the "
          "same operation in the dialects that public clients speak.")
      .effect(Effect::spend)
      .streams()
      .resource(model_of<Chat>)
      .example("A question",
               R"({"model":"acloud-tiny","messages":[{"role":"user","content":"How far is the moon?"}]})")
      .handler(service, &ModelService::chat);
  model.operation<Embed, Embeddings>("embed")
      .summary("Turn texts into vectors.")
      .keywords("embedding vector similarity semantic text numbers")
      .effect(Effect::spend)
      .resource(model_of<Embed>)
      .example("Two texts", R"({"model":"text-embedding-v4","input":["the moon","the sun"]})")
      .handler(service, &ModelService::embed);
  model.operation<Chat, ChatAnswer>("count_tokens")
      .summary("Count the tokens of a chat, where its provider can.")
      .keywords("how many tokens long prompt length before sending")
      .description("In the form of POST /v1/messages/count_tokens alone.")
      .effect(Effect::external)
      .resource(model_of<Chat>)
      .example("A question",
               R"({"model":"acloud-tiny","messages":[{"role":"user","content":"How far is the moon?"}]})")
      .handler(service, &ModelService::count_tokens);
  model.operation<guard::ListFindings, guard::FindingList>("findings")
      .summary("List what guardrails found in calls.")
      .keywords("guardrail guard pii secrets leak personal data masked blocked flagged safety policy")
      .description("The latest first: which rule, in whose call, and what was done. Never the text itself.")
      .operator_only()
      .example("The latest", R"({"limit":20})")
      .handler(service, &ModelService::findings);
  declare_generations(model, generations);
  declare_files(model, files);
  declare_routes(model, routes);
}

}  // namespace acloud::model
