#include "batch/answers.h"
#include "batch/run.h"

namespace acloud::batch {
namespace {

constexpr std::chrono::seconds kLookEvery{1};
constexpr std::chrono::seconds kFirstWait{1};
constexpr std::chrono::seconds kLongestWait{30};
constexpr std::size_t kBytesMost = 8 << 20;  // of lines under way, beyond which none is begun
constexpr int kTries = 5;                    // of a line that no provider answers

struct Kind {
  std::string_view operation;
  std::string_view form;
};

Kind kind_of(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::responses:
      return {"model.chat", "openai.responses"};
    case Endpoint::embeddings:
      return {"model.embed", "openai.embeddings"};
    default:
      return {"model.chat", "openai.chat_completions"};
  }
}

}  // namespace

Task<Result<>> Run::ask_all() {
  ACLOUD_CO_TRY(done_, co_await parts_.database.read([id = batch_.shown.id](store::Reader& reader) {
    return rows::lines_done(reader, id);
  }));
  auto input = co_await open_input();
  if (!input && is_passing(input.error())) co_return std::unexpected(std::move(input).error());
  if (!input) {
    fail_unread(input.error());
    co_return Result<>();
  }
  input_ = std::make_unique<LineReader>(*std::move(input));
  limit_ = parts_.lines_at_once;
  lines_ = std::make_unique<async::TaskScope>();
  const Result<> fed = co_await feed();
  co_await lines_->join();
  lines_.reset();
  input_.reset();
  again_.clear();
  ACLOUD_CO_CHECK(fed);
  if (trouble_) co_return std::unexpected(*trouble_);
  co_return Result<>();
}

// Begins lines until all are done, or no more may be.
Task<Result<>> Run::feed() {
  for (;;) {
    if (stopping_) co_return async::cancelled();
    if (trouble_) co_return Result<>();
    ACLOUD_CO_CHECK(co_await look());
    if (batch_.ends_as || batch_.shown.state != State::in_progress) co_return Result<>();
    std::optional<Pending> pending;
    if (may_begin()) {
      auto found = co_await next();
      if (!found && is_passing(found.error())) co_return std::unexpected(std::move(found).error());
      if (!found) {
        fail_unread(found.error());
        co_return Result<>();
      }
      pending = *std::move(found);
      if (!pending && under_way_ == 0) {
        batch_.ends_as = State::completed;
        continue;
      }
    }
    if (!pending) {
      ACLOUD_CO_CHECK(co_await rest());
      continue;
    }
    ++under_way_;
    bytes_ += pending->line.text.size();
    lines_->spawn(ask(*std::move(pending)));
  }
}

bool Run::may_begin() const {
  return under_way_ < limit_ && (under_way_ == 0 || bytes_ < kBytesMost) &&
         parts_.clock.instant() >= not_before_;
}

// New lines go before refused ones, so that one that never passes does not hold up the others; but only as
// many are kept as may be under way.
Task<Result<std::optional<Run::Pending>>> Run::next() {
  while (again_.size() < parts_.lines_at_once) {
    ACLOUD_CO_TRY(auto line, co_await input_->next());
    if (!line) break;
    if (!done_.contains(line->number)) co_return Pending{*std::move(line)};
  }
  if (again_.empty()) co_return std::nullopt;
  Pending front = std::move(again_.front());
  again_.pop_front();
  co_return front;
}

// Now and then: was it cancelled, is its time over, does its maker's key still work?
Task<Result<>> Run::look() {
  const Instant now = parts_.clock.instant();
  if (refusal_.empty() && now < next_look_) co_return Result<>();
  next_look_ = now + kLookEvery;
  ACLOUD_CO_CHECK(co_await reload());
  if (batch_.shown.state != State::in_progress) co_return Result<>();
  if (refusal_.empty()) {
    ACLOUD_CO_TRY(const bool works, co_await parts_.key_works(batch_.owner.key));
    if (!works) refusal_ = "the key that made the batch was revoked";
  }
  if (!refusal_.empty()) {
    batch_.shown.errors.push_back({"key_revoked", refusal_, std::nullopt});
    batch_.ends_as = State::failed;
  } else if (parts_.clock.now() >= batch_.shown.expires) {
    batch_.ends_as = State::expired;
  }
  co_return Result<>();
}

