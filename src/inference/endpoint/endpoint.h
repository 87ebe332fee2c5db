// Models that run here, seen as a provider that speaks OpenAI's dialect: requests in, responses out, without
// a socket between. So whatever routes calls to providers treats these as it treats the others.
#pragma once

#include "base/clock.h"
#include "inference/live/live_model.h"
#include "net/http.h"

namespace acloud::inference {

struct ModelStatus {
  ModelInfo info;
  Scheduler::Stats stats;
};

// Where the endpoint finds a model by name.
class Models {
 public:
  virtual ~Models() = default;
  // Nothing where it is one that is loaded at its first call, which has not come. Thread-safe.
  // Errors: not_found; unavailable: it could not be loaded, and why.
  virtual Result<std::optional<ModelStatus>> status(std::string_view name) = 0;
  // One that replies, loaded where that is still to be done; never null. Errors: those of status();
  // invalid_argument: it gives embeddings alone.
  virtual Task<Result<LiveModel*>> get(std::string name) = 0;
  // The same for embeddings, which every model gives. Errors: those of status().
  virtual Task<Result<Embedder*>> embedder(std::string name) = 0;
};

class Endpoint {
 public:
  // All outlive the endpoint and its responses.
  Endpoint(Models& models, const Clock& clock, Random& random)
      : models_(models), clock_(clock), random_(random) {}

  // Answers POST .../chat/completions, .../embeddings and .../count_tokens, whatever stands before in the
  // path. Calls of one `workspace` share their turn. Errors are responses with OpenAI's body. A stream's
  // response comes with its first token; to drop it ends the reply. `cancelled` alone is an Error.
  Task<Result<net::Response>> answer(std::string workspace, net::Request request);
  Models& models() const { return models_; }

 private:
  Task<Result<net::Response>> route(std::string workspace, net::Request& request);
  Task<Result<net::Response>> chat(std::string workspace, std::string body);
  Task<Result<net::Response>> embed(std::string body);
  Task<Result<net::Response>> count(std::string body);

  Models& models_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace acloud::inference
