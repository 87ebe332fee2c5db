#include "model/guard/guard.h"

#include <algorithm>
#include <map>

#include "base/encoding.h"
#include "base/json.h"
#include "model/guard/json_texts.h"
#include "model/guard/text_matcher.h"

namespace acloud::model::guard {
namespace {

using Detectors = std::vector<std::shared_ptr<const Detector>>;

std::shared_ptr<const Detector> known(const Kind& kind) {
  static std::map<std::string_view, std::shared_ptr<const Detector>> made = [] {
    std::map<std::string_view, std::shared_ptr<const Detector>> all;
    for (const Kind& each : kinds()) all[each.name] = std::make_shared<const Detector>(Detector::make(each));
    return all;
  }();
  return made.at(kind.name);
}

std::string names_of_kinds() {
  std::string names = "secrets, personal_data";
  for (const Kind& kind : kinds()) names += fmt::format(", {}", kind.name);
  return names;
}

// A kind, or all of a group.
Result<Detectors> of_kind(const std::string& name) {
  Detectors found;
  for (const Kind& kind : kinds()) {
    if (kind.name == name || kind.group == name) found.push_back(known(kind));
  }
  if (found.empty()) {
    return fail(ErrorCode::invalid_argument, "kind: there is no {}; there are {}", name, names_of_kinds());
  }
  return found;
}

Result<Detectors> of_pattern(const DetectConfig& config) {
  if (config.pattern.empty() || config.name.empty()) {
    return fail(ErrorCode::invalid_argument, "has either a kind, or a name and a pattern");
  }
  auto made = Detector::make(config.name, config.pattern);
  if (!made) return fail(ErrorCode::invalid_argument, "pattern: {}", made.error().message());
  return Detectors{std::make_shared<const Detector>(*std::move(made))};
}

Result<> add_rules(Guardrail& guardrail, const DetectConfig& config) {
  if (!config.kind.empty() && !(config.pattern.empty() && config.name.empty())) {
    return fail(ErrorCode::invalid_argument, "has either a kind, or a name and a pattern");
  }
  ACLOUD_TRY(const Detectors detectors, config.kind.empty() ? of_pattern(config) : of_kind(config.kind));
  const auto on = [&config](Side side) {
    return config.on.empty() || std::ranges::find(config.on, side) != config.on.end();
  };
  for (const auto& detector : detectors) {
    guardrail.rules.push_back(
        {guardrail.config.name, detector, config.action, on(Side::request), on(Side::reply)});
  }
  return {};
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view text) {
  return patterns.empty() || std::ranges::any_of(patterns, [text](const std::string& pattern) {
           return kernel::matches(pattern, text);
         });
}

std::unexpected<Error> at_field(Error error, std::string field) {
  return std::unexpected(std::move(error).within(field).with_detail("field", field));
}

}  // namespace

std::unexpected<Error> blocked(const Rule& rule, Side side) {
  const std::string_view where = schema::Codec<Side>::name(side);
  Error error(
      ErrorCode::permission_denied,
      side == Side::request
          ? fmt::format("guardrail {}: the request holds what looks like a {}; take it out and send it "
                        "again",
                        rule.guardrail, rule.detector->name())
          : fmt::format("guardrail {}: the model's reply holds what looks like a {}, so it ends here",
                        rule.guardrail, rule.detector->name()));
  return std::unexpected(std::move(error)
                             .with_detail("guardrail", rule.guardrail)
                             .with_detail("detector", rule.detector->name())
                             .with_detail("side", where));
}

bool is_blocked(const Error& error) { return error.details().contains("guardrail"); }

Result<> Guard::admit(std::string_view model, std::uint64_t bytes) const {
  for (const Guardrail* each : all_) {
    const GuardrailConfig& config = each->config;
    if (config.largest_request && bytes > static_cast<std::uint64_t>(config.largest_request->value)) {
      return std::unexpected(
          Error(ErrorCode::too_large, fmt::format("guardrail {}: the request has {} bytes, and may have {}",
                                                  config.name, bytes, config.largest_request->value))
              .with_detail("guardrail", config.name));
    }
    if (!matches_any(config.allowed_models, model)) {
      return std::unexpected(
          Error(ErrorCode::permission_denied,
                fmt::format("guardrail {}: model {} may not be called here", config.name, model))
              .with_detail("guardrail", config.name));
    }
  }
  return {};
}

bool Guard::watches(Side side) const {
  return std::ranges::any_of(all_, [side](const Guardrail* each) {
    return std::ranges::any_of(each->rules, [side](const Rule& rule) { return rule.on(side); });
  });
}

std::vector<const Rule*> Guard::rules(Side side) const {
  std::vector<const Rule*> rules;
  for (const Guardrail* each : all_) {
    for (const Rule& rule : each->rules) {
      if (rule.on(side)) rules.push_back(&rule);
    }
  }
  return rules;
}

Result<std::optional<std::string>> Guard::inspect(std::string_view json, Side side,
                                                  Findings& findings) const {
  const auto rules = this->rules(side);
  std::string out;
  std::size_t copied = 0;
  const auto look = [&](const JsonText& text) -> Result<> {
    std::vector<const Detector*> masking;
    for (const Rule* rule : rules) {
      if (!rule->detector->find(text.text, 0)) continue;
      findings.insert({rule->guardrail, rule->detector->name(), side, rule->action});
      if (rule->action == Action::block) return blocked(*rule, side);
      if (rule->action == Action::mask) masking.push_back(rule->detector.get());
    }
    if (masking.empty()) return {};
    TextMatcher matcher(std::move(masking));
    matcher.feed(text.text);
    matcher.finish();
    out += json.substr(copied, text.begin - copied);
    append_json_string(out, matcher.masked(text.text, 0));
    copied = text.end;
    return {};
  };
  ACLOUD_CHECK(each_text(json, look));
  if (copied == 0) return std::nullopt;
  out += json.substr(copied);
  return out;
}

std::string Guard::digest() const {
  std::string all;
  for (const Guardrail* each : all_) all += each->digest;
  return all;
}

Result<std::shared_ptr<const GuardTable>> GuardTable::make(std::span<const GuardrailConfig> configs) {
  std::shared_ptr<GuardTable> table(new GuardTable());  // shared by the calls that go by it
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const GuardrailConfig& config = configs[i];
    const std::string field = fmt::format("guardrail[{}]", i);
    const auto same = [&config](const Guardrail& other) { return other.config.name == config.name; };
    if (std::ranges::any_of(table->guardrails_, same)) {
      return at_field(Error(ErrorCode::invalid_argument, fmt::format("{} is named twice", config.name)),
                      field + ".name");
    }
    Guardrail& made = table->guardrails_.emplace_back(Guardrail{config, {}, sha256(encode(config))});
    for (std::size_t j = 0; j < config.detect.size(); ++j) {
      if (auto added = add_rules(made, config.detect[j]); !added)
        return at_field(std::move(added).error(), fmt::format("{}.detect[{}]", field, j));
    }
  }
  return table;
}

Guard GuardTable::of(const kernel::Caller& caller, std::span<const std::string> models) const {
  Guard guard;
  for (const Guardrail& each : guardrails_) {
    const auto named = [&each](const std::string& model) { return matches_any(each.config.models, model); };
    if (matches_any(each.config.workspaces, caller.workspace) && matches_any(each.config.keys, caller.key) &&
        std::ranges::any_of(models, named)) {
      guard.all_.push_back(&each);
    }
  }
  if (!guard.all_.empty()) guard.table_ = shared_from_this();
  return guard;
}

Result<> check(std::span<const GuardrailConfig> configs) {
  ACLOUD_CHECK(GuardTable::make(configs));
  return {};
}

}  // namespace acloud::model::guard
