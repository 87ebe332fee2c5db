// Loading a model, and what there is to know of it.
#include <build-info.h>
#include <sys/stat.h>

#include <cmath>

#include "inference/engine/llama_engine.h"
#include "inference/engine/llama_library.h"

namespace acloud::inference {
namespace {

constexpr std::int32_t kDefaultCells = 16'384;
constexpr std::int32_t kMostCells = 1 << 24;
constexpr std::int32_t kMostSequences = 256;  // llama.cpp's own bound

Result<> check(const EngineOptions& options) {
  if (options.sequences < 1 || options.sequences > kMostSequences) {
    return fail(ErrorCode::invalid_argument, "sequences: {} is not between 1 and {}", options.sequences,
                kMostSequences);
  }
  if (options.cells < 0 || options.cells > kMostCells)
    return fail(ErrorCode::invalid_argument, "context: {} is not between 0 and {}", options.cells,
                kMostCells);
  if (options.batch < options.sequences || options.batch > 65'536) {
    return fail(ErrorCode::invalid_argument, "batch: {} is not between the number of sequences and 65536",
                options.batch);
  }
  if (options.threads < 1 || options.threads > 512)
    return fail(ErrorCode::invalid_argument, "threads: {} is not between 1 and 512", options.threads);
  return {};
}

std::string because(std::string complaints) { return complaints.empty() ? "" : ": " + std::move(complaints); }

}  // namespace

Result<std::unique_ptr<Engine>> open_llama(const EngineOptions& options) {
  return LlamaEngine::open(options);
}

Result<std::unique_ptr<LlamaEngine>> LlamaEngine::open(const EngineOptions& options) {
  ACLOUD_CHECK(check(options));
  prepare_llama();
  std::unique_ptr<LlamaEngine> engine(new LlamaEngine(options));
  try {
    ACLOUD_CHECK(engine->load());
    ACLOUD_CHECK(engine->make_context());
    ACLOUD_CHECK(engine->read_template());
  } catch (const std::exception& error) {
    return fail(ErrorCode::invalid_argument, "{}: can't be loaded: {}", options.file, error.what());
  }
  engine->describe();
  return engine;
}

Result<> LlamaEngine::load() {
  struct ::stat status{};
  if (::stat(options_.file.c_str(), &status) != 0) return fail_errno(errno, options_.file);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::invalid_argument, "{}: not a file", options_.file);
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = -1;
  params.check_tensors = options_.check_weights;
  take_llama_complaints();
  model_.reset(llama_model_load_from_file(options_.file.c_str(), params));
  if (!model_) {
    return fail(ErrorCode::invalid_argument, "{}: not a GGUF model that can be run{}", options_.file,
                because(take_llama_complaints()));
  }
  vocab_ = llama_model_get_vocab(model_.get());
  const bool replies = llama_model_has_decoder(model_.get()) && !llama_model_has_encoder(model_.get()) &&
                       !llama_model_is_diffusion(model_.get());
  if (!replies || llama_vocab_type(vocab_) == LLAMA_VOCAB_TYPE_NONE) {
    return fail(ErrorCode::invalid_argument, "{}: a model of a kind that does not continue text",
                options_.file);
  }
  if (llama_model_n_ctx_train(model_.get()) < 1 || llama_vocab_n_tokens(vocab_) < 1)
    return fail(ErrorCode::invalid_argument, "{}: has no context or no vocabulary", options_.file);
  return {};
}

Result<> LlamaEngine::make_context() {
  const std::int64_t trained = llama_model_n_ctx_train(model_.get());
  llama_context_params params = llama_context_default_params();
  const std::int64_t wanted = std::min<std::int64_t>(trained * options_.sequences, kDefaultCells);
  params.n_ctx = static_cast<std::uint32_t>(options_.cells > 0 ? options_.cells : wanted);
  params.n_batch = static_cast<std::uint32_t>(options_.batch);
  params.n_ubatch = params.n_batch;  // so that a batch is computed whole, or not at all
  params.n_seq_max = static_cast<std::uint32_t>(options_.sequences);
  params.n_outputs_max = params.n_seq_max;
  params.n_threads = options_.threads;
  params.n_threads_batch = options_.threads;
  params.kv_unified = true;  // sequences share the cells of a common prefix
  params.swa_full = true;    // else a prefix could not be cut short
  params.no_perf = true;
  if (options_.exact_state) {
    params.type_k = GGML_TYPE_F32;
    params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  }
  take_llama_complaints();
  context_.reset(llama_init_from_model(model_.get(), params));
  if (!context_) {
    return fail(ErrorCode::invalid_argument, "{}: no state of {} tokens can be made for it{}", options_.file,
                params.n_ctx, because(take_llama_complaints()));
  }
  batch_.reset(new llama_batch(llama_batch_init(options_.batch, 0, 1)));
  return {};
}

