#include "inference/endpoint/local_models.h"

#include <filesystem>

#include "async/task_scope.h"
#include "base/log.h"

namespace acloud::inference {
namespace {

constexpr std::uintmax_t kSmall = 64UZ << 20U;

}  // namespace

Task<> LocalModels::load_one(Entry& entry) {
  LiveModel::Options options = entry.declared.options;
  const auto& late = entry.declared.file_at_first_call;
  const Result<std::string> file = late ? late() : options.engine.file;
  if (file) {
    options.engine.file = *file;
    entry.model = co_await LiveModel::open(std::move(options), pool_, random_);
  } else {
    entry.model = std::unexpected(file.error());
  }
  entry.tried.store(true, std::memory_order_release);
  const std::string& name = entry.declared.name;
  if (!entry.model) {
    log::error("a model can't be loaded", {{"model", name}, {"error", entry.model.error().message()}});
    co_return;
  }
  const ModelInfo& info = (*entry.model)->info();
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
    if (!entry.declared.file_at_first_call) scope.spawn(load_one(entry));
  }
  co_await scope.join();
}

Result<LocalModels::Entry*> LocalModels::entry_of(std::string_view name) {
  const auto found =
      std::ranges::find_if(entries_, [name](const Entry& each) { return each.declared.name == name; });
  if (found == entries_.end()) return fail(ErrorCode::not_found, "no model {} runs here", name);
  return &*found;
}

Result<LiveModel*> LocalModels::find(std::string_view name) {
  ACLOUD_TRY(Entry* const entry, entry_of(name));
  if (!entry->tried.load(std::memory_order_acquire)) return nullptr;
  if (entry->model) return entry->model->get();
  return fail(ErrorCode::unavailable, "the model {} could not be loaded: {}", name,
              entry->model.error().message());
}

Task<Result<LiveModel*>> LocalModels::get(std::string name) {
  ACLOUD_CO_TRY(Entry* const entry, entry_of(name));
  if (!entry->tried.load(std::memory_order_acquire)) {
    const auto turn = co_await loading_.acquire(name);
    if (!entry->tried.load(std::memory_order_relaxed)) co_await load_one(*entry);
  }
  co_return find(name);
}

}  // namespace acloud::inference
