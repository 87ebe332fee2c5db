#include "inference/engine/sentence_encoder.h"

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml-cpp.h>
#include <ggml.h>
#include <gguf.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>

#include "inference/engine/llama_library.h"
#include "inference/engine/sentence_pieces.h"

namespace acloud::inference {
namespace {

constexpr float kNormEpsilon = 1e-6F;
constexpr std::int32_t kLayers = 2;
constexpr std::size_t kNodes = 256;  // of a graph, more than it has
constexpr std::uint32_t kMostHeads = 64;
constexpr std::uint32_t kMostPieces = 4096;

struct Linear {
  ggml_tensor* weight = nullptr;
  ggml_tensor* bias = nullptr;
};

struct Layer {
  Linear attention_norm, qkv, attention_output, ffn_norm, up, down;
};

// Where one thread computes. Kept, since its memory has grown to what graphs want.
struct Workbench {
  ggml_backend_ptr backend;
  ggml_gallocr_ptr memory;
};

// What a graph reads and gives.
struct Graph {
  ggml_context_ptr context;
  ggml_cgraph* graph = nullptr;
  ggml_tensor* pieces = nullptr;     // n x texts, I32
  ggml_tensor* positions = nullptr;  // width x n
  ggml_tensor* mask = nullptr;       // n x n x 1 x texts: 0 where a piece is, -inf behind the end
  ggml_tensor* shares = nullptr;     // n x 1 x texts: what each row adds to the mean
  ggml_tensor* output = nullptr;     // dimensions x texts
};

class GgmlSentenceEncoder final : public SentenceEncoder {
 public:
  Result<> read(std::span<const std::byte> file);

  std::string description() const override { return "Universal Sentence Encoder Lite F32"; }
  std::int64_t parameters() const override { return parameters_; }
  std::int32_t dimensions() const override { return static_cast<std::int32_t>(output_.weight->ne[1]); }
  std::int32_t longest() const override { return static_cast<std::int32_t>(longest_); }

  Result<std::vector<std::int32_t>> pieces(std::string_view text) const override {
    ACLOUD_TRY(std::vector<std::int32_t> pieces, vocabulary_->cut(text));
    if (pieces.empty()) return fail(ErrorCode::invalid_argument, "input: an empty text has no embedding");
    if (pieces.size() > longest_) pieces.resize(longest_);
    return pieces;
  }
  Result<std::vector<std::vector<float>>> encode(
      std::span<const std::vector<std::int32_t>> texts) const override;

 private:
  Result<> read_words();
  Result<> read_tensors(std::span<const std::byte> file);
  Result<ggml_tensor*> tensor(const std::string& name, std::initializer_list<std::int64_t> shape);
  Result<Linear> linear(const std::string& name, std::int64_t in, std::int64_t out);
  Result<Linear> norm(const std::string& name, std::int64_t width);
  Result<std::uint32_t> number(const char* key, std::uint32_t most) const;
  Result<std::int64_t> list(const char* key, gguf_type type) const;

  Graph draw(std::int64_t pieces, std::int64_t texts) const;
  ggml_tensor* attend(ggml_context* context, const Layer& layer, ggml_tensor* x, ggml_tensor* mask) const;
  void fill(const Graph& graph, std::span<const std::vector<std::int32_t>> texts) const;
  Result<Workbench> take_bench() const;
  void give_bench(Workbench bench) const;

  gguf_context_ptr file_;
  ggml_context_ptr tensors_;
  ggml_backend_buffer_ptr weights_;
  std::unique_ptr<SentencePieces> vocabulary_;
  std::uint32_t longest_ = 0, heads_ = 0;
  std::int64_t parameters_ = 0;
  ggml_tensor* embedding_ = nullptr;
  Linear widen_, output_;
  std::array<Layer, kLayers> layers_;
  std::vector<float> positions_;  // longest_ rows

