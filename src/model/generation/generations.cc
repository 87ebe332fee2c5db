#include "model/generation/generations.h"

#include "base/log.h"
#include "model/policy.h"

namespace acloud::model::generation {
namespace {

constexpr std::chrono::milliseconds kLongestPause{30'000};
constexpr std::chrono::milliseconds kFirstRetry{500};
constexpr std::int64_t kUnknownMost = 5;  // looks in a row at which a provider knows nothing of it
constexpr int kNoteTries = 5;             // of writing down what the provider has begun
constexpr std::chrono::milliseconds kNotePause{200};

const Provider* provider_named(const RouteTable& table, std::string_view name) {
  for (const auto& each : table.providers()) {
    if (each->config.name == name) return each.get();
  }
  return nullptr;
}

std::chrono::milliseconds retry_pause(const Row& row, const Error& error) {
  const auto doubled = kFirstRetry * (std::int64_t{1} << std::min<std::int64_t>(row.record.tries, 6));
  return std::min(kLongestPause, std::max(error.retry_after().value_or(doubled), kFirstRetry));
}

Failure failure_from(const Error& error) {
  return {.code = std::string(traits(error.code()).name), .message = error.message()};
}

Standing ended(const Record& record) {
  return {.ended = true, .progress = {}, .result = result_of(record), .failure = record.failure};
}

Standing waits(const Row& row, std::chrono::milliseconds time, Json progress = Json::object()) {
  progress["state"] = std::string(schema::Codec<State>::name(row.state));
  if (!row.record.provider.empty()) progress["provider"] = row.record.provider;
  return {.wait = time, .progress = std::move(progress), .result = {}};
}

std::string extension_of(std::string_view content_type, Makes makes) {
  for (const auto& [type, extension] :
       std::array<std::pair<std::string_view, std::string_view>, 6>{{{"video/mp4", "mp4"},
                                                                     {"video/webm", "webm"},
                                                                     {"image/png", "png"},
                                                                     {"image/jpeg", "jpg"},
                                                                     {"image/webp", "webp"},
                                                                     {"image/gif", "gif"}}}) {
    if (content_type.starts_with(type)) return std::string(extension);
  }
  return makes == Makes::video ? "mp4" : "png";
}

}  // namespace

Task<Result<std::optional<Row>>> Generations::find(std::string task) {
  co_return co_await parts_.database.read(
      [task = std::move(task)](store::Reader& reader) { return rows::find(reader, task); });
}

// On disk when it returns. False: another server has gone on with it.
Task<Result<bool>> Generations::change(State from, Row row) {
  co_return co_await parts_.database
      .write_durably(
          [from, row = std::move(row)](store::Transaction& tx) { return rows::change(tx, from, row); })
      .shielded();
}

// The change, and what it came to, in one transaction.
Task<Result<bool>> Generations::settle(State from, Row row, std::optional<ledger::Usage> usage) {
  co_return co_await parts_.database
      .write_durably([from, row = std::move(row), usage = std::move(usage),
                      &held = parts_.ledger.reservations()](store::Transaction& tx) mutable -> Result<bool> {
        ACLOUD_TRY(const bool still, rows::change(tx, from, row));
        if (!still) return false;
        const std::string outcome = row.record.failure ? row.record.failure->code : "ok";
        ACLOUD_TRY(const auto cost, held.settle_in(tx, row.task, outcome, usage));
        row.record.cost = cost.value_or(ledger::Money()).text();
        return rows::change(tx, row.state, row);
      })
      .shielded();
}

// Somebody else has changed it meanwhile: it is looked at again soon.
Task<Result<Standing>> Generations::again(std::string task) {
  ACLOUD_CO_TRY(const auto row, co_await find(std::move(task)));
  if (!row) co_return Standing{.ended = true, .failure = Failure{"not_found", "the generation is gone"}};
  if (row->state == State::ended) co_return ended(row->record);
  co_return waits(*row, kFirstRetry);
}

Task<Result<Standing>> Generations::fail_it(State from, Row row, Failure failure) {
  row.state = State::ended;
  row.record.failure = std::move(failure);
  ACLOUD_CO_CHECK(co_await settle(from, row, std::nullopt));
  co_return co_await again(row.task);
}

Task<Result<Standing>> Generations::look(std::string task, kernel::Caller owner) {
  ACLOUD_CO_TRY(auto found, co_await find(task));
  if (!found) co_return Standing{.ended = true, .failure = Failure{"not_found", "the generation is gone"}};
  Row& row = *found;
  switch (row.state) {
    case State::queued:
      if (row.record.stopped)
        co_return co_await fail_it(State::queued, std::move(row), {"cancelled", "it was stopped"});
      co_return co_await begin(std::move(row));
    case State::asking:
      log::warn("a provider may have begun what nobody will fetch",
                {{"task", row.task}, {"provider", row.record.provider}});
      co_return co_await fail_it(
          State::asking, row,
          {"unavailable",
           fmt::format("it is not known whether provider {} has begun: its reply was lost. It is "
                       "not asked again, and nothing is charged; make the call again",
                       row.record.provider)});
    case State::running:
      co_return co_await poll(std::move(row));
    case State::made:
      co_return co_await fetch_all(std::move(row), owner);
    case State::ended:
      break;
  }
  co_return ended(row.record);
}

Task<Result<Standing>> Generations::stop(std::string task, kernel::Caller owner) {
  for (;;) {
    ACLOUD_CO_TRY(auto row, co_await find(task));
    if (!row || row->state == State::ended || row->record.stopped) break;
    row->record.stopped = true;
    ACLOUD_CO_TRY(const bool kept, co_await change(row->state, *row));
    if (!kept) continue;
    if (row->state != State::running) break;
    // Where it can't be cancelled, it is seen to its end.
    if (const auto told = co_await cancel_upstream(*row); !told)
      log::info("a generation goes on", {{"task", task}, {"error", told.error().message()}});
    break;
  }
  co_return co_await look(std::move(task), std::move(owner));
}

Task<Result<>> Generations::cancel_upstream(const Row& row) {
  const auto table = parts_.routes();
  const Provider* provider = provider_named(*table, row.record.provider);
  const auto* dialect = provider == nullptr ? nullptr : dialect_of(provider->config.dialect);
  if (dialect == nullptr || !row.record.begun)
    co_return fail(ErrorCode::not_found, "there is no provider {} any more", row.record.provider);
  const auto told = co_await ask(parts_.upstreams, *provider, dialect->cancel(row.record.begun->id));
  if (!told) co_return std::unexpected(told.error());
  co_return Result<>();
}

// --- Asked for. ---

Task<Result<Standing>> Generations::begin(Row row) {
  const auto table = parts_.routes();
  const Model* model = table->find(row.record.request.model);
  std::vector<Candidate> candidates;
  const Instant now = async::EventLoop::current()->now();
  for (std::size_t i = 0; model != nullptr && i < model->targets.size(); ++i) {
    const Target& target = model->targets[i];
    const auto view = target.state->view(now);
    const bool makes = dialect_of(target.provider->config.dialect) != nullptr;
    candidates.push_back({.weight = target.weight,
                          .available = makes && view.allowed && !view.paused,
                          .outstanding = view.outstanding,
                          .price = target.price,
                          .identity = target.identity});
  }
  const Strategy strategy = model == nullptr ? Strategy::weighted : model->config.strategy;
  const auto ranked = order(candidates, strategy, std::nullopt, parts_.random);
  if (ranked.empty())
    co_return waits(row, kLongestPause / 10, {{"trouble", "none of the model's providers is well"}});
  const Target& target = model->targets[ranked.front()];
  if (!target.state->begin(now)) co_return waits(row, kFirstRetry);
  co_return co_await submit(std::move(row), *target.provider, target).shielded();
}

// From the note that the provider is asked to the note of what it said.
Task<Result<Standing>> Generations::submit(Row row, const Provider& provider, const Target& target) {
  row.state = State::asking;
  row.record.provider = provider.config.name;
  row.record.upstream_model = target.model;
  row.record.asked = parts_.clock.now();
  const Wish wish{.request = row.record.request, .model = target.model, .makes = row.record.makes};
  const GenerationDialect& dialect = *dialect_of(provider.config.dialect);
  Result<Ask> what = dialect.make(wish);
  const auto noted = what ? co_await change(State::queued, row) : Result<bool>(std::unexpected(what.error()));
  if (!noted || !*noted) {
    target.state->abandoned();
    if (!what) co_return co_await fail_it(State::queued, std::move(row), failure_from(what.error()));
    if (!noted) co_return std::unexpected(noted.error());
    co_return co_await again(row.task);
  }
  auto reply = co_await ask(parts_.upstreams, provider, *std::move(what));
  const Instant now = async::EventLoop::current()->now();
  if (!reply && reply.error().code() == ErrorCode::rate_limited) {
    target.state->pause(now + reply.error().retry_after().value_or(kFirstRetry));
  } else if (!reply && (!is_refusal(reply.error()) || may_pass(reply.error()))) {
    target.state->failed(now);
  } else {
    target.state->succeeded({});
  }
  if (!reply && is_refusal(reply.error())) co_return co_await refused(std::move(row), reply.error());
  auto begun = reply ? dialect.begun(*reply) : std::unexpected(reply.error());
  if (!begun) {
    log::warn("what a provider says to a request for a generation can't be read",
              {{"task", row.task}, {"provider", provider.config.name}, {"error", begun.error().message()}});
    co_return co_await look(row.task, {});
  }
  row.state = State::running;
  row.record.begun = *std::move(begun);
  row.record.tries = 0;
  Result<bool> kept = false;
  for (int tries = 0; tries < kNoteTries; ++tries) {
    kept = co_await change(State::asking, row);
    if (kept) break;
    (void)co_await async::sleep_for(kNotePause);
  }
  if (!kept) co_return std::unexpected(kept.error());
  if (*kept) co_return waits(row, provider.config.poll_time);
  // Another server took this one for dead, and has given the generation up.
  (void)co_await cancel_upstream(row);
  co_return co_await again(row.task);
}

// It was said no to, so it can be asked again.
Task<Result<Standing>> Generations::refused(Row row, Error error) {
  if (!may_pass(error)) co_return co_await fail_it(State::asking, std::move(row), failure_from(error));
  const auto pause = retry_pause(row, error);
  row.state = State::queued;
  ++row.record.tries;
  ACLOUD_CO_TRY(const bool kept, co_await change(State::asking, row));
  if (!kept) co_return co_await again(row.task);
  co_return waits(row, pause, {{"trouble", error.message()}});
}

// --- Being made. ---

// Seldom where it takes long: an eighth of the time that it has taken.
std::chrono::milliseconds Generations::pause_of(const Row& row, const ProviderConfig& provider) const {
  const auto taken = std::chrono::floor<std::chrono::milliseconds>(
      parts_.clock.now() - row.record.asked.value_or(parts_.clock.now()));
  return std::clamp(taken / 8, provider.poll_time, std::max(kLongestPause, provider.poll_time));
}

Task<Result<Standing>> Generations::poll(Row row) {
  const auto table = parts_.routes();
  const Provider* provider = provider_named(*table, row.record.provider);
  const auto* dialect = provider == nullptr ? nullptr : dialect_of(provider->config.dialect);
  if (dialect == nullptr) {
    std::string trouble = fmt::format("there is no provider {} any more", row.record.provider);
    co_return co_await lost_sight(std::move(row), std::move(trouble), false);
  }
  const auto reply = co_await ask(parts_.upstreams, *provider, dialect->look(row.record.begun->id));
  if (!reply && reply.error().code() == ErrorCode::cancelled) co_return std::unexpected(reply.error());
  if (!reply) {
    const bool unknown = reply.error().code() == ErrorCode::not_found;
    co_return co_await lost_sight(std::move(row), reply.error().message(), unknown);
  }
  Seen seen = dialect->seen(*reply);
  if (seen.stage == Stage::unknown)
    co_return co_await lost_sight(std::move(row), "it is not known there", true);
  if (seen.stage == Stage::succeeded) co_return co_await take_made(std::move(row), std::move(seen));
  if (seen.stage == Stage::failed) {
    const std::string why = to_text(Json(seen.error.substr(0, 1000)));
    co_return co_await fail_it(
        State::running, row,
        {"unavailable", fmt::format("provider {} could not make it: {}", row.record.provider, why)});
  }
  if (row.record.tries > 0) {
    row.record.tries = 0;
    ACLOUD_CO_CHECK(co_await change(State::running, row));
  }
  if (parts_.clock.now() - *row.record.asked > kGivenUpAfter)
    co_return co_await lost_sight(std::move(row), "it does not end", false);
  Json progress = Json::object();
  if (seen.percent) progress["percent"] = *seen.percent;
  progress["stage"] = seen.stage == Stage::waiting ? "waiting" : "running";
  co_return waits(row, pause_of(row, provider->config), std::move(progress));
}

// Nothing is known of it just now; or any more.
Task<Result<Standing>> Generations::lost_sight(Row row, std::string trouble, bool unknown) {
  const auto table = parts_.routes();
  const Provider* provider = provider_named(*table, row.record.provider);
  if (unknown && ++row.record.tries < kUnknownMost) ACLOUD_CO_CHECK(co_await change(State::running, row));
  const bool late = parts_.clock.now() - *row.record.asked > kGivenUpAfter;
  if (late || row.record.tries >= kUnknownMost) {
    log::warn("a generation is lost", {{"task", row.task},
                                       {"provider", row.record.provider},
                                       {"generation", row.record.begun->id},
                                       {"error", trouble}});
    co_return co_await fail_it(
        State::running, row,
        {"unavailable", fmt::format("provider {} has lost it: {}", row.record.provider, trouble)});
  }
  const auto pause = provider == nullptr ? kLongestPause : pause_of(row, provider->config);
  co_return waits(row, pause, {{"trouble", std::move(trouble)}});
}

Task<Result<Standing>> Generations::take_made(Row row, Seen seen) {
  Record& record = row.record;
  std::optional<ledger::Media> media = seen.media ? seen.media : record.begun->media;
  const bool estimated = !media.has_value();
  if (estimated) {
    media = most_of(record.request, record.makes);
    if (record.makes == Makes::image) media->images = std::ssize(seen.urls);
  }
  for (const std::string& resolution :
       {seen.resolution, record.begun->resolution, resolution_of(record.request)}) {
    if (record.resolution.empty()) record.resolution = resolution;
  }
  record.media = media;
  for (std::string& url : seen.urls) record.items.push_back({.url = std::move(url)});
  record.tries = 0;
  if (record.items.empty())
    record.failure = Failure{"unavailable", "the provider gave no address of a result"};
  row.state = record.request.into && !record.stopped && !record.failure ? State::made : State::ended;
  ACLOUD_CO_CHECK(co_await settle(State::running, row,
                                  ledger::Usage{.provider = record.provider,
                                                .estimated = estimated,
                                                .media = media,
                                                .resolution = record.resolution}));
  ACLOUD_CO_TRY(const auto now, co_await find(row.task));
  if (!now || now->state == State::ended) co_return co_await again(row.task);
  co_return waits(*now, std::chrono::milliseconds(0));
}

// --- Made. ---

Task<Result<>> Generations::fetch_one(const Row& row, ResultItem& item, std::size_t index,
                                      const Provider& provider, const kernel::Caller& owner) {
  const Into& into = *row.record.request.into;
  ACLOUD_CO_TRY(Fetched file, co_await fetch(parts_.upstreams, provider, item.url));
  const bool known = file.content_type.starts_with("video/") || file.content_type.starts_with("image/");
  item.content_type = known                              ? file.content_type
                      : row.record.makes == Makes::video ? "video/mp4"
                                                         : "image/png";
  item.key = fmt::format("{}{}-{}.{}", into.prefix, row.task, index + 1,
                         extension_of(item.content_type, row.record.makes));
  ACLOUD_CO_TRY(item.size,
                co_await parts_.store->put(
                    owner, {.bucket = into.bucket, .key = item.key, .content_type = item.content_type},
                    std::move(file.body)));
  item.bucket = into.bucket;
  co_return Result<>();
}

Task<Result<Standing>> Generations::fetch_all(Row row, const kernel::Caller& owner) {
  const auto table = parts_.routes();
  const Provider* provider = provider_named(*table, row.record.provider);
  Result<> fetched;
  if (provider == nullptr)
    fetched = fail(ErrorCode::unavailable, "there is no provider {}", row.record.provider);
  for (std::size_t i = 0; fetched && !row.record.stopped && i < row.record.items.size(); ++i) {
    ResultItem& item = row.record.items[i];
    if (item.bucket.empty()) {
      fetched = co_await async::with_deadline(by_total_time(*provider), "fetching a result",
                                              fetch_one(row, item, i, *provider, owner));
    }
  }
  if (!fetched && fetched.error().code() == ErrorCode::cancelled) co_return std::unexpected(fetched.error());
  if (!fetched && may_pass(fetched.error())) {
    const auto pause = retry_pause(row, fetched.error());
    ++row.record.tries;
    ACLOUD_CO_CHECK(co_await change(State::made, row));
    co_return waits(row, pause, {{"trouble", fetched.error().message()}});
  }
  // It was made, and is paid for: the provider's address of it is told all the same.
  if (!fetched) row.record.failure = failure_from(fetched.error());
  row.state = State::ended;
  ACLOUD_CO_CHECK(co_await change(State::made, row));
  co_return co_await again(row.task);
}

}  // namespace acloud::model::generation
