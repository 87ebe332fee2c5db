// The models that this server runs itself, by name.
#pragma once

#include <atomic>
#include <deque>
#include <functional>

#include "inference/endpoint/endpoint.h"
#include "inference/live/live_encoder.h"
#include "store/keyed_lock.h"

namespace acloud::inference {

struct LocalModel {
  std::string name;
  LiveModel::Options options;
  // Set for one that is loaded at its first call: gives its file then. So a server whose calls need no such
  // model starts sooner, and holds no memory for it.
  std::function<Result<std::string>()> file_at_first_call = {};
  // Set for one that gives embeddings alone: what models/sentence_encoder wrote. It is loaded at its first
  // call.
  std::span<const std::byte> encoder = {};
};

// Small models compute fastest with one thread, and have room for an exact state.
bool is_small(const std::string& file);

class LocalModels final : public Models {
 public:
  // All outlive the models. `kept`: where what leaves their memory is kept, if it is.
  // `aside`: of states that each model puts aside at most.
  LocalModels(async::BlockingPool& pool, Random& random, KeptStates* kept = nullptr, ByteCount aside = {})
      : pool_(pool), random_(random), kept_(kept), aside_(aside) {}

  // Loads all that don't wait for their first call, as many at once as threads of the pool are free. One that
  // can't be loaded is kept with its reason. REQUIRES: called once, before anything else.
  Task<> load(std::vector<LocalModel> models);

  Result<std::optional<ModelStatus>> status(std::string_view name) override;
  Task<Result<LiveModel*>> get(std::string name) override;
  Task<Result<Embedder*>> embedder(std::string name) override;

 private:
  struct Entry {
    LocalModel declared;
    std::atomic<bool> tried = false;   // from then on nothing below changes
    std::unique_ptr<LiveModel> model;  // one of these two, unless it failed
    std::unique_ptr<LiveEncoder> encoder;
    std::string problem;
  };
  Result<Entry*> entry_of(std::string_view name);
  static Result<> sound(const Entry& entry);
  // Tried, and sound.
  Task<Result<Entry*>> loaded(std::string name);
  Task<> load_one(Entry& entry);
  Task<Result<>> open(Entry& entry);

  async::BlockingPool& pool_;
  Random& random_;
  KeptStates* kept_;
  ByteCount aside_;
  std::deque<Entry> entries_;  // which they are never changes once load() is done
  store::KeyedLock loading_;   // by name
};

}  // namespace acloud::inference
