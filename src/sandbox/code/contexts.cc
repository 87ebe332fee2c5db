#include "sandbox/code/contexts.h"

#include "base/encoding.h"

namespace acloud::sandbox::code {
namespace {

std::string_view name_of(Language language) {
  for (const auto& [value, name] : enum_names(Language{})) {
    if (value == language) return name;
  }
  return "";
}

std::optional<Language> language_named(std::string_view text) {
  for (const auto& [value, name] : enum_names(Language{})) {
    if (name == text) return value;
  }
  return {};
}

std::unexpected<Error> no_context(const std::string& name) {
  return fail(ErrorCode::not_found, "no context {}; sandbox.list_contexts shows those that are there",
              to_valid_utf8(name));
}

}  // namespace

Result<std::shared_ptr<Context>> Contexts::find(std::optional<std::string> name,
                                                std::optional<Language> language) {
  const std::string wanted = name ? *std::move(name) : std::string(name_of(language.value_or(Language{})));
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Context> context;
  if (const auto found = contexts_.find(wanted); found != contexts_.end()) {
    context = found->second;
  } else if (const auto own = language_named(wanted)) {
    ACLOUD_TRY(context, add_locked(wanted, *own, std::string(kHome)));
  } else {
    return no_context(wanted);
  }
  if (language.value_or(context->language) == context->language) return context;
  return fail(ErrorCode::invalid_argument, "language: context {} runs {}, not {}", wanted,
              name_of(context->language), name_of(*language));
}

Result<std::shared_ptr<Context>> Contexts::add(std::string name, Language language, std::string cwd) {
  const std::lock_guard lock(mutex_);
  return add_locked(std::move(name), language, std::move(cwd));
}

Result<std::shared_ptr<Context>> Contexts::add_locked(std::string name, Language language, std::string cwd) {
  if (contexts_.size() >= kMost) {
    return fail(ErrorCode::too_large, "a sandbox has at most {} contexts; remove one with remove_context",
                kMost);
  }
  auto context = std::make_shared<Context>();
  context->name = name;
  context->language = language;
  context->cwd = std::move(cwd);
  const auto [at, added] = contexts_.emplace(std::move(name), std::move(context));
  if (!added) return fail(ErrorCode::conflict, "there is a context {} already", at->first);
  return at->second;
}

std::vector<std::shared_ptr<Context>> Contexts::all() const {
  std::vector<std::shared_ptr<Context>> all;
  const std::lock_guard lock(mutex_);
  all.reserve(contexts_.size());
  for (const auto& [name, context] : contexts_) all.push_back(context);
  return all;
}

void Contexts::give_spare(std::unique_ptr<Interpreter> python) {
  const std::lock_guard lock(mutex_);
  spare_ = std::move(python);
}

std::unique_ptr<Interpreter> Contexts::take_spare() {
  const std::lock_guard lock(mutex_);
  if (spare_ && !spare_->answers()) spare_.reset();
  return std::move(spare_);
}

Result<std::shared_ptr<Context>> Contexts::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = contexts_.find(name);
  if (found == contexts_.end()) return no_context(name);
  auto context = found->second;
  contexts_.erase(found);
  return context;
}

}  // namespace acloud::sandbox::code
