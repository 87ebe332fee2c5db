// model.generate: what is asked for becomes a task, or is refused.
#include "base/encoding.h"
#include "model/generation/generations.h"

namespace acloud::model::generation {
namespace {

constexpr std::size_t kGoalMost = 1000;

const Target* first_that_makes(const Model& model) {
  const auto found = std::ranges::find_if(model.targets, [](const Target& target) {
    return target.weight > 0 && dialect_of(target.provider->config.dialect) != nullptr;
  });
  return found == model.targets.end() ? nullptr : &*found;
}

bool is_task(std::string_view principal) { return principal.starts_with("task_"); }

}  // namespace

Task<Result<Generation>> Generations::generate(kernel::Context& context, Generate request) {
  const auto table = parts_.routes();
  const Model* model = table->find(request.model);
  if (model == nullptr)
    co_return fail(ErrorCode::not_found, "there is no model \"{}\"; model.list names them", request.model);
  const Target* target = first_that_makes(*model);
  if (target == nullptr) {
    co_return fail(ErrorCode::invalid_argument,
                   "model {} makes neither video nor images; it answers model.chat or model.embed",
                   request.model);
  }
  const Makes makes = model->config.makes;
  ACLOUD_CO_CHECK(check(request, makes));
  ACLOUD_CO_TRY(request, co_await parts_.guard(context, std::move(request)));
  // What the provider has no words for is refused now.
  const Wish wish{.request = request, .model = target->model, .makes = makes};
  ACLOUD_CO_CHECK(dialect_of(target->provider->config.dialect)->make(wish));
  // As it will be read again: what guardrails put in may have made it longer.
  const std::string kept = encode(request);
  if (kept.size() > kRequestMost)
    co_return fail(ErrorCode::too_large, "a request may have {} bytes; give pictures as addresses",
                   kRequestMost);
  ACLOUD_CO_TRY(const Json again, parse_json(kept));
  ACLOUD_CO_CHECK(decode<Generate>(again));
  if (request.into) {
    ACLOUD_CO_CHECK(co_await parts_.store->may_put(
        context.caller,
        {.bucket = request.into->bucket, .key = request.into->prefix + "x", .content_type = "video/mp4"}));
  }
  // Counts towards the rate limits. What it can cost is held by a reservation, since this call ends at once.
  ACLOUD_CO_CHECK(
      co_await context.hold({.model = request.model, .input = 0, .max_output = 0, .deferred = true}));

  const auto sheet = parts_.ledger.prices().find(request.model);
  const ledger::Media most = most_of(request, makes);
  const ledger::Money amount = sheet ? sheet->cost(most, resolution_of(request)) : ledger::Money();
  Tasks::Wanted wanted{.goal = to_valid_utf8(std::string_view(request.prompt).substr(0, kGoalMost)),
                       .budget = {},
                       .deadline = request.deadline};
  if (is_task(context.caller.principal)) wanted.budget = amount.text();
  const Tasks::Prepared task = parts_.tasks->prepare(context, std::move(wanted));
  const ledger::Reservation reservation{
      .id = task.id,
      .request_id = context.request_id(),
      .workspace = context.workspace(),
      .key = context.caller.key,
      .principal = task.id,
      .operation = "model.generate",
      .model = request.model,
      .amount = amount,
      .sheet = sheet ? std::optional<ledger::PriceSheet>(*sheet) : std::nullopt};
  const Row row{.task = task.id,
                .workspace = context.workspace(),
                .record = {.request = std::move(request), .makes = makes}};
  ACLOUD_CO_CHECK(co_await parts_.ledger.know(reservation.payer()));
  // To its end, whatever becomes of the caller: whether money is held must be known.
  auto made = co_await context
                  .commit([task, row, reservation, &held = parts_.ledger.reservations()](
                              store::Transaction& tx) -> Result<Generation> {
                    ACLOUD_TRY(Generation generation, task.make(tx));
                    ACLOUD_CHECK(held.reserve_in(tx, reservation));
                    ACLOUD_CHECK(rows::add(tx, row));
                    generation.model = row.record.request.model;
                    return generation;
                  })
                  .shielded();
  if (made) {
    if (const auto durable = co_await context.durable().shielded(); !durable)
      made = std::unexpected(durable.error());
  }
  if (!made) {
    parts_.ledger.reservations().unreserved(task.id);
    co_return std::unexpected(std::move(made).error());
  }
  parts_.tasks->begin();
  co_return made;
}

Result<> Generations::forget_workspace(store::Transaction& transaction, const std::string& workspace) {
  ACLOUD_CHECK(rows::forget_workspace(transaction, workspace));
  return ledger::Reservations::forget_workspace(transaction, workspace);
}

Result<> Generations::task_ended_in(store::Transaction& transaction, const std::string& task) {
  ACLOUD_TRY(const bool was_open, rows::end(transaction, task));
  if (!was_open) return {};
  ACLOUD_CHECK(parts_.ledger.reservations().settle_in(transaction, task, "lost", std::nullopt));
  return {};
}

}  // namespace acloud::model::generation
