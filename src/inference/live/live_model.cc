#include "inference/live/live_model.h"

#include <algorithm>

#include "base/encoding.h"
#include "inference/engine/file_digest.h"

namespace acloud::inference {
namespace {

constexpr std::size_t kMostStops = 64;
constexpr std::size_t kLongestStop = 1024;

Result<> check_stops(const std::vector<std::string>& stops) {
  if (stops.size() > kMostStops) {
    return fail(ErrorCode::invalid_argument, "stop: {} strings, above the {} that are looked for",
                stops.size(), kMostStops);
  }
  for (const std::string& stop : stops) {
    if (stop.empty() || stop.size() > kLongestStop) {
      return fail(ErrorCode::invalid_argument, "stop: a string of {} bytes, not of 1 to {}", stop.size(),
                  kLongestStop);
    }
  }
  return {};
}

// A state is of use to the same file, with the same options and library, alone.
Result<> find_shelf(LiveModel::Options& options, const ModelInfo& model) {
  ACLOUD_TRY(const std::string file, file_digest(options.engine.file));
  options.worker.shelf = options.kept->shelf(options.name, sha256(file + model.state_form));
  return {};
}

}  // namespace

// --- A reply ---

Generation::~Generation() {
  if (!finish_) worker_->cancel(job_->id);
}

Task<Result<std::optional<Delta>>> Generation::next() {
  while (!finish_) {
    ACLOUD_CO_TRY(std::optional<Said> said, co_await job_->said.receive());
    Said all;
    // What came meanwhile is read at one go.
    for (; said; said = job_->said.try_receive()) {
      all.text += said->text;
      std::ranges::move(said->tokens, std::back_inserter(all.tokens));
      if (said->finish) all.finish = said->finish;
    }
    finish_ = all.finish;
    Delta delta = diff_.take(all.text, finish_.has_value());
    delta.tokens = std::move(all.tokens);
    if (!delta.empty()) co_return delta;
  }
  co_return std::nullopt;
}

Outcome Generation::outcome() const {
  Outcome outcome{.finish = finish_.value_or(Finish::stop),
                  .prompt_tokens = job_->prompt_tokens,
                  .cached_tokens = job_->cached_tokens,
                  .output_tokens = job_->output_tokens};
  if (outcome.finish == Finish::stop && diff_.called_tools()) outcome.finish = Finish::tool_calls;
  return outcome;
}

// --- A model ---

Task<Result<std::unique_ptr<LiveModel>>> LiveModel::open(Options options, async::BlockingPool& pool,
                                                         Random& random) {
  Result<std::unique_ptr<Engine>> engine =
      co_await async::run_blocking(pool, [&options]() -> Result<std::unique_ptr<Engine>> {
        if (options.check) ACLOUD_CHECK(check_model(options.engine, *options.check));
        ACLOUD_TRY(std::unique_ptr<Engine> opened, open_llama(options.engine));
        if (options.kept != nullptr) ACLOUD_CHECK(find_shelf(options, opened->model()));
        return opened;
      });
  if (!engine) co_return std::unexpected(std::move(engine).error());
  co_return std::unique_ptr<LiveModel>(new LiveModel(*std::move(engine), options, pool, random));
}

LiveModel::LiveModel(std::unique_ptr<Engine> engine, const Options& options, async::BlockingPool& pool,
                     Random& random)
    : pool_(pool), random_(random), worker_(std::make_shared<Worker>(std::move(engine), options.worker)) {}

// The prompt of a chat, or of a text as if it were one without a reader.
Result<ChatPrompt> LiveModel::prompt_of(const Generate& request) const {
  const Engine& engine = worker_->engine();
  if (request.chat) return engine.render(*request.chat);
  ChatPrompt prompt;
  prompt.text = request.prompt;
  if (!request.schema_json.empty()) {
    ACLOUD_TRY(prompt.constraint, engine.constrain_to_schema(request.schema_json));
  } else if (!request.grammar.empty()) {
    prompt.constraint.source = Constraint::Source::caller;
    prompt.constraint.grammar = request.grammar;
  }
  return prompt;
}

Result<LiveModel::Prepared> LiveModel::prepare(Generate request) {
  ACLOUD_CHECK(check_stops(request.stops));
  ACLOUD_TRY(ChatPrompt prompt, prompt_of(request));
  const Engine& engine = worker_->engine();
  ACLOUD_TRY(std::vector<Token> tokens, engine.tokenize(prompt.text, Reading::prompt));
  const std::int32_t context = info().context;
  if (tokens.empty() || std::ssize(tokens) >= context) {
    return fail(ErrorCode::invalid_argument,
                "the prompt has {} tokens; the model takes 1 to {}, together with the reply {}",
                tokens.size(), context - 1, context);
  }
  const std::int32_t room = context - static_cast<std::int32_t>(tokens.size());
  if (request.most_tokens.value_or(1) < 1)
    return fail(ErrorCode::invalid_argument, "max_tokens: {} is below 1", *request.most_tokens);
  std::ranges::move(prompt.stops, std::back_inserter(request.stops));
  auto job =
      std::make_shared<Job>(std::min(room, request.most_tokens.value_or(room)), std::move(request.stops));
  job->id = ++ids_;
  job->workspace = std::move(request.workspace);
  job->prompt_tokens = static_cast<std::int32_t>(tokens.size());
  job->logprobs = request.sampling.logprobs.has_value();
  for (const std::string& name : prompt.constraint.preserved) {
    ACLOUD_TRY(const std::vector<Token> token, engine.tokenize(name, Reading::marked));
    if (token.size() == 1) job->shown.insert(token.front());
  }
  request.sampling.constraint = std::move(prompt.constraint);
  ACLOUD_TRY(job->sampler, engine.make_sampler(request.sampling));
  if (request.sampling.repeat_penalty != 1) {
    for (const Token token : tokens) job->sampler->seen(token);
  }
  if (worker_->shelf()) job->kept = worker_->shelf()->find(tokens);
  job->prompt = std::move(tokens);
  return Prepared{std::move(job), std::move(prompt.reader)};
}

Task<Result<std::unique_ptr<Generation>>> LiveModel::generate(Generate request) {
  ACLOUD_CO_TRY(Prepared prepared, co_await async::run_blocking(
                                       pool_, [this, &request] { return prepare(std::move(request)); }));
  worker_->submit(prepared.job);
  co_return std::make_unique<Generation>(worker_, std::move(prepared.job),
                                         ReplyDiff(std::move(prepared.reader), random_));
}

Result<std::int32_t> LiveModel::count_now(const Generate& request) const {
  ACLOUD_TRY(const ChatPrompt prompt, prompt_of(request));
  ACLOUD_TRY(const std::vector<Token> tokens, worker_->engine().tokenize(prompt.text, Reading::prompt));
  return static_cast<std::int32_t>(tokens.size());
}

Task<Result<std::int32_t>> LiveModel::count(Generate request) {
  co_return co_await async::run_blocking(pool_, [this, &request] { return count_now(request); });
}

Task<Result<Embedded>> LiveModel::embed(std::vector<std::string> texts) {
  Embedded embedded;
  for (const std::string& text : texts) {
    ACLOUD_CO_TRY(std::vector<Token> tokens, worker_->engine().tokenize(text, Reading::prompt));
    embedded.tokens += std::ssize(tokens);
    async::OneShot<Result<std::vector<float>>> done;
    worker_->embed(std::move(tokens),
                   [done](Result<std::vector<float>> embedding) mutable { done.set(std::move(embedding)); });
    ACLOUD_CO_TRY(Result<std::vector<float>> embedding, co_await done.wait());
    if (!embedding) co_return std::unexpected(std::move(embedding).error());
    embedded.embeddings.push_back(*std::move(embedding));
  }
  co_return embedded;
}

}  // namespace acloud::inference
