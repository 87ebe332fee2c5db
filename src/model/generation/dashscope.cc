// Bailian's asynchronous API (DashScope), as Wan is asked: a task is made with X-DashScope-Async, and looked
// at by its id, which is good for a day. One that is not there is told of with status 200 and UNKNOWN.
#include "base/json_text.h"
#include "model/generation/dialect.h"

namespace acloud::model::generation {
namespace {

constexpr std::string_view kVideo = "/services/aigc/video-generation/video-synthesis";
constexpr std::string_view kFrames = "/services/aigc/image2video/video-synthesis";  // a first and a last one
constexpr std::string_view kImage = "/services/aigc/text2image/image-synthesis";

double number_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

Json object_at(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() && found->is_object() ? *found : Json::object();
}

// Seconds that are paid for: `duration` has those of what was read too; older models have video_duration.
std::optional<ledger::Media> media_of(const Json& usage) {
  const double images = number_at(usage, "image_count");
  for (const char* name : {"duration", "video_duration", "output_video_duration"}) {
    if (!usage.contains(name)) continue;
    const double videos = std::max(1.0, number_at(usage, "video_count"));
    const double most = static_cast<double>(std::chrono::seconds(ledger::kVideoMost).count());
    const double seconds = std::clamp(number_at(usage, name) * videos, 0.0, most);
    return ledger::Media{.video = std::chrono::milliseconds(std::llround(seconds * 1000)), .images = 0};
  }
  if (!usage.contains("image_count")) return std::nullopt;
  const auto most = static_cast<double>(ledger::kImagesMost);
  return ledger::Media{.video = {}, .images = std::llround(std::clamp(images, 0.0, most))};
}

std::string resolution_used(const Json& usage) {
  if (const double lines = number_at(usage, "SR"); lines >= 1 && lines < 100'000)
    return fmt::format("{}P", std::llround(lines));
  for (const char* name : {"SR", "resolution", "size", "video_ratio"}) {
    if (std::string found = resolution_of(std::string_view(text_at(usage, name))); !found.empty())
      return found;
  }
  return "";
}

Stage stage_of(std::string_view status) {
  if (status == "PENDING") return Stage::waiting;
  if (status == "RUNNING" || status == "SUSPENDED") return Stage::running;
  if (status == "SUCCEEDED") return Stage::succeeded;
  if (status == "FAILED" || status == "CANCELED") return Stage::failed;
  return Stage::unknown;
}

class DashScope final : public GenerationDialect {
 public:
  std::string authorization(const std::string& key) const override { return "Bearer " + key; }

  Result<Ask> make(const Wish& wish) const override {
    const Generate& request = wish.request;
    Json input = {{"prompt", request.prompt}};
    if (!request.negative_prompt.empty()) input["negative_prompt"] = request.negative_prompt;
    Json parameters = own_parameters(request);
    if (!request.resolution.empty()) parameters["resolution"] = request.resolution;
    if (!request.aspect_ratio.empty()) parameters["ratio"] = request.aspect_ratio;
    if (request.seed) parameters["seed"] = *request.seed;
    std::string_view path = kVideo;
    if (wish.makes == Makes::image) {
      if (!request.images.empty())
        return fail(ErrorCode::invalid_argument, "images: this model makes images of words alone");
      path = kImage;
      parameters["n"] = request.count;
    } else {
      parameters["duration"] = request.duration.count();
      if (request.images.size() > 2)
        return fail(ErrorCode::invalid_argument, "images: this provider takes the first and the last frame");
      if (request.images.size() == 1) input["img_url"] = request.images[0];
      if (request.images.size() == 2) {
        path = kFrames;
        input["first_frame_url"] = request.images[0];
        input["last_frame_url"] = request.images[1];
      }
    }
    const Json body = {
        {"model", wish.model}, {"input", std::move(input)}, {"parameters", std::move(parameters)}};
    return Ask{.method = "POST",
               .path = std::string(path),
               .body = to_text(body),
               .headers = {{"x-dashscope-async", "enable"}}};
  }

  Result<Begun> begun(const Json& reply) const override {
    ACLOUD_TRY(std::string id, checked_id(object_at(reply, "output"), "task_id"));
    return Begun{.id = std::move(id), .media = {}, .resolution = ""};
  }

  Ask look(const std::string& id) const override { return {.path = "/tasks/" + id, .body = ""}; }

  Seen seen(const Json& reply) const override {
    const Json output = object_at(reply, "output");
    const Json usage = object_at(reply, "usage");
    Seen seen{.stage = stage_of(text_at(output, "task_status"))};
    seen.media = media_of(usage);
    seen.resolution = resolution_used(usage);
    if (std::string url = text_at(output, "video_url"); !url.empty()) seen.urls.push_back(std::move(url));
    const Json results = output.value("results", Json());
    for (std::size_t i = 0; results.is_array() && i < results.size(); ++i) {
      if (std::string url = text_at(results[i], "url"); !url.empty()) seen.urls.push_back(std::move(url));
    }
    seen.error = text_at(output, "message");
    if (seen.error.empty()) seen.error = text_at(output, "code");
    if (seen.error.empty() && text_at(output, "task_status") == "CANCELED") seen.error = "it was cancelled";
    return seen;
  }

  // Only one that waits is cancelled; one that runs goes on.
  Ask cancel(const std::string& id) const override {
    return {.method = "POST", .path = "/tasks/" + id + "/cancel", .body = ""};
  }
};

}  // namespace

const GenerationDialect& dashscope() {
  static const DashScope dialect;
  return dialect;
}

}  // namespace acloud::model::generation
