// The engine that is llama.cpp in this process. Included by this folder alone.
#pragma once

#include <chat.h>
#include <llama-cpp.h>

#include "inference/engine/engine.h"

namespace acloud::inference {

struct LlamaBatchDeleter {
  void operator()(llama_batch* batch) const {
    llama_batch_free(*batch);
    delete batch;
  }
};

class LlamaEngine final : public Engine {
 public:
  // Errors: as open_llama().
  static Result<std::unique_ptr<LlamaEngine>> open(const EngineOptions& options);

  const ModelInfo& model() const override { return info_; }
  Result<std::vector<Token>> tokenize(std::string_view text, Reading reading) const override;
  std::string text_of(Token token, bool special) const override;
  bool ends_reply(Token token) const override;
  Result<ChatPrompt> render(const ChatRequest& request) const override;
  Result<Constraint> constrain_to_schema(std::string_view schema_json) const override;
  Result<std::unique_ptr<Sampler>> make_sampler(const Sampling& sampling) const override;
  Result<> decode(std::span<const Input> inputs) override;
  Result<Sampled> sample(Sampler& sampler, std::size_t index) override;
  void copy(Sequence from, Sequence to, std::int32_t tokens) override;
  bool truncate(Sequence sequence, std::int32_t keep) override;
  Result<std::string> save(Sequence sequence) override;
  Result<> restore(Sequence sequence, std::string_view state, std::int32_t tokens) override;
  Result<std::vector<float>> embed(std::span<const Token> tokens) override;

 private:
  explicit LlamaEngine(const EngineOptions& options) : options_(options) {}
  Result<> load();
  Result<> make_context();
  Result<> read_template();
  void describe();
  std::int32_t meta_number(const char* name, std::int32_t otherwise) const;
  std::string meta_text(const char* name) const;
  void read_sampling();
  void fill_batch(std::span<const Input> inputs);

  EngineOptions options_;
  ModelInfo info_;
  llama_model_ptr model_;
  const llama_vocab* vocab_ = nullptr;
  llama_context_ptr context_;
  llama_context_ptr embedding_context_;  // made when first wanted
  std::unique_ptr<llama_batch, LlamaBatchDeleter> batch_;
  std::vector<std::int32_t> outputs_;  // of each input of the last batch: the place of its logits, or -1
  common_chat_templates_ptr templates_;
};

}  // namespace acloud::inference
