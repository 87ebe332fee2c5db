#include "inference/live/worker.h"

#include <pthread.h>

#include "base/log.h"

namespace acloud::inference {
namespace {

// Tokens. The few that chats of one template begin with are computed again: a step costs the same with them.
constexpr std::int32_t kLeastShared = 16;

// Tokens. What is shorter stays in its cells: attention over it costs next to nothing.
constexpr std::int32_t kFewestAside = 32;

std::int64_t bytes_a_token(const ModelInfo& model) {
  return std::max<std::int64_t>(1, model.state.value / std::max(1, model.cells));
}

SchedulerOptions scheduler_options(const ModelInfo& model, const Worker::Options& options, bool keeps) {
  return {.sequences = model.sequences,
          .cells = model.cells,
          .context = model.context,
          .batch = model.batch,
          .chunk = options.chunk,
          .waiting = options.waiting,
          .reuse = options.reuse && model.shares_prefixes,
          .least_shared = kLeastShared,
          .keep_from = keeps ? kFewestKept : 0,
          .aside = static_cast<std::int32_t>(
              std::min<std::int64_t>(options.aside.value / bytes_a_token(model), 1 << 30)),
          .aside_from = kFewestAside};
}

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

}  // namespace

Worker::Worker(std::unique_ptr<Engine> engine, const Options& options)
    : engine_(std::move(engine)),
      shelf_(options.reuse && engine_->model().shares_prefixes ? options.shelf : std::nullopt),
      cost_(engine_->model().parameters),
      scheduler_(scheduler_options(engine_->model(), options, shelf_.has_value())),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Worker::~Worker() {
  thread_.request_stop();
  thread_.join();
  {
    std::unique_lock lock(mutex_);
    more_.wait(lock, [this] { return reading_ == 0; });
  }
  const Error gone(ErrorCode::unavailable, "the model is being unloaded");
  for (const auto& [id, job] : jobs_) job->said.close(gone);
  for (const auto& job : inbox_.jobs) job->said.close(gone);
  for (const Embedding& embedding : inbox_.embeddings) embedding.done(std::unexpected(gone));
}

void Worker::submit(std::shared_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    inbox_.jobs.push_back(std::move(job));
  }
  more_.notify_one();
}

void Worker::cancel(RequestId id) {
  {
    const std::lock_guard lock(mutex_);
    inbox_.cancelled.push_back(id);
  }
  more_.notify_one();
}

void Worker::embed(std::vector<Token> tokens, std::function<void(Result<std::vector<float>>)> done) {
  {
    const std::lock_guard lock(mutex_);
    inbox_.embeddings.push_back({std::move(tokens), std::move(done)});
  }
  more_.notify_one();
}

Scheduler::Stats Worker::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Worker::note_stats() {
  const Scheduler::Stats stats = scheduler_.stats();
  const std::lock_guard lock(mutex_);
  stats_ = stats;
}

void Worker::run(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "acloud-engine");
  bool idle = true;
  while (take_inbox(stop, idle)) {
    const std::optional<Step> step = scheduler_.next();
    if (const std::optional<Fetch> wanted = scheduler_.wanted()) fetch(*wanted);
    idle = !step;
    if (step) do_step(*step);
    note_stats();
  }
  keep_all();
}

// Takes in what came; waits for it where there is nothing else to do. False at the end.
bool Worker::take_inbox(const std::stop_token& stop, bool idle) {
  Inbox inbox;
  {
    std::unique_lock lock(mutex_);
    if (idle) more_.wait(lock, stop, [&] { return !inbox_.empty(); });
    if (stop.stop_requested()) return false;
    inbox = std::exchange(inbox_, {});
  }
  for (auto& job : inbox.jobs) begin(std::move(job));
  for (const RequestId id : inbox.cancelled) {
    scheduler_.end(id);
    jobs_.erase(id);
    if (here_ && here_->request == id) here_.reset();
  }
  for (Fetched& fetched : inbox.fetched) take_fetched(std::move(fetched));
  for (const Embedding& embedding : inbox.embeddings) embedding.done(engine_->embed(embedding.tokens));
  return true;
}

