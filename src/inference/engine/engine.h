// Runs one model: text to tokens, tokens to logits, and the state of several sequences between. Whoever
// drives it decides what is computed when; an engine has no queue, no thread and no idea of a request.
//
// A sequence is a row of tokens whose state is kept, numbered from 0. All sequences share one memory of
// `cells`, one cell a token; a prefix that was copied to another sequence shares its cells, and costs
// nothing.
//
// What is marked "thread-safe" may be called from any thread; the rest belongs to one thread at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "inference/engine/chat_format.h"
#include "inference/engine/sampler.h"

namespace acloud::inference {

struct EngineOptions {
  std::string file;
  std::int32_t sequences = 8;
  std::int32_t cells = 0;    // 0: what the sequences need for the model's own context, 16,384 at most
  std::int32_t batch = 512;  // tokens of one decode() at most
  std::int32_t threads = 1;
  // Keeps the state in 32 bits instead of 16: twice the memory, and greedy output that does not depend on
  // what else is computed beside it.
  bool exact_state = false;
  bool check_weights = false;  // refuse weights that are no numbers: reads the whole file
};

struct ModelInfo {
  std::string architecture;
  std::string description;  // "qwen3 0.9M F16"
  std::int64_t parameters = 0;
  ByteCount weights;
  ByteCount state;           // of all cells
  std::int32_t context = 0;  // the longest sequence that it takes, in tokens
  std::int32_t cells = 0;    // shared by all sequences
  std::int32_t sequences = 0;
  std::int32_t batch = 0;
  std::int32_t vocabulary = 0;
  std::int32_t embedding = 0;  // numbers of one embedding
  bool has_chat_template = false;
  bool shares_prefixes = true;  // a sequence can be cut short, and its beginning copied
  SamplingDefaults sampling;    // what the model's makers recommend
  // What a saved state depends on beside the model's file: the library's build, the processor, the options.
  std::string state_form;
};

// How a text becomes tokens. plain: names of special tokens in it are text. marked: they are these tokens.
// prompt: as marked, and with what the vocabulary wants at the ends of a text.
enum class Reading { plain, marked, prompt };

// Some tokens of one sequence, to follow what it holds.
struct Input {
  Sequence sequence = 0;
  std::int32_t position = 0;  // of the first of them: as many as the sequence holds
  std::span<const Token> tokens;
  bool wants_logits = false;  // after the last of them
};

class Engine {
 public:
  virtual ~Engine() = default;

  virtual const ModelInfo& model() const = 0;

  // What is not UTF-8 is read as U+FFFD. Errors: invalid_argument: longer than can be. Thread-safe.
  virtual Result<std::vector<Token>> tokenize(std::string_view text, Reading reading) const = 0;
  // The bytes that a token stands for: perhaps a part of a character only. Special tokens have none but where
  // `special` says so. Thread-safe.
  virtual std::string text_of(Token token, bool special) const = 0;
  // Thread-safe.
  virtual bool ends_reply(Token token) const = 0;

  // Errors: invalid_argument: the model has no template, or it has no place for these messages. Thread-safe.
  virtual Result<ChatPrompt> render(const ChatRequest& request) const = 0;
  // What must hold of all that is said: a JSON Schema as a grammar. It is looser than the schema where a
  // grammar can not say what that says, such as a pattern without anchors. Errors: invalid_argument.
  // Thread-safe.
  virtual Result<Constraint> constrain_to_schema(std::string_view schema_json) const = 0;

  // Errors: invalid_argument: a setting out of range, or a grammar that does not parse. Thread-safe.
  virtual Result<std::unique_ptr<Sampler>> make_sampler(const Sampling& sampling) const = 0;

  // Takes the inputs in, all or none. REQUIRES: at most model().batch tokens, one input a sequence.
  // Errors: unavailable: too few cells are free; internal: the model failed; then the sequences concerned
  // hold what they did before.
  virtual Result<> decode(std::span<const Input> inputs) = 0;
  // The next token after input `index` of the last decode(), which wanted logits.
  // Errors: invalid_argument: the constraint leaves none.
  virtual Result<Sampled> sample(Sampler& sampler, std::size_t index) = 0;

  // `to`, which must be empty, then holds the first `tokens` of `from`.
  virtual void copy(Sequence from, Sequence to, std::int32_t tokens) = 0;
  // The sequence then holds its first `keep` tokens alone. False: this model can't forget a part; it then
  // holds nothing.
  virtual bool truncate(Sequence sequence, std::int32_t keep) = 0;

  // The state of a sequence as bytes, good for this model with these options alone.
  virtual Result<std::string> save(Sequence sequence) = 0;
  // REQUIRES: the sequence is empty. Errors: invalid_argument: not such bytes, or not of `tokens`, or too few
  // cells; the sequence is empty then.
  virtual Result<> restore(Sequence sequence, std::string_view state, std::int32_t tokens) = 0;

  // The mean of the last layer over the tokens, scaled to length 1. Touches no sequence.
  // Errors: invalid_argument: no tokens, or more than model().batch; internal.
  virtual Result<std::vector<float>> embed(std::span<const Token> tokens) = 0;
};

// llama.cpp, in this process. A broken file may end the process: check it first (model_check.h).
// Errors: not_found, invalid_argument: not a model that can be run, with llama.cpp's reason.
Result<std::unique_ptr<Engine>> open_llama(const EngineOptions& options);

}  // namespace acloud::inference