  mutable std::mutex mutex_;
  mutable std::vector<Workbench> benches_;  // idle ones
};

// --- The file ---

Result<std::uint32_t> GgmlSentenceEncoder::number(const char* key, std::uint32_t most) const {
  const std::int64_t at = gguf_find_key(file_.get(), key);
  if (at < 0 || gguf_get_kv_type(file_.get(), at) != GGUF_TYPE_UINT32)
    return fail(ErrorCode::invalid_argument, "the encoder's file has no number {}", key);
  const std::uint32_t value = gguf_get_val_u32(file_.get(), at);
  if (value < 1 || value > most)
    return fail(ErrorCode::invalid_argument, "the encoder's file: {} is not between 1 and {}", key, most);
  return value;
}

Result<std::int64_t> GgmlSentenceEncoder::list(const char* key, gguf_type type) const {
  const std::int64_t at = gguf_find_key(file_.get(), key);
  if (at < 0 || gguf_get_kv_type(file_.get(), at) != GGUF_TYPE_ARRAY ||
      gguf_get_arr_type(file_.get(), at) != type) {
    return fail(ErrorCode::invalid_argument, "the encoder's file has no list {}", key);
  }
  return at;
}

Result<> GgmlSentenceEncoder::read_words() {
  ACLOUD_TRY(const std::int64_t texts, list("tokenizer.ggml.tokens", GGUF_TYPE_STRING));
  ACLOUD_TRY(const std::int64_t scores, list("tokenizer.ggml.scores", GGUF_TYPE_FLOAT64));
  const std::size_t count = gguf_get_arr_n(file_.get(), texts);
  ACLOUD_TRY(const std::uint32_t reserved, number("tokenizer.ggml.reserved", kMostPieces));
  if (count <= reserved || gguf_get_arr_n(file_.get(), scores) != count)
    return fail(ErrorCode::invalid_argument, "the encoder's file: pieces and scores don't match");
  const auto* score = static_cast<const double*>(gguf_get_arr_data(file_.get(), scores));
  std::vector<SentencePieces::Piece> pieces;
  pieces.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    pieces.push_back({gguf_get_arr_str(file_.get(), texts, i), score[i]});
  vocabulary_ = std::make_unique<SentencePieces>(std::move(pieces), reserved);
  return {};
}

Result<ggml_tensor*> GgmlSentenceEncoder::tensor(const std::string& name,
                                                 std::initializer_list<std::int64_t> shape) {
  ggml_tensor* found = ggml_get_tensor(tensors_.get(), name.c_str());
  if (found == nullptr) return fail(ErrorCode::invalid_argument, "the encoder's file has no {}", name);
  std::array<std::int64_t, GGML_MAX_DIMS> wanted{1, 1, 1, 1};
  std::ranges::copy(shape, wanted.begin());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] != found->ne[i])
      return fail(ErrorCode::invalid_argument, "the encoder's file: {} has another shape", name);
  }
  if (found->type != GGML_TYPE_F32)
    return fail(ErrorCode::invalid_argument, "the encoder's file: {} is not in 32 bits", name);
  return found;
}

Result<Linear> GgmlSentenceEncoder::linear(const std::string& name, std::int64_t in, std::int64_t out) {
  Linear made;
  ACLOUD_TRY(made.weight, tensor(name + ".weight", {in, out}));
  ACLOUD_TRY(made.bias, tensor(name + ".bias", {out}));
  return made;
}

Result<Linear> GgmlSentenceEncoder::norm(const std::string& name, std::int64_t width) {
  Linear made;
  ACLOUD_TRY(made.weight, tensor(name + ".weight", {width}));
  ACLOUD_TRY(made.bias, tensor(name + ".bias", {width}));
  return made;
}

