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

}  // namespace

void declare(kernel::Catalog& catalog, ModelService& service, FileService& files) {
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
  declare_files(model, files);
}

}  // namespace acloud::model
