#include "task/errand.h"

namespace acloud::task {
namespace {

Result<ErrandState> state_of(const Outcome& outcome) {
  ACLOUD_TRY(const Json json, parse_json(outcome.json));
  return decode<ErrandState>(json);
}

OrderedJson ordered(const Json& json) {
  return json.is_null() ? OrderedJson() : OrderedJson::parse(json.dump());
}

}  // namespace

void ErrandCourse::plan(StepKind kind, std::string_view what, std::string input) {
  batch_ = {Step{.number = next_number_++,
                 .kind = kind,
                 .name = kind_ + std::string(what),
                 .input = std::move(input),
                 .ref = {},
                 .as_owner = true,
                 // One that was stopped is seen to its end.
                 .cut = !stopped_}};
}

const std::vector<Step>& ErrandCourse::next() {
  if (!begun_) {
    begun_ = true;
    plan(StepKind::call, kLook, "{}");
  }
  return batch_;
}

bool ErrandCourse::take(std::int64_t number, const Outcome& outcome) {
  next();
  if (batch_.empty() || batch_.front().number != number) return false;
  const bool waited = batch_.front().kind == StepKind::sleep;
  batch_.clear();
  if (waited) {
    plan(StepKind::call, kLook, "{}");
  } else {
    take_state(outcome);
  }
  return true;
}

void ErrandCourse::take_state(const Outcome& outcome) {
  const auto state = outcome.ok ? state_of(outcome) : std::unexpected(Error(ErrorCode::internal, ""));
  if (!state) {
    // It can't be looked after. When its task has ended, it is given up by those who do it.
    const Ending failed{.state = State::failed,
                        .result = {},
                        .error = outcome.ok ? TaskFailure{"internal", "what came of a step can't be read"}
                                            : failure_of(outcome)};
    if (stopped_) return;
    return stop(failed);
  }
  if (!state->ended) {
    const std::chrono::duration<double> wait(state->wait);
    return plan(StepKind::sleep, kWait, fmt::format(R"({{"seconds":{}}})", wait.count()));
  }
  ending_.result = ordered(state->result);
  if (stopped_) return;
  ending_.state = state->error ? State::failed : State::succeeded;
  ending_.error = state->error;
}

void ErrandCourse::stop(Ending ending) {
  begun_ = stopped_ = true;
  ending_ = std::move(ending);
  plan(StepKind::call, kStop, "{}");
}

void ErrandCourse::interrupt(std::string_view why) {
  next();
  ++next_number_;
  if (can_be_interrupted()) stop(interrupted(why));
}

void ErrandCourse::outgrow(std::span<const Entry> rest, std::int64_t number) {
  next();
  next_number_ = number + 1;
  stop(outgrown(rest));
}

Task<Result<std::string>> ErrandPerformer::perform(Step step) {
  const auto dot = step.name.rfind('.');
  const auto kind = errands_.kinds.find(std::string_view(step.name).substr(0, dot));
  if (kind == errands_.kinds.end())
    co_return fail(ErrorCode::internal, "nothing does {} in this acloud", step.name);
  const bool stops = step.name.ends_with(ErrandCourse::kStop);
  const kernel::Caller owner{.workspace = task_.owner.workspace,
                             .principal = task_.id,
                             .key = task_.owner.key,
                             .grants = task_.owner.grants,
                             .is_operator = false};
  ACLOUD_CO_TRY(const ErrandState state,
                co_await (stops ? kind->second.stop : kind->second.look)(task_.id, owner));
  co_return encode(state);
}

}  // namespace acloud::task