Result<> GgmlSentenceEncoder::read_tensors(std::span<const std::byte> file) {
  const std::size_t start = gguf_get_data_offset(file_.get());
  // ggml has no buffer that is read alone. Weights are never an operation's result.
  auto* base = const_cast<std::byte*>(file.data());
  weights_.reset(ggml_backend_cpu_buffer_from_ptr(base, file.size()));
  if (!weights_) return fail(ErrorCode::unavailable, "no buffer can be made for the encoder's weights");
  ggml_backend_buffer_set_usage(weights_.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
  for (std::int64_t i = 0; i < gguf_get_n_tensors(file_.get()); ++i) {
    ggml_tensor* each = ggml_get_tensor(tensors_.get(), gguf_get_tensor_name(file_.get(), i));
    const std::size_t at = start + gguf_get_tensor_offset(file_.get(), i);
    if (each == nullptr || at > file.size() || ggml_nbytes(each) > file.size() - at)
      return fail(ErrorCode::invalid_argument, "the encoder's file is cut short");
    if (ggml_backend_tensor_alloc(weights_.get(), each, base + at) != GGML_STATUS_SUCCESS)
      return fail(ErrorCode::unavailable, "the encoder's weights can't be used where they lie");
    parameters_ += ggml_nelements(each);
  }
  const auto pieces = static_cast<std::int64_t>(
      gguf_get_arr_n(file_.get(), gguf_find_key(file_.get(), "tokenizer.ggml.tokens")));
  ggml_tensor* words = ggml_get_tensor(tensors_.get(), "token_embd.weight");
  ggml_tensor* last = ggml_get_tensor(tensors_.get(), "output.bias");
  ggml_tensor* inner = ggml_get_tensor(tensors_.get(), "blk.0.ffn_up.bias");
  if (words == nullptr || last == nullptr || inner == nullptr || words->ne[1] < pieces)
    return fail(ErrorCode::invalid_argument, "the encoder's file lacks tensors");
  const std::int64_t narrow = words->ne[0], wide = last->ne[0], between = inner->ne[0];
  if (narrow % (2 * heads_) != 0 || wide % heads_ != 0)
    return fail(ErrorCode::invalid_argument, "the encoder's file: {} heads don't share its width", heads_);
  ACLOUD_TRY(embedding_, tensor("token_embd.weight", {narrow, words->ne[1]}));
  ACLOUD_TRY(const ggml_tensor* const frequencies, tensor("position.frequencies", {narrow / 2}));
  ACLOUD_TRY(widen_, linear("blk.0.widen", narrow, wide));
  ACLOUD_TRY(output_, linear("output", wide, wide));
  for (std::int32_t i = 0; i < kLayers; ++i) {
    const std::string at = "blk." + std::to_string(i) + ".";
    const std::int64_t width = i == 0 ? narrow : wide;
    Layer& layer = layers_[static_cast<std::size_t>(i)];
    ACLOUD_TRY(layer.attention_norm, norm(at + "attn_norm", width));
    ACLOUD_TRY(layer.qkv, linear(at + "attn_qkv", width, 3 * width));
    ACLOUD_TRY(layer.attention_output, linear(at + "attn_output", width, wide));
    ACLOUD_TRY(layer.ffn_norm, norm(at + "ffn_norm", wide));
    ACLOUD_TRY(layer.up, linear(at + "ffn_up", wide, between));
    ACLOUD_TRY(layer.down, linear(at + "ffn_down", between, wide));
  }
  const auto half = static_cast<std::size_t>(narrow / 2);
  const auto* frequency = static_cast<const float*>(frequencies->data);
  positions_.resize(2 * half * longest_);
  for (std::size_t place = 0; place < longest_; ++place) {
    for (std::size_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(place) * frequency[i];
      positions_[place * 2 * half + i] = std::sin(angle);
      positions_[place * 2 * half + half + i] = std::cos(angle);
    }
  }
  return {};
}

Result<> GgmlSentenceEncoder::read(std::span<const std::byte> file) {
  ggml_context* tensors = nullptr;
  file_.reset(gguf_init_from_buffer(file.data(), file.size(), {.no_alloc = true, .ctx = &tensors}));
  tensors_.reset(tensors);
  if (!file_ || !tensors_) return fail(ErrorCode::invalid_argument, "the encoder's file is no GGUF");
  ACLOUD_TRY(longest_, number("use-lite.context_length", kMostPieces));
  ACLOUD_TRY(heads_, number("use-lite.attention.head_count", kMostHeads));
  ACLOUD_CHECK(read_words());
  return read_tensors(file);
}

// --- The computation ---

ggml_tensor* apply(ggml_context* context, const Linear& linear, ggml_tensor* x) {
  return ggml_add(context, ggml_mul_mat(context, linear.weight, x), linear.bias);
}

ggml_tensor* normalize(ggml_context* context, const Linear& norm, ggml_tensor* x) {
  return ggml_add(context, ggml_mul(context, ggml_norm(context, x, kNormEpsilon), norm.weight), norm.bias);
}

// `x` is width x n x texts; so is what comes of it.
ggml_tensor* GgmlSentenceEncoder::attend(ggml_context* context, const Layer& layer, ggml_tensor* x,
                                         ggml_tensor* mask) const {
  const std::int64_t width = x->ne[0], pieces = x->ne[1], texts = x->ne[2];
  const std::int64_t size = width / heads_;
  ggml_tensor* qkv = apply(context, layer.qkv, normalize(context, layer.attention_norm, x));
  // The `part`-th third of each row, as size x heads x n x texts.
  const auto part = [&](std::size_t index) {
    return ggml_view_4d(context, qkv, size, heads_, pieces, texts,
                        sizeof(float) * static_cast<std::size_t>(size), qkv->nb[1], qkv->nb[2],
                        index * sizeof(float) * static_cast<std::size_t>(width));
  };
  ggml_tensor* query = ggml_cont(context, ggml_permute(context, part(0), 0, 2, 1, 3));
  ggml_tensor* key = ggml_cont(context, ggml_permute(context, part(1), 0, 2, 1, 3));
  ggml_tensor* value = ggml_cont(context, ggml_permute(context, part(2), 1, 2, 0, 3));  // n x size x heads
  ggml_tensor* weights = ggml_soft_max_ext(context, ggml_mul_mat(context, key, query), mask,
                                           1 / std::sqrt(static_cast<float>(size)), 0);
  ggml_tensor* mixed = ggml_permute(context, ggml_mul_mat(context, value, weights), 0, 2, 1, 3);
  return apply(context, layer.attention_output, ggml_cont_3d(context, mixed, width, pieces, texts));
}

Graph GgmlSentenceEncoder::draw(std::int64_t pieces, std::int64_t texts) const {
  Graph made;
  made.context.reset(
      ggml_init({.mem_size = ggml_tensor_overhead() * kNodes + ggml_graph_overhead_custom(kNodes, false),
                 .mem_buffer = nullptr,
                 .no_alloc = true}));
  ggml_context* context = made.context.get();
  if (context == nullptr) return made;
  const auto input = [](ggml_tensor* tensor) {
    ggml_set_input(tensor);
    return tensor;
  };
  made.pieces = input(ggml_new_tensor_1d(context, GGML_TYPE_I32, pieces * texts));
  made.positions = input(ggml_new_tensor_2d(context, GGML_TYPE_F32, embedding_->ne[0], pieces));
  made.mask = input(ggml_new_tensor_4d(context, GGML_TYPE_F32, pieces, pieces, 1, texts));
  made.shares = input(ggml_new_tensor_3d(context, GGML_TYPE_F32, pieces, 1, texts));

  ggml_tensor* x = ggml_get_rows(context, embedding_, made.pieces);
  x = ggml_reshape_3d(context, ggml_scale(context, x, 2), embedding_->ne[0], pieces, texts);
  x = ggml_add(context, x, made.positions);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    ggml_tensor* kept = i == 0 ? apply(context, widen_, x) : x;
    ggml_tensor* y = ggml_add(context, attend(context, layer, x, made.mask), kept);
    ggml_tensor* inner = ggml_relu(context, apply(context, layer.up, normalize(context, layer.ffn_norm, y)));
    x = ggml_add(context, y, apply(context, layer.down, inner));
  }
  ggml_tensor* rows = ggml_cont(context, ggml_transpose(context, x));  // n x width x texts
  ggml_tensor* mean = ggml_reshape_2d(context, ggml_mul_mat(context, rows, made.shares), x->ne[0], texts);
  made.output = ggml_l2_norm(context, ggml_tanh(context, apply(context, output_, mean)), kNormEpsilon);
  ggml_set_output(made.output);
  made.graph = ggml_new_graph_custom(context, kNodes, false);
  ggml_build_forward_expand(made.graph, made.output);
  return made;
}

