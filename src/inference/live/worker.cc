#include "inference/live/worker.h"

#include <pthread.h>

#include "base/log.h"

namespace acloud::inference {
namespace {

SchedulerOptions scheduler_options(const ModelInfo& model, const Worker::Options& options) {
  return {.sequences = model.sequences,
          .cells = model.cells,
          .context = model.context,
          .batch = model.batch,
          .chunk = options.chunk,
          .waiting = options.waiting,
          .reuse = options.reuse && model.shares_prefixes};
}

}  // namespace

Worker::Worker(std::unique_ptr<Engine> engine, const Options& options)
    : engine_(std::move(engine)),
      scheduler_(scheduler_options(engine_->model(), options)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Worker::~Worker() {
  thread_.request_stop();
  thread_.join();
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
    idle = !step;
    if (step) do_step(*step);
    note_stats();
  }
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
  }
  for (const Embedding& embedding : inbox.embeddings) embedding.done(engine_->embed(embedding.tokens));
  return true;
}

void Worker::begin(std::shared_ptr<Job> job) {
  if (const auto added = scheduler_.add(job->id, job->workspace, std::move(job->prompt)); !added) {
    job->said.close(added.error());
    return;
  }
  jobs_[job->id] = std::move(job);
}

Result<> Worker::compute(const Step& step) {
  for (const Move& move : step.moves) {
    if (move.kind == Move::Kind::copy) {
      engine_->copy(move.sequence, move.to, move.tokens);
    } else {
      engine_->truncate(move.sequence, move.tokens);
    }
  }
  std::vector<Input> inputs;
  inputs.reserve(step.work.size());
  for (const Work& work : step.work)
    inputs.push_back({work.sequence, work.position, work.tokens, work.samples});
  return engine_->decode(inputs);
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
