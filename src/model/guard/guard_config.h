// What acloud.toml says of guardrails: [[guardrail]], what may go to models and come back from them.
#pragma once

#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::model::guard {

// What is done where something is found.
enum class Action { block, mask, flag };
constexpr auto enum_names(Action) {
  using enum Action;
  return std::array<std::pair<Action, std::string_view>, 3>{
      {{block, "block"}, {mask, "mask"}, {flag, "flag"}}};
}

enum class Side { request, reply };
constexpr auto enum_names(Side) {
  using enum Side;
  return std::array<std::pair<Side, std::string_view>, 2>{{{request, "request"}, {reply, "reply"}}};
}

struct DetectConfig {
  std::string kind;
  std::string name;
  std::string pattern;
  Action action = Action::flag;
  std::vector<Side> on;

  static constexpr auto schema = fields(
      field("kind", &DetectConfig::kind,
            "What to look for: secrets, personal_data, or one kind of them, such as payment_card.",
            length(0, 100)),
      field("name", &DetectConfig::name, "For a pattern: what it finds, in a word.", length(0, 100)),
      field("pattern", &DetectConfig::pattern,
            "Instead of a kind: a regular expression of RE2 whose matches have a longest length, so with "
            "{1,40} in place of + and *.",
            length(0, 1000)),
      field("action", &DetectConfig::action,
            "block: the call fails; mask: it goes on with [NAME] in its place; flag: it is only told.",
            required),
      field("on", &DetectConfig::on, "Where: request, reply. Empty: both.", length(0, 2)));
};

struct GuardrailConfig {
  std::string name;
  std::vector<std::string> models;
  std::vector<std::string> workspaces;
  std::vector<std::string> keys;
  std::optional<ByteCount> largest_request;
  std::vector<std::string> allowed_models;
  std::vector<DetectConfig> detect;

  static constexpr auto schema = fields(
      field("name", &GuardrailConfig::name, "What errors and findings call it.", required, length(1, 100)),
      field("models", &GuardrailConfig::models,
            "Whose calls it is for: names of models, as patterns with *. Empty: all.", length(0, 100)),
      field("workspaces", &GuardrailConfig::workspaces, "And of which workspaces, likewise.", length(0, 100)),
      field("keys", &GuardrailConfig::keys, "And with which keys, by their ids, likewise.", length(0, 100)),
      field("largest_request_bytes", &GuardrailConfig::largest_request, "A request's body at most.",
            at_least(ByteCount{1})),
      field("allowed_models", &GuardrailConfig::allowed_models,
            "Models that may be called, as patterns with *; calls of others are refused. Empty: all.",
            length(0, 100)),
      field("detect", &GuardrailConfig::detect, "What is looked for in texts.", length(0, 50)));
};

}  // namespace acloud::model::guard