void GgmlSentenceEncoder::fill(const Graph& graph, std::span<const std::vector<std::int32_t>> texts) const {
  const auto pieces = static_cast<std::size_t>(graph.shares->ne[0]);
  std::vector<std::int32_t> numbers(pieces * texts.size(), 0);
  std::vector<float> shares(pieces * texts.size(), 0);
  std::vector<float> mask(pieces * pieces * texts.size(), 0);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t size = texts[i].size();
    std::ranges::copy(texts[i], numbers.begin() + static_cast<std::ptrdiff_t>(i * pieces));
    std::fill_n(shares.begin() + static_cast<std::ptrdiff_t>(i * pieces), size, 1 / static_cast<float>(size));
    for (std::size_t row = 0; row < pieces; ++row) {
      const auto at = mask.begin() + static_cast<std::ptrdiff_t>((i * pieces + row) * pieces);
      std::fill(at + static_cast<std::ptrdiff_t>(size), at + static_cast<std::ptrdiff_t>(pieces),
                -std::numeric_limits<float>::infinity());
    }
  }
  ggml_backend_tensor_set(graph.pieces, numbers.data(), 0, ggml_nbytes(graph.pieces));
  ggml_backend_tensor_set(graph.positions, positions_.data(), 0, ggml_nbytes(graph.positions));
  ggml_backend_tensor_set(graph.mask, mask.data(), 0, ggml_nbytes(graph.mask));
  ggml_backend_tensor_set(graph.shares, shares.data(), 0, ggml_nbytes(graph.shares));
}

