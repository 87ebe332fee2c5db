// How providers of video and images are asked: three requests (make this; how far is it; never mind) and what
// their answers say. One file for each dialect. Pure: requests and replies as values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/usage.h"
#include "model/generation/generation_types.h"
#include "model/model_config.h"
#include "net/http.h"

namespace acloud::model::generation {

// What is asked of a provider.
struct Wish {
  const Generate& request;
  const std::string& model;  // as the provider calls it
  Makes makes = Makes::video;
};

// A request without its address and key.
struct Ask {
  std::string method = "GET";
  std::string path;  // after the provider's base URL
  std::string body;  // JSON; "" for none
  net::Headers headers = {};
};

// A generation that the provider has begun.
struct Begun {
  std::string id;
  // What it will come to, where the provider says so at once.
  std::optional<ledger::Media> media;
  std::string resolution;
  static constexpr auto schema = fields(field("id", &Begun::id, "The provider's name for it."),
                                        field("media", &Begun::media, "What it will come to."),
                                        field("resolution", &Begun::resolution, "How fine it will be."));
};

enum class Stage { waiting, running, succeeded, failed, unknown };

// How a generation stands.
struct Seen {
  Stage stage = Stage::unknown;
  std::optional<double> percent;
  std::vector<std::string> urls;       // of what was made
  std::optional<ledger::Media> media;  // what was used, by the provider's own figures
  std::string resolution;
  std::string error;  // why it failed
};

class GenerationDialect {
 public:
  virtual ~GenerationDialect() = default;
  virtual std::string authorization(const std::string& key) const = 0;
  // Errors: invalid_argument: what it has no way to say.
  virtual Result<Ask> make(const Wish& wish) const = 0;
  // Of a reply of success. Errors: unavailable: it names no generation.
  virtual Result<Begun> begun(const Json& reply) const = 0;
  virtual Ask look(const std::string& id) const = 0;
  virtual Seen seen(const Json& reply) const = 0;
  virtual Ask cancel(const std::string& id) const = 0;
};

const GenerationDialect& dashscope();
const GenerationDialect& vidu();
// Null for the dialects of chats.
const GenerationDialect* dialect_of(Dialect dialect);

// "720P" of 720P, 720p or 1280*720; "" of "": as prices name it.
std::string resolution_of(std::string_view text);
// What a request asks for at most, and how fine: what it can cost.
ledger::Media most_of(const Generate& request, Makes makes);
std::string resolution_of(const Generate& request);
// Errors: invalid_argument with details.field: pictures that are none, parameters that have a field of their
// own.
Result<> check(const Generate& request, Makes makes);

// The name of a generation as it may stand in a path. Errors: unavailable.
Result<std::string> checked_id(const Json& reply, const char* name);
// The caller's own parameters, to be overwritten by what has a field.
Json own_parameters(const Generate& request);

}  // namespace acloud::model::generation
