// The child that loads a model to see whether it lives through it.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>

#include "inference/engine/model_check.h"
#include "inference/engine/model_check_words.h"

namespace acloud::inference {
namespace {

constexpr std::uint64_t kSeconds = 600;  // of processor time
constexpr std::uint64_t kRoom = 4ULL << 30U;

void limit(__rlimit_resource what, std::uint64_t most) {
  const ::rlimit both{most, most};
  ::setrlimit(what, &both);
}

void limit_all(const std::string& file) {
  // It must not outlive the server, leave a core, write a file, or take the machine's memory.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CPU, kSeconds);
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  struct ::stat status{};
  struct ::sysinfo machine{};
  if (::stat(file.c_str(), &status) != 0 || ::sysinfo(&machine) != 0) return;
  const std::uint64_t memory = std::uint64_t{machine.totalram} * machine.mem_unit;
  limit(RLIMIT_AS, 2 * static_cast<std::uint64_t>(status.st_size) + std::max(kRoom, memory / 2));
#else
  (void)file;  // the sanitizers reserve more addresses than any limit would allow
#endif
}

bool number(const std::string& word, std::int32_t& to) {
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, to);
  return error == std::errc() && stop == end;
}

std::optional<EngineOptions> options_of(std::span<const std::string> words) {
  EngineOptions options;
  std::int32_t exact = 0;
  if (words.size() != 6) return std::nullopt;
  options.file = words[0];
  const bool numbers = number(words[1], options.sequences) && number(words[2], options.cells) &&
                       number(words[3], options.batch) && number(words[4], options.threads) &&
                       number(words[5], exact);
  if (!numbers) return std::nullopt;
  options.exact_state = exact != 0;
  options.check_weights = true;
  return options;
}

// Loads the model and lets it say a token, in every way in which the server will use it.
Result<> try_model(const EngineOptions& options) {
  ACLOUD_TRY(const auto engine, open_llama(options));
  std::string prompt = "Hello, 123!";
  if (engine->model().has_chat_template) {
    ChatRequest chat;
    chat.messages_json = R"([{"role":"user","content":"Hello, 123!"}])";
    ACLOUD_TRY(auto rendered, engine->render(chat));
    prompt = std::move(rendered.text);
  }
  ACLOUD_TRY(std::vector<Token> tokens, engine->tokenize(prompt, Reading::prompt));
  if (tokens.empty()) return fail(ErrorCode::invalid_argument, "its vocabulary has no tokens for a greeting");
  const auto most = std::min(engine->model().batch, engine->model().context - 1);
  if (tokens.size() > static_cast<std::size_t>(most)) tokens.resize(static_cast<std::size_t>(most));
  const Input input{.tokens = tokens, .wants_logits = true};
  ACLOUD_CHECK(engine->decode({&input, 1}));
  Sampling sampling;
  sampling.logprobs = 1;
  ACLOUD_TRY(const auto sampler, engine->make_sampler(sampling));
  ACLOUD_TRY(const Sampled sampled, engine->sample(*sampler, 0));
  if (!std::isfinite(sampled.logprob))
    return fail(ErrorCode::invalid_argument, "its weights give no numbers");
  for (Token token = 0; token < engine->model().vocabulary; ++token) engine->text_of(token, true);
  return {};
}

}  // namespace

std::vector<std::string> words_of(const EngineOptions& options) {
  return {options.file,
          std::to_string(options.sequences),
          std::to_string(options.cells),
          std::to_string(options.batch),
          std::to_string(options.threads),
          options.exact_state ? "1" : "0"};
}

int check_model_main(std::span<const std::string> words) {
  const auto options = options_of(words);
  if (!options) {
    std::fputs("usage: check-model FILE SEQUENCES CELLS BATCH THREADS EXACT\n", stderr);
    return 2;
  }
  limit_all(options->file);
  const Result<> sound = try_model(*options);
  if (sound) return 0;
  const std::string& message = sound.error().message();
  const bool named = message.starts_with(options->file);
  std::fprintf(stdout, "\n%s%s%s\n", named ? "" : options->file.c_str(), named ? "" : ": ", message.c_str());
  return kUnsound;
}

}  // namespace acloud::inference
