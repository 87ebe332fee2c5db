// Request and reply of `model.generate`.
#pragma once

#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::model::generation {

inline constexpr std::size_t kRequestMost = 24 << 20;  // bytes, with the pictures in it

struct Into {
  std::string bucket;
  std::string prefix;
  static constexpr auto schema =
      fields(field("bucket", &Into::bucket, "Which bucket.", required, length(1, 64)),
             field("prefix", &Into::prefix, "What the names of the objects begin with.", length(0, 512)));
};

struct Generate {
  std::string model;
  std::string prompt;
  std::string negative_prompt;
  std::vector<std::string> images;
  std::chrono::seconds duration{5};
  std::string resolution;
  std::string aspect_ratio;
  std::int64_t count = 1;
  std::optional<std::int64_t> seed;
  Json parameters;
  std::optional<Into> into;
  std::chrono::seconds deadline{3600};

  static constexpr auto schema = fields(
      field("model", &Generate::model, "One of model.list that makes video or images.", required,
            length(1, 200)),
      field("prompt", &Generate::prompt, "What is to be seen.", length(0, 20'000)),
      field("negative_prompt", &Generate::negative_prompt, "What is not to be seen.", length(0, 5'000)),
      field("images", &Generate::images,
            "Pictures to begin with, as https:// or data:image/... addresses: the first frame, the first and "
            "the "
            "last, or what is to be seen.",
            length(0, 9)),
      field("duration_s", &Generate::duration, "How long a video is to be.",
            between(std::chrono::seconds(1), std::chrono::minutes(10))),
      field("resolution", &Generate::resolution,
            "How fine, as the provider has it, such as \"720P\". Absent: the provider's own choice.",
            length(0, 20)),
      field("aspect_ratio", &Generate::aspect_ratio, "Width to height, such as \"16:9\".", length(0, 20)),
      field("count", &Generate::count, "How many images; of videos there is one.", between(1, 16)),
      field("seed", &Generate::seed, "The same seed gives much the same result.",
            between(std::int64_t{0}, std::int64_t{1} << 31)),
      field("parameters", &Generate::parameters,
            "Further parameters that the provider has, by its own names, such as {\"watermark\":false}."),
      field("into", &Generate::into,
            "Where the result is put. Absent: it stays with the provider, which deletes it after a day."),
      field("deadline_s", &Generate::deadline, "Cancelled after this long.",
            between(std::chrono::seconds(1), std::chrono::hours(24))));
};

// The task that sees to it, as it begins.
struct Generation {
  std::string id;
  std::string state = "queued";
  std::string model;
  Time created{};
  Time deadline{};
  static constexpr auto schema = fields(
      field("id", &Generation::id, "The task's: task.get, task.events, task.wait and task.cancel take it."),
      field("state", &Generation::state, "Where it stands."),
      field("model", &Generation::model, "The model that was named."),
      field("created", &Generation::created, "When it was asked for."),
      field("deadline", &Generation::deadline, "When it will be cancelled."));
};

}  // namespace acloud::model::generation
