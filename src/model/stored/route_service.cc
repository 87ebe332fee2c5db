#include "model/stored/route_service.h"

#include "base/encoding.h"
#include "base/log.h"

namespace acloud::model {
namespace {

constexpr std::string_view kSealed = "sealed:";
// Headers that carry keys, which would stand in the store as they are.
constexpr std::string_view kKeyHeaders[] = {"authorization", "x-api-key", "api-key", "cookie",
                                            "proxy-authorization"};

std::string purpose_of(const ProviderConfig& provider) { return provider.name + '\n' + provider.base_url; }

bool is_header_of_keys(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::find(kKeyHeaders, lower) != std::end(kKeyHeaders);
}

// What a call may say of a key: env:NAME, or the key itself. Errors: invalid_argument.
Result<> check_key(const std::string& key) {
  for (const std::string_view kind : {"file:", "secret:", "sealed:"}) {
    if (!key.starts_with(kind)) continue;
    return fail(
        ErrorCode::invalid_argument,
        "api_key: {} is for acloud.toml; give env:NAME, the name of a variable of the server's environment, "
        "or the key itself",
        kind);
  }
  if (std::ranges::all_of(key, [](unsigned char c) { return c > ' ' && c < 0x7f; })) return {};
  return fail(ErrorCode::invalid_argument, "api_key: holds characters that no key has");
}

Result<> check_headers(const std::map<std::string, std::string>& headers) {
  for (const auto& [name, value] : headers) {
    if (is_header_of_keys(name))
      return fail(ErrorCode::invalid_argument, "headers.{}: give the key as api_key, which is kept sealed",
                  name);
  }
  return {};
}

// That what is set can be served here, and that nothing else stops being served. Errors: precondition_failed.
Result<> check_change(const Routing& file, const Routing& before, const Routing& after,
                      const std::string& entry) {
  const Fitting then = fitting(file, after);
  if (then.left_out.empty()) return {};
  const Fitting now = fitting(file, before);
  for (const auto& [name, why] : then.left_out) {
    if (name == entry || !now.left_out.contains(name)) return fail(ErrorCode::precondition_failed, "{}", why);
  }
  return {};
}

template <class Entry>
bool has(const std::vector<Entry>& entries, const std::string& name) {
  return std::ranges::find(entries, name, &Entry::name) != entries.end();
}

template <class Entry>
Result<> check_room(const std::vector<Entry>& entries, std::size_t most) {
  if (entries.size() <= most) return {};
  return fail(ErrorCode::precondition_failed, "{} are set already; delete some first", most);
}

// A page of `entries`, by name.
template <class List, class Entry, class Info>
Result<List> page_of(std::vector<Entry> entries, const ListRouting& request, const Info& info) {
  ACLOUD_TRY(const std::string after, kernel::from_cursor(request.cursor));
  std::ranges::sort(entries, {}, &Entry::name);
  List list;
  for (const Entry& entry : entries) {
    if (entry.name <= after) continue;
    if (std::ssize(list.items) == request.limit) {
      list.next_cursor = kernel::to_cursor(list.items.back().name);
      break;
    }
    list.items.push_back(info(entry));
  }
  return list;
}

// A key that can't be had keeps a provider from being used.
void put_problem(ProviderInfo& info, const Result<std::string>& key) {
  if (!info.problem && !key) info.problem = key.error().message();
}

std::optional<std::string> problem_of(const Fitting& fit, const std::string& entry) {
  const auto found = fit.left_out.find(entry);
  return found == fit.left_out.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::shared_ptr<const RouteService::View> RouteService::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

Result<std::string> RouteService::key(std::string_view reference) const {
  if (!reference.starts_with(kSealed)) return key_of(reference);
  const std::lock_guard lock(mutex_);
  const auto found = given_.find(reference.substr(kSealed.size()));
  if (found == given_.end()) return fail(ErrorCode::not_found, "no key was given");
  return found->second;
}

Result<> RouteService::configure(Routing file) {
  // The file's own keys are references; one that stands there itself is refused here.
  ACLOUD_CHECK(RouteTable::make(file.providers, file.models, key_of, nullptr));
  const std::lock_guard serving(serving_);
  const auto now = view();
  return serve(std::move(file), {now->set, now->version});
}

Task<Result<>> RouteService::follow() {
  ACLOUD_CO_TRY(const std::int64_t version, co_await parts_.database.read_here([](store::Reader& reader) {
    return entries::version(reader);
  }));
  if (version == view()->version) co_return Result<>();
  ACLOUD_CO_TRY(entries::Stored stored,
                co_await parts_.database.read([](store::Reader& reader) { return entries::load(reader); }));
  const std::lock_guard serving(serving_);
  const auto now = view();
  if (stored.version <= now->version) co_return Result<>();
  // A key in the store is not in what is served: it is found by its provider's name.
  std::map<std::string, Result<std::string>, std::less<>> given;
  for (ProviderConfig& provider : stored.set.providers) {
    if (!provider.api_key.starts_with(kSealed)) continue;
    given.emplace(provider.name, parts_.seal.open(std::string_view(provider.api_key).substr(kSealed.size()),
                                                  purpose_of(provider)));
    provider.api_key = std::string(kSealed) + provider.name;
  }
  {
    const std::lock_guard lock(mutex_);
    given_ = std::move(given);
  }
  co_return serve(now->file, std::move(stored));
}

// REQUIRES: serving_ is held.
Result<> RouteService::serve(Routing file, entries::Stored stored) {
  View next{.file = std::move(file), .set = std::move(stored.set), .version = stored.version, .fit = {}};
  next.fit = fitting(next.file, next.set);
  ACLOUD_CHECK(parts_.serve(next.fit.routing));
  for (const auto& [entry, why] : next.fit.left_out) {
    log::warn("what was set can't be served with this configuration", {{"entry", entry}, {"error", why}});
  }
  const std::lock_guard lock(mutex_);
  view_ = std::make_shared<const View>(std::move(next));
  return {};
}

Result<std::string> RouteService::sealed(const ProviderConfig& provider) const {
  if (provider.api_key.empty() || provider.api_key.starts_with("env:")) return provider.api_key;
  ACLOUD_TRY(const std::string closed,
             parts_.seal.close(parts_.random, provider.api_key, purpose_of(provider)));
  return std::string(kSealed) + closed;
}

// Once what was set is on disk, it is served.
Task<Result<>> RouteService::in_force(kernel::Context& context) {
  ACLOUD_CO_CHECK(co_await context.durable());
  if (const auto followed = co_await follow(); !followed) {
    log::error("what was set is served later", {{"error", followed.error().message()}});
  }
  co_return Result<>();
}

RouteService::View RouteService::view_of(const Routing& file, const Routing& set) {
  return {.file = file, .set = set, .version = 0, .fit = fitting(file, set)};
}

ProviderInfo RouteService::info(const View& view, const ProviderConfig& provider) {
  ProviderInfo info{.name = provider.name, .dialect = provider.dialect, .base_url = provider.base_url};
  info.key = provider.api_key.empty()                ? "none"
             : provider.api_key.starts_with(kSealed) ? "given"
                                                     : provider.api_key;
  for (const auto& [name, value] : provider.headers) info.headers.push_back(name);
  for (const ModelConfig& model : view.fit.routing.models) {
    if (std::ranges::find(model.targets, provider.name, &TargetConfig::provider) != model.targets.end())
      info.models.push_back(model.name);
  }
  if (has(view.set.providers, provider.name)) info.source = Source::operation;
  info.problem = problem_of(view.fit, provider_entry(provider.name));
  return info;
}

RouteInfo RouteService::info(const View& view, const ModelConfig& model) {
  return {.name = model.name,
          .source = has(view.set.models, model.name) ? Source::operation : Source::configuration,
          .problem = problem_of(view.fit, model_entry(model.name)),
          .route = model};
}

Task<Result<ProviderInfo>> RouteService::set_provider(kernel::Context& context, ProviderConfig request) {
  ACLOUD_CO_CHECK(check_key(request.api_key));
  ACLOUD_CO_CHECK(check_headers(request.headers));
  ACLOUD_CO_CHECK(check({.providers = {request}, .models = {}}));
  ACLOUD_CO_TRY(request.api_key, sealed(request));
  const auto before = view();
  ACLOUD_CO_TRY(
      ProviderInfo set,
      co_await context.commit([file = before->file, provider = std::move(request),
                               now = context.clock.now()](store::Transaction& tx) -> Result<ProviderInfo> {
        ACLOUD_TRY(const entries::Stored stored, entries::load(tx));
        Routing after = stored.set;
        put_entry(after.providers, provider);
        ACLOUD_CHECK(check_room(after.providers, kProvidersMost));
        ACLOUD_CHECK(check_change(file, stored.set, after, provider_entry(provider.name)));
        ACLOUD_CHECK(entries::put(tx, entries::Kind::provider, provider.name, encode(provider), now));
        ProviderInfo told = info(view_of(file, after), provider);
        if (provider.api_key.starts_with("env:")) put_problem(told, key_of(provider.api_key));
        return told;
      }));
  ACLOUD_CO_CHECK(co_await in_force(context));
  co_return set;
}

Task<Result<ProviderList>> RouteService::list_providers(kernel::Context&, ListRouting request) {
  const auto now = view();
  co_return page_of<ProviderList>(merged(now->file, now->set).providers, request,
                                  [&](const ProviderConfig& each) {
                                    ProviderInfo told = info(*now, each);
                                    if (!each.api_key.empty()) put_problem(told, key(each.api_key));
                                    return told;
                                  });
}

Task<Result<RouteInfo>> RouteService::set_route(kernel::Context& context, ModelConfig request) {
  if (request.engine || !request.file.empty())
    co_return fail(
        ErrorCode::invalid_argument,
        "engine: models that this server runs itself are loaded at its start: name them in acloud.toml");
  const auto before = view();
  ACLOUD_CO_TRY(
      RouteInfo set,
      co_await context.commit([file = before->file, model = std::move(request),
                               now = context.clock.now()](store::Transaction& tx) -> Result<RouteInfo> {
        ACLOUD_TRY(const entries::Stored stored, entries::load(tx));
        Routing after = stored.set;
        put_entry(after.models, model);
        ACLOUD_CHECK(check_room(after.models, kModelsMost));
        ACLOUD_CHECK(check_change(file, stored.set, after, model_entry(model.name)));
        ACLOUD_CHECK(entries::put(tx, entries::Kind::model, model.name, encode(model), now));
        return info(view_of(file, after), model);
      }));
  ACLOUD_CO_CHECK(co_await in_force(context));
  co_return set;
}

Task<Result<RouteList>> RouteService::list_routes(kernel::Context&, ListRouting request) {
  const auto now = view();
  co_return page_of<RouteList>(merged(now->file, now->set).models, request,
                               [&](const ModelConfig& each) { return info(*now, each); });
}

namespace {

// Deletes what was set under `name`. Errors: not_found; precondition_failed: others need it.
template <class Entry>
Result<DeletedEntry> delete_entry(store::Transaction& tx, const Routing& file,
                                  std::vector<Entry> Routing::* kind, entries::Kind in_store,
                                  const std::string& name, const std::string& entry) {
  ACLOUD_TRY(const entries::Stored stored, entries::load(tx));
  const bool in_file = has(file.*kind, name);
  Routing after = stored.set;
  if (std::erase_if(after.*kind, [&](const Entry& each) { return each.name == name; }) == 0) {
    if (in_file)
      return fail(ErrorCode::precondition_failed, "{} is in the configuration file alone: take it out there",
                  entry);
    return fail(ErrorCode::not_found, "there is no {}", entry);
  }
  ACLOUD_CHECK(check_change(file, stored.set, after, ""));
  ACLOUD_CHECK(entries::remove(tx, in_store, name));
  return DeletedEntry{.name = name, .falls_back = in_file};
}

}  // namespace

Task<Result<DeletedEntry>> RouteService::delete_provider(kernel::Context& context, ByName request) {
  ACLOUD_CO_TRY(DeletedEntry deleted, co_await context.commit([file = view()->file,
                                                               name = request.name](store::Transaction& tx) {
    return delete_entry(tx, file, &Routing::providers, entries::Kind::provider, name, provider_entry(name));
  }));
  ACLOUD_CO_CHECK(co_await in_force(context));
  co_return deleted;
}

Task<Result<DeletedEntry>> RouteService::delete_route(kernel::Context& context, ByName request) {
  ACLOUD_CO_TRY(DeletedEntry deleted, co_await context.commit([file = view()->file,
                                                               name = request.name](store::Transaction& tx) {
    return delete_entry(tx, file, &Routing::models, entries::Kind::model, name, model_entry(name));
  }));
  ACLOUD_CO_CHECK(co_await in_force(context));
  co_return deleted;
}

}  // namespace acloud::model