Result<Workbench> GgmlSentenceEncoder::take_bench() const {
  {
    const std::lock_guard lock(mutex_);
    if (!benches_.empty()) {
      Workbench bench = std::move(benches_.back());
      benches_.pop_back();
      return bench;
    }
  }
  Workbench bench;
  bench.backend.reset(ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr));
  if (!bench.backend) return fail(ErrorCode::unavailable, "no back end of llama.cpp fits this processor");
  // One thread: who calls from several has several benches, and small matrices gain nothing from being shared
  // out.
  const ggml_backend_reg_t kind = ggml_backend_dev_backend_reg(ggml_backend_get_device(bench.backend.get()));
  const auto set_threads = reinterpret_cast<ggml_backend_set_n_threads_t>(
      ggml_backend_reg_get_proc_address(kind, "ggml_backend_set_n_threads"));
  if (set_threads != nullptr) set_threads(bench.backend.get(), 1);
  bench.memory.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(bench.backend.get())));
  return bench;
}

void GgmlSentenceEncoder::give_bench(Workbench bench) const {
  const std::lock_guard lock(mutex_);
  benches_.push_back(std::move(bench));
}

Result<std::vector<std::vector<float>>> GgmlSentenceEncoder::encode(
    std::span<const std::vector<std::int32_t>> texts) const {
  if (texts.empty()) return std::vector<std::vector<float>>();
  std::size_t pieces = 0;
  for (const auto& each : texts) pieces = std::max(pieces, each.size());
  ACLOUD_TRY(Workbench bench, take_bench());
  const Graph graph = draw(static_cast<std::int64_t>(pieces), static_cast<std::int64_t>(texts.size()));
  if (graph.graph == nullptr || !ggml_gallocr_alloc_graph(bench.memory.get(), graph.graph))
    return fail(ErrorCode::unavailable, "no memory for {} texts of {} pieces", texts.size(), pieces);
  fill(graph, texts);
  if (ggml_backend_graph_compute(bench.backend.get(), graph.graph) != GGML_STATUS_SUCCESS)
    return fail(ErrorCode::internal, "ggml could not compute the embeddings");
  std::vector<std::vector<float>> made(texts.size(),
                                       std::vector<float>(static_cast<std::size_t>(dimensions())));
  for (std::size_t i = 0; i < made.size(); ++i) {
    ggml_backend_tensor_get(graph.output, made[i].data(), i * graph.output->nb[1],
                            made[i].size() * sizeof(float));
  }
  give_bench(std::move(bench));
  return made;
}

}  // namespace

Result<std::unique_ptr<SentenceEncoder>> SentenceEncoder::open(std::span<const std::byte> file) {
  prepare_llama();
  auto made = std::make_unique<GgmlSentenceEncoder>();
  ACLOUD_CHECK(made->read(file));
  return made;
}

}  // namespace acloud::inference
