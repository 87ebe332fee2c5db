#include "task/compensation.h"

#include "kernel/grant.h"

namespace acloud::task {
namespace {

// What "arguments.key" or "result.items.0.id" names; null where there is nothing.
Json named_by(std::string_view path, const Json& call) {
  const Json* at = &call;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('.'), path.size());
    const std::string name(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
    if (at->is_object()) {
      const auto found = at->find(name);
      if (found == at->end()) return nullptr;
      at = &*found;
    } else if (at->is_array() && !name.empty() && name.size() < 6 &&
               std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; }) &&
               std::stoul(name) < at->size()) {
      at = &(*at)[std::stoul(name)];
    } else {
      return nullptr;
    }
  }
  return *at;
}

// Puts what is named in place of each text that is "${...}" as a whole.
void fill(Json& value, const Json& call) {
  if (value.is_structured()) {
    for (Json& item : value) fill(item, call);
  } else if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    if (text.starts_with("${") && text.ends_with('}'))
      value = named_by(std::string_view(text).substr(2, text.size() - 3), call);
  }
}

}  // namespace

void Compensation::note(const Step& step, const Outcome& outcome) {
  if (!outcome.ok || step.kind != StepKind::call) return;
  for (const CompensationRule& rule : rules_) {
    if (!kernel::matches(rule.after, step.name) || noted_.size() >= kUndoMost) continue;
    Json call = {{"arguments", parse_json(step.input).value_or(Json::object())},
                 {"result", parse_json(outcome.json).value_or(Json::object())}};
    Json arguments = rule.arguments.is_object() ? rule.arguments : Json::object();
    fill(arguments, call);
    noted_.push_back({.kind = StepKind::call,
                      .name = rule.call,
                      .input = acloud::to_text(arguments),
                      .ref = std::string(kUndoMark),
                      .as_owner = true,
                      .cut = false});
  }
}

void Compensation::tried(const Step& step) {
  const auto same = [&](const Step& noted) { return noted.name == step.name && noted.input == step.input; };
  if (const auto found = std::ranges::find_if(noted_, same); found != noted_.end()) noted_.erase(found);
}

std::vector<Step> Compensation::steps() const { return {noted_.rbegin(), noted_.rend()}; }

}  // namespace acloud::task