Result<> LlamaEngine::read_template() {
  const char* text = llama_model_chat_template(model_.get(), nullptr);
  info_.has_chat_template = text != nullptr;
  if (text == nullptr) return {};
  templates_ = common_chat_templates_init(model_.get(), "");
  return {};
}

std::string LlamaEngine::meta_text(const char* name) const {
  std::array<char, 256> text{};
  const int size = llama_model_meta_val_str(model_.get(), name, text.data(), text.size());
  return size <= 0 ? std::string() : std::string(text.data());
}

std::int32_t LlamaEngine::meta_number(const char* name, std::int32_t otherwise) const {
  const std::string text = meta_text((info_.architecture + name).c_str());
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  return text.empty() || *end != '\0' || value < 0 || value > (1 << 24) ? otherwise
                                                                        : static_cast<std::int32_t>(value);
}

void LlamaEngine::describe() {
  const llama_model* model = model_.get();
  std::array<char, 256> text{};
  llama_model_desc(model, text.data(), text.size());
  info_.description = text.data();
  info_.architecture = meta_text("general.architecture");
  info_.parameters = static_cast<std::int64_t>(llama_model_n_params(model));
  info_.weights = {static_cast<std::int64_t>(llama_model_size(model))};
  info_.cells = static_cast<std::int32_t>(llama_n_ctx(context_.get()));
  info_.context = std::min(llama_model_n_ctx_train(model), info_.cells);
  info_.sequences = options_.sequences;
  info_.batch = options_.batch;
  info_.vocabulary = llama_vocab_n_tokens(vocab_);
  info_.embedding = llama_model_n_embd_out(model);
  const llama_memory_t memory = llama_get_memory(context_.get());
  info_.shares_prefixes =
      memory != nullptr && !llama_model_is_recurrent(model) && !llama_model_is_hybrid(model);

  const int heads = std::max(1, llama_model_n_head(model));
  const int width = llama_model_n_embd(model) / heads;
  const std::int64_t row =
      meta_number(".attention.key_length", width) + meta_number(".attention.value_length", width);
  const std::int64_t cell = row * llama_model_n_head_kv(model) * llama_model_n_layer(model);
  info_.state = {cell * info_.cells * (options_.exact_state ? 4 : 2)};
  info_.state_form = fmt::format("{} {} {} exact={}", llama_build_info(), LLAMA_STATE_SEQ_VERSION,
                                 llama_print_system_info(), options_.exact_state);
  read_sampling();
}

void LlamaEngine::read_sampling() {
  const auto number = [&](llama_model_meta_key key, float otherwise) {
    const std::string text = meta_text(llama_model_meta_key_str(key));
    char* end = nullptr;
    const float value = std::strtof(text.c_str(), &end);
    return text.empty() || *end != '\0' || !std::isfinite(value) || value < 0 ? otherwise : value;
  };
  SamplingDefaults& to = info_.sampling;
  to.temperature = std::min(5.0F, number(LLAMA_MODEL_META_KEY_SAMPLING_TEMP, to.temperature));
  to.top_k = static_cast<std::int32_t>(
      std::min(1e6F, number(LLAMA_MODEL_META_KEY_SAMPLING_TOP_K, static_cast<float>(to.top_k))));
  to.top_p = std::min(1.0F, number(LLAMA_MODEL_META_KEY_SAMPLING_TOP_P, to.top_p));
  to.min_p = std::min(1.0F, number(LLAMA_MODEL_META_KEY_SAMPLING_MIN_P, to.min_p));
}

}  // namespace acloud::inference