void Worker::begin(std::shared_ptr<Job> job) {
  std::optional<Kept> kept;
  if (const auto& match = job->kept) {
    kept = {.state = match->id,
            .tokens = match->tokens,
            .whole = match->whole,
            .least_gain = cost_.least_gain({match->bytes})};
  }
  if (const auto added = scheduler_.add(job->id, job->workspace, std::move(job->prompt), kept); !added) {
    job->said.close(added.error());
    return;
  }
  jobs_[job->id] = std::move(job);
}

Result<> Worker::compute(const Step& step) {
  for (const Leaving& leaving : step.leaving) keep(leaving, false);
  for (const Move& move : step.moves) {
    switch (move.kind) {
      case Move::Kind::copy:
        engine_->copy(move.sequence, move.to, move.tokens);
        break;
      case Move::Kind::truncate:
        engine_->truncate(move.sequence, move.tokens);
        break;
      case Move::Kind::restore:
        if (!restore(move)) scheduler_.not_restored(move.sequence);
        break;
      case Move::Kind::put_aside:
        put_aside(move);
        break;
      case Move::Kind::recall:
        if (!recall(move)) scheduler_.not_restored(move.sequence);
        break;
      case Move::Kind::drop:
        aside_.erase(move.aside);
    }
  }
  // What came too late for its request: memory had as much by then.
  for (const Admitted& admitted : step.admitted) {
    if (here_ && here_->request == admitted.request) here_.reset();
  }
  if (step.work.empty()) return {};
  std::vector<Input> inputs;
  inputs.reserve(step.work.size());
  std::int64_t tokens = 0;
  for (const Work& work : step.work) {
    inputs.push_back({work.sequence, work.position, work.tokens, work.samples});
    tokens += std::ssize(work.tokens);
  }
  const auto began = std::chrono::steady_clock::now();
  ACLOUD_CHECK(engine_->decode(inputs));
  cost_.computed(tokens, seconds_since(began));
  return {};
}

// --- What is on disk. ---

ByteCount Worker::state_bytes(std::size_t tokens) const {
  return {bytes_a_token(engine_->model()) * static_cast<std::int64_t>(tokens)};
}

void Worker::fetch(const Fetch& fetch) {
  {
    const std::lock_guard lock(mutex_);
    ++reading_;
  }
  shelf_->read(fetch.state, [this, fetch](Result<KeptStates::Read> read) {
    // The lock is held to the end: who has seen that nothing is read any more may go.
    const std::lock_guard lock(mutex_);
    inbox_.fetched.push_back({fetch.request, fetch.state, std::move(read)});
    --reading_;
    more_.notify_all();
  });
}

void Worker::take_fetched(Fetched fetched) {
  if (!scheduler_.fetched(fetched.request, fetched.read.has_value())) return;
  here_ = std::move(fetched);
}

// Takes in what was read. False where the engine would not have it.
bool Worker::restore(const Move& move) {
  const std::optional<Fetched> fetched = std::exchange(here_, std::nullopt);
  if (!fetched || fetched->request != move.request) return false;
  const auto began = std::chrono::steady_clock::now();
  if (const auto restored = engine_->restore(move.sequence, fetched->read->state, move.tokens); !restored) {
    log::warn("a kept state is refused",
              {{"model", engine_->model().description}, {"error", restored.error().message()}});
    shelf_->refuse(fetched->state);
    return false;
  }
  const std::chrono::duration<double> read = fetched->read->took;
  cost_.read(fetched->read->bytes, read.count() + seconds_since(began));
  return true;
}

// --- What is put aside. ---

void Worker::put_aside(const Move& move) {
  Result<std::string> state = engine_->save(move.sequence);
  if (state) {
    aside_[move.aside] = *std::move(state);
    return;
  }
  log::warn("the state of a prompt is not put aside", {{"error", state.error().message()}});
  scheduler_.not_aside(move.aside);
}

bool Worker::recall(const Move& move) {
  const auto found = aside_.find(move.aside);
  if (found == aside_.end()) return false;
  const Result<> restored = engine_->restore(move.sequence, found->second, move.tokens);
  if (restored) return true;
  log::warn("a state that was put aside is refused", {{"error", restored.error().message()}});
  scheduler_.not_aside(move.aside);
  aside_.erase(found);
  return false;
}

