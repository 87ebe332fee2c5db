// Vidu's API: the number of pictures decides what is called. The reply to the first request says how long and
// how fine the video will be, which is what it costs.
#include "base/json_text.h"
#include "model/generation/dialect.h"

namespace acloud::model::generation {
namespace {

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

Stage vidu_stage(std::string_view state) {
  if (state == "created" || state == "queueing") return Stage::waiting;
  if (state == "processing") return Stage::running;
  if (state == "success") return Stage::succeeded;
  if (state == "failed") return Stage::failed;
  return Stage::unknown;
}

std::string_view path_for(const Wish& wish) {
  if (wish.makes == Makes::image) return "/ent/v2/reference2image";
  switch (wish.request.images.size()) {
    case 0:
      return "/ent/v2/text2video";
    case 1:
      return "/ent/v2/img2video";
    case 2:
      return "/ent/v2/start-end2video";
    default:
      return "/ent/v2/reference2video";
  }
}

std::chrono::milliseconds length_at(const Json& object) {
  const auto found = object.is_object() ? object.find("duration") : object.end();
  if (!object.is_object() || found == object.end() || !found->is_number())
    return std::chrono::milliseconds::zero();
  const double most = static_cast<double>(std::chrono::seconds(ledger::kVideoMost).count());
  return std::chrono::milliseconds(std::llround(std::clamp(found->get<double>(), 0.0, most) * 1000));
}

class Vidu final : public GenerationDialect {
 public:
  std::string authorization(const std::string& key) const override { return "Token " + key; }

  Result<Ask> make(const Wish& wish) const override {
    const Generate& request = wish.request;
    if (!request.negative_prompt.empty())
      return fail(ErrorCode::invalid_argument, "negative_prompt: this provider has none");
    if (wish.makes == Makes::image && request.count != 1)
      return fail(ErrorCode::invalid_argument, "count: this provider makes one image a call");
    Json body = own_parameters(request);
    body["model"] = wish.model;
    if (!request.prompt.empty()) body["prompt"] = request.prompt;
    if (!request.images.empty()) body["images"] = request.images;
    if (wish.makes == Makes::video) body["duration"] = request.duration.count();
    if (!request.resolution.empty()) body["resolution"] = lower_case(request.resolution);
    if (!request.aspect_ratio.empty()) body["aspect_ratio"] = request.aspect_ratio;
    if (request.seed) body["seed"] = *request.seed;
    return Ask{.method = "POST", .path = std::string(path_for(wish)), .body = to_text(body), .headers = {}};
  }

  Result<Begun> begun(const Json& reply) const override {
    ACLOUD_TRY(std::string id, checked_id(reply, "task_id"));
    Begun begun{.id = std::move(id), .media = {}, .resolution = ""};
    if (const auto length = length_at(reply); length.count() > 0)
      begun.media = ledger::Media{.video = length, .images = 0};
    begun.resolution = resolution_of(std::string_view(text_at(reply, "resolution")));
    return begun;
  }

  Ask look(const std::string& id) const override {
    return {.path = "/ent/v2/tasks/" + id + "/creations", .body = ""};
  }

  Seen seen(const Json& reply) const override {
    Seen seen{.stage = vidu_stage(text_at(reply, "state"))};
    const Json creations = reply.is_object() ? reply.value("creations", Json()) : Json();
    std::chrono::milliseconds length{0};
    for (std::size_t i = 0; creations.is_array() && i < creations.size(); ++i) {
      if (std::string url = text_at(creations[i], "url"); !url.empty()) seen.urls.push_back(std::move(url));
      if (!creations[i].is_object()) continue;
      const Json video = creations[i].value("video", Json());
      length += length_at(video);
      if (seen.resolution.empty())
        seen.resolution = resolution_of(std::string_view(text_at(video, "resolution")));
    }
    if (length.count() > 0) seen.media = ledger::Media{.video = length, .images = 0};
    seen.error = text_at(reply, "err_code");
    if (const auto progress = reply.is_object() ? reply.value("progress", Json()) : Json();
        progress.is_number())
      seen.percent = std::clamp(progress.get<double>(), 0.0, 100.0);
    return seen;
  }

  Ask cancel(const std::string& id) const override {
    return {.method = "POST", .path = "/ent/v2/tasks/" + id + "/cancel", .body = to_text(Json{{"id", id}})};
  }
};

}  // namespace

const GenerationDialect& vidu() {
  static const Vidu dialect;
  return dialect;
}

}  // namespace acloud::model::generation
