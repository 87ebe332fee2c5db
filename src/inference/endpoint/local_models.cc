#include "inference/endpoint/local_models.h"

#include <filesystem>

#include "async/task_scope.h"
#include "base/log.h"

namespace acloud::inference {
namespace {

constexpr std::uintmax_t kSmall = 64UZ << 20U;

// Of the one that is there.
ModelInfo info_of(const LiveModel* model, const LiveEncoder* encoder) {
  if (model != nullptr) return model->info();
  const SentenceEncoder& of = encoder->encoder();
  ModelInfo info;
  info.description = of.description();
  info.parameters = of.parameters();
  info.weights = {of.parameters() * static_cast<std::int64_t>(sizeof(float))};
  info.context = of.longest();
  info.embedding = of.dimensions();
  return info;
}

}  // namespace

Task<Result<>> LocalModels::open(Entry& entry) {
  if (!entry.declared.encoder.empty()) {
    ACLOUD_CO_TRY(entry.encoder, co_await LiveEncoder::open(entry.declared.encoder, pool_));
    co_return Result<>();
  }
  LiveModel::Options options = entry.declared.options;
  options.kept = kept_;
  options.worker.aside = aside_;
  options.name = entry.declared.name;
  if (entry.declared.file_at_first_call) {
    ACLOUD_CO_TRY(options.engine.file, entry.declared.file_at_first_call());
  }
  ACLOUD_CO_TRY(entry.model, co_await LiveModel::open(std::move(options), pool_, random_));
  co_return Result<>();
}

Task<> LocalModels::load_one(Entry& entry) {
  if (const auto opened = co_await open(entry); !opened) entry.problem = opened.error().message();
  entry.tried.store(true, std::memory_order_release);
  const std::string& name = entry.declared.name;
  if (!entry.problem.empty()) {
    log::error("a model can't be loaded", {{"model", name}, {"error", entry.problem}});
    co_return;
  }
  const ModelInfo info = info_of(entry.model.get(), entry.encoder.get());
  log::info("a model is loaded", {{"model", name},
                                  {"is", info.description},
                                  {"context", info.context},
                                  {"weights_bytes", info.weights.value},
                                  {"state_bytes", info.state.value}});
}

bool is_small(const std::string& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return !error && size < kSmall;
}

Task<> LocalModels::load(std::vector<LocalModel> models) {
  async::TaskScope scope;
  for (LocalModel& each : models) {
    Entry& entry = entries_.emplace_back(std::move(each));
    const bool late = entry.declared.file_at_first_call || !entry.declared.encoder.empty();
    if (!late) scope.spawn(load_one(entry));
  }
  co_await scope.join();
}

Result<LocalModels::Entry*> LocalModels::entry_of(std::string_view name) {
  const auto found =
      std::ranges::find_if(entries_, [name](const Entry& each) { return each.declared.name == name; });
  if (found == entries_.end()) return fail(ErrorCode::not_found, "no model {} runs here", name);
  return &*found;
}

Result<> LocalModels::sound(const Entry& entry) {
  if (entry.problem.empty()) return {};
  return fail(ErrorCode::unavailable, "the model {} could not be loaded: {}", entry.declared.name,
              entry.problem);
}

Result<std::optional<ModelStatus>> LocalModels::status(std::string_view name) {
  ACLOUD_TRY(const Entry* const entry, entry_of(name));
  if (!entry->tried.load(std::memory_order_acquire)) return std::nullopt;
  ACLOUD_CHECK(sound(*entry));
  return ModelStatus{.info = info_of(entry->model.get(), entry->encoder.get()),
                     .stats = entry->model ? entry->model->stats() : Scheduler::Stats{}};
}

Task<Result<LocalModels::Entry*>> LocalModels::loaded(std::string name) {
  ACLOUD_CO_TRY(Entry* const entry, entry_of(name));
  if (!entry->tried.load(std::memory_order_acquire)) {
    const auto turn = co_await loading_.acquire(name);
    if (!entry->tried.load(std::memory_order_relaxed)) co_await load_one(*entry);
  }
  ACLOUD_CO_CHECK(sound(*entry));
  co_return entry;
}

Task<Result<LiveModel*>> LocalModels::get(std::string name) {
  ACLOUD_CO_TRY(const Entry* const entry, co_await loaded(name));
  if (entry->model) co_return entry->model.get();
  co_return fail(ErrorCode::invalid_argument, "{} gives embeddings alone: it takes no messages", name);
}

Task<Result<Embedder*>> LocalModels::embedder(std::string name) {
  ACLOUD_CO_TRY(const Entry* const entry, co_await loaded(std::move(name)));
  if (entry->model) co_return entry->model.get();
  co_return entry->encoder.get();
}

}  // namespace acloud::inference