// Until a line is done, a pause is over, or it is time to look.
Task<Result<>> Run::rest() {
  const Instant now = parts_.clock.instant();
  Duration longest = kLookEvery;
  if (not_before_ > now && under_way_ < limit_) longest = std::min(longest, not_before_ - now);
  const auto rung = co_await async::with_deadline(async::Deadline::after(longest), "a line", bell_.receive());
  if (!rung && rung.error().code() == ErrorCode::cancelled) co_return async::cancelled();
  co_return Result<>();
}

Task<> Run::ask(Pending pending) {
  const std::size_t bytes = pending.line.text.size();
  const std::string request_id = "req_" + parts_.random.hex(10);
  auto asked = co_await call(pending.line, request_id);
  Result<> kept;
  if (!asked && asked.error().code() == ErrorCode::unauthenticated) refusal_ = asked.error().message();
  const bool left = !asked && (asked.error().code() == ErrorCode::cancelled || !refusal_.empty() ||
                               postpone(pending, asked.error()));
  if (!left) {
    if (asked) {
      limit_ = std::min(limit_ * 2, parts_.lines_at_once);
      wait_ = {};
    } else {
      net::Response told = parts_.told(asked.error());
      asked = Asked{false, told.status, told.body.bytes(), request_id};
    }
    kept = co_await keep({result_of(pending.line, *asked)}).shielded();
  }
  if (!kept && !trouble_) trouble_ = kept.error();
  --under_way_;
  bytes_ -= bytes;
  (void)bell_.try_send(true);
}

// True where the line is to be asked again later.
bool Run::postpone(Pending& pending, const Error& error) {
  const bool limited = error.code() == ErrorCode::rate_limited || error.code() == ErrorCode::budget_exceeded;
  const bool nobody = error.code() == ErrorCode::unavailable || error.code() == ErrorCode::deadline_exceeded;
  if (!limited && !(nobody && ++pending.tries < kTries)) return false;
  const Instant now = parts_.clock.instant();
  if (now >= not_before_) wait_ = std::clamp<Duration>(wait_ * 2, kFirstWait, kLongestWait);
  not_before_ = std::max(
      not_before_, now + std::min<Duration>(error.retry_after().value_or(
                                                std::chrono::duration_cast<std::chrono::milliseconds>(wait_)),
                                            kLongestWait));
  limit_ = 1;
  again_.push_back(std::move(pending));
  return true;
}

Task<Result<Run::Asked>> Run::call(const Line& line, const std::string& request_id) {
  ACLOUD_CO_TRY(RequestLine request, parse_line(line.text, batch_.shown.endpoint));
  const Kind kind = kind_of(batch_.shown.endpoint);
  kernel::Payload payload;
  payload.form = kind.form;
  payload.batch = true;
  ACLOUD_CO_CHECK(payload.outline.feed(request.body));
  ACLOUD_CO_CHECK(payload.outline.finish());
  payload.body = net::ReplayBody(std::move(request.body));
  WholeReply whole;
  kernel::Call call{.request_id = request_id, .operation = std::string(kind.operation)};
  call.arguments["model"] = std::move(request.model);
  call.payload = &payload;
  call.stream = &whole;
  kernel::Gate gate;
  auto reply = co_await parts_.path.execute(batch_.owner, call, gate);
  // What the line cost is queued for the disk before what came of it.
  if (!reply) co_return std::unexpected(std::move(reply).error());
  std::string body = whole.take();
  if (reply->bytes) body += reply->bytes->bytes();
  co_return Asked{true, 200, std::move(body), request_id};
}

LineResult Run::result_of(const Line& line, const Asked& asked) const {
  const auto request = parse_line(line.text, batch_.shown.endpoint);
  return {line.number, asked.ok,
          answered(batch_.shown.id, line.number, request ? request->custom_id : "", asked.status,
                   asked.request_id, asked.body)};
}

Task<Result<>> Run::keep(std::vector<LineResult> results) {
  return parts_.database.write_durably(
      [id = batch_.shown.id, results = std::move(results)](store::Transaction& tx) {
        return rows::add_results(tx, id, results);
      });
}

}  // namespace acloud::batch