void Worker::keep(const Leaving& leaving, bool at_the_end) {
  const std::size_t tokens = leaving.tokens.size();
  // What takes longer to read than to compute is of no use.
  if (std::ssize(leaving.tokens) < cost_.least_gain(state_bytes(tokens))) return;
  if (!shelf_->wants(leaving.tokens, state_bytes(tokens), !at_the_end)) return;
  const auto aside = aside_.find(leaving.aside);
  if (leaving.aside != 0 && aside == aside_.end()) return;
  Result<std::string> state = leaving.aside != 0 ? aside->second : engine_->save(leaving.sequence);
  if (!state) {
    log::warn("the state of a prompt is not kept", {{"error", state.error().message()}});
  } else if (at_the_end) {
    shelf_->keep_now(leaving.tokens, *std::move(state));
  } else {
    shelf_->keep(leaving.tokens, *std::move(state));
  }
}

void Worker::keep_all() {
  constexpr double kSeconds = 3;
  if (!shelf_) return;
  const auto began = std::chrono::steady_clock::now();
  // The last used first, no more than have room beside each other: each that is written is newer than those
  // before it, which would make room for it.
  ByteCount bytes;
  for (const Leaving& held : scheduler_.held()) {
    if (seconds_since(began) >= kSeconds) break;
    const std::int64_t size = state_bytes(held.tokens.size()).value;
    if (bytes.value + size > shelf_->limit().value) continue;
    bytes.value += size;
    keep(held, true);
  }
}

void Worker::do_step(const Step& step) {
  for (const Admitted& admitted : step.admitted) {
    const auto job = jobs_.find(admitted.request);
    if (job != jobs_.end()) job->second->cached_tokens = admitted.cached;
  }
  if (const Result<> computed = compute(step); !computed) {
    log::error("a model failed",
               {{"model", engine_->model().description}, {"error", computed.error().message()}});
    scheduler_.failed();
    for (const Work& work : step.work) fail_job(work.request, computed.error());
    return;
  }
  scheduler_.taken();
  for (std::size_t i = 0; i < step.work.size(); ++i) {
    const Work& work = step.work[i];
    const auto job = jobs_.find(work.request);
    if (!work.samples || job == jobs_.end()) continue;
    const Result<Sampled> sampled = engine_->sample(*job->second->sampler, i);
    if (sampled) {
      hear(*job->second, *sampled);
    } else {
      fail_job(work.request, sampled.error());
    }
  }
}

void Worker::hear(Job& job, const Sampled& sampled) {
  const std::int32_t count = ++job.output_tokens;
  if (engine_->ends_reply(sampled.token)) return say(job, job.text.finish(), Finish::stop);
  const std::string bytes = engine_->text_of(sampled.token, job.shown.contains(sampled.token));
  if (job.logprobs) {
    TokenLog log{.text = bytes, .logprob = sampled.logprob, .alternatives = {}};
    for (const Likely& likely : sampled.alternatives)
      log.alternatives.emplace_back(engine_->text_of(likely.token, true), likely.logprob);
    job.unsent.push_back(std::move(log));
  }
  std::string shown = job.text.feed(bytes);
  if (job.text.stopped()) return say(job, std::move(shown), Finish::stop);
  if (count >= job.most_tokens) return say(job, shown + job.text.finish(), Finish::length);
  scheduler_.said(job.id, sampled.token);
  if (!shown.empty()) say(job, std::move(shown), std::nullopt);
}

void Worker::say(Job& job, std::string text, std::optional<Finish> finish) {
  // Whoever has seen the end finds that nothing of it runs any more.
  if (finish) {
    scheduler_.end(job.id);
    note_stats();
  }
  job.said.try_send({.text = std::move(text), .tokens = std::exchange(job.unsent, {}), .finish = finish});
  if (!finish) return;
  job.said.close();
  jobs_.erase(job.id);
}

void Worker::fail_job(RequestId id, const Error& error) {
  const auto job = jobs_.find(id);
  if (job != jobs_.end()) job->second->said.close(error);
  scheduler_.end(id);
  jobs_.erase(id);
}

}  // namespace acloud::inference
