#include "batch/run.h"

#include "base/encoding.h"
#include "batch/answers.h"

namespace acloud::batch {
namespace {

constexpr std::size_t kFaultsMost = 100;
constexpr std::size_t kGiveUpAtOnce = 500;  // lines in one transaction
constexpr std::int64_t kCleanAtOnce = 500;
constexpr std::size_t kIdBytes = 16;  // of a digest that stands for a custom_id

Fault fault_of(const Error& error, std::int64_t line) {
  return {error.details().value("code", std::string(traits(error.code()).name)), error.message(), line};
}

}  // namespace

bool is_passing(const Error& error) {
  return error.code() == ErrorCode::cancelled || error.code() == ErrorCode::unavailable;
}

void Run::stop() {
  stopping_ = true;
  (void)bell_.try_send(true);
}

void Run::cut_off() {
  if (lines_) lines_->cancel();
}

Task<Result<>> Run::go() {
  const State& state = batch_.shown.state;
  if (state == State::validating) ACLOUD_CO_CHECK(co_await check_input());
  if (state == State::in_progress) ACLOUD_CO_CHECK(co_await ask_all());
  if (!is_end(state)) ACLOUD_CO_CHECK(co_await finish());
  co_return co_await clean_up();
}

// Writes what has changed. Where the batch was cancelled meanwhile, that stands.
Task<Result<>> Run::save() {
  const auto saved = co_await parts_.database.write_durably(
      [batch = batch_](store::Transaction& tx) { return rows::update_batch(tx, batch); });
  if (!saved && saved.error().code() == ErrorCode::conflict) co_return co_await reload();
  co_return saved;
}

Task<Result<>> Run::reload() {
  ACLOUD_CO_TRY(batch_, co_await parts_.database.read([workspace = batch_.owner.workspace,
                                                       id = batch_.shown.id](store::Reader& reader) {
    return rows::find_batch(reader, workspace, id);
  }));
  co_return Result<>();
}

Task<Result<LineReader>> Run::open_input() {
  ACLOUD_CO_TRY(const StoredFile file,
                co_await parts_.database.read([workspace = batch_.owner.workspace,
                                               id = batch_.shown.input_file](store::Reader& reader) {
                  return rows::find_file(reader, workspace, id);
                }));
  ACLOUD_CO_TRY(auto stream, co_await parts_.blobs.get(file.blob));
  co_return LineReader(net::Body(std::move(stream)));
}

void Run::fail_unread(const Error& error) {
  batch_.shown.errors.push_back({"unreadable_file", error.message(), std::nullopt});
  batch_.ends_as = State::failed;
}

Task<Result<std::vector<Fault>>> Run::faults_of_input() {
  std::int64_t& total = batch_.shown.counts.total;
  total = 0;
  std::vector<Fault> faults;
  std::set<std::string> ids;
  ACLOUD_CO_TRY(LineReader input, co_await open_input());
  while (faults.size() < kFaultsMost) {
    auto line = co_await input.next();
    if (!line && line.error().code() == ErrorCode::too_large) {
      faults.push_back({"line_too_large", line.error().message(), std::nullopt});
      break;
    }
    if (!line) co_return std::unexpected(std::move(line).error());
    if (!*line) break;
    if (++total > kLinesMost) {
      faults.push_back(
          {"too_many_lines", fmt::format("a batch has {} lines at most", kLinesMost), std::nullopt});
      break;
    }
    const std::int64_t number = (*line)->number;
    const auto request = parse_line((*line)->text, batch_.shown.endpoint);
    if (!request) {
      faults.push_back(fault_of(request.error(), number));
    } else if (!ids.insert(sha256(request->custom_id).substr(0, kIdBytes)).second) {
      faults.push_back({"duplicate_custom_id", "custom_id: another line has the same", number});
    }
    if (stopping_) co_return async::cancelled();
  }
  if (total == 0 && faults.empty())
    faults.push_back({"empty_file", "the input file has no line", std::nullopt});
  co_return faults;
}

Task<Result<>> Run::check_input() {
  Batch& batch = batch_.shown;
  auto faults = co_await faults_of_input();
  if (!faults && is_passing(faults.error())) co_return std::unexpected(std::move(faults).error());
  if (faults) {
    batch.errors = *std::move(faults);
  } else {
    fail_unread(faults.error());
  }
  if (batch.errors.empty()) {
    batch.state = State::in_progress;
    batch.started = parts_.clock.now();
  } else {
    batch.state = State::failed;
    batch.ended = parts_.clock.now();
  }
  co_return co_await save();
}

// Lines that were not asked get their line in the error file; what is kept of the others stays.
Task<Result<>> Run::give_up_rest() {
  ACLOUD_CO_TRY(LineReader input, co_await open_input());
  std::vector<LineResult> given_up;
  for (;;) {
    ACLOUD_CO_TRY(const auto line, co_await input.next());
    if (line) {
      const auto request = parse_line(line->text, batch_.shown.endpoint);
      given_up.push_back({line->number, false,
                          unanswered(batch_.shown.id, line->number, request ? request->custom_id : "",
                                     "batch_expired", "this line was not asked before the batch expired")});
    }
    if (given_up.size() >= kGiveUpAtOnce || (!line && !given_up.empty()))
      ACLOUD_CO_CHECK(co_await keep(std::exchange(given_up, {})));
    if (!line) co_return Result<>();
  }
}

Task<Result<std::optional<StoredFile>>> Run::write_file(bool ok) {
  const Batch& batch = batch_.shown;
  if ((ok ? batch.counts.completed : batch.counts.failed) == 0) co_return std::nullopt;
  net::Body body(std::make_unique<ResultStream>(parts_.database, batch.id, ok));
  ACLOUD_CO_TRY(const store::BlobInfo blob, co_await parts_.blobs.put(body, UINT64_MAX));
  const Time now = parts_.clock.now();
  const auto& kept = batch_.output_expires_after;
  co_return StoredFile{.shown = {.id = rows::new_id("file", now, parts_.random.hex(6)),
                                 .filename = fmt::format("{}_{}.jsonl", batch.id, ok ? "output" : "error"),
                                 .purpose = std::string(kOutputPurpose),
                                 .size = static_cast<std::int64_t>(blob.size),
                                 .created = now,
                                 .expires = kept ? std::optional(now + *kept) : std::nullopt},
                       .workspace = batch_.owner.workspace,
                       .place = parts_.place,
                       .blob = blob.digest};
}

// The files, their rows and the batch's end come into being together.
Task<Result<>> Run::finish() {
  if (batch_.ends_as == State::expired) {
    const auto given_up = co_await give_up_rest();
    if (!given_up && is_passing(given_up.error())) co_return given_up;
    if (!given_up) fail_unread(given_up.error());
  }
  Batch& batch = batch_.shown;
  if (batch.state == State::in_progress) {
    batch.state = State::finalizing;
    batch.finalizing = parts_.clock.now();
    ACLOUD_CO_CHECK(co_await save());
  }
  ACLOUD_CO_CHECK(co_await reload());
  ACLOUD_CO_TRY(const auto output, co_await write_file(true));
  ACLOUD_CO_TRY(const auto errors, co_await write_file(false));
  batch.state =
      batch.state == State::cancelling ? State::cancelled : batch_.ends_as.value_or(State::completed);
  batch.ended = parts_.clock.now();
  if (output) batch.output_file = output->shown.id;
  if (errors) batch.error_file = errors->shown.id;
  co_return co_await parts_.database.write_durably(
      [batch = batch_, output, errors](store::Transaction& tx) -> Result<> {
        ACLOUD_CHECK(rows::update_batch(tx, batch));
        if (output) ACLOUD_CHECK(rows::add_file(tx, *output));
        if (errors) ACLOUD_CHECK(rows::add_file(tx, *errors));
        return {};
      });
}

Task<Result<>> Run::clean_up() {
  std::int64_t removed = kCleanAtOnce;
  while (removed == kCleanAtOnce) {
    ACLOUD_CO_TRY(removed,
                  co_await parts_.database.write_durably([id = batch_.shown.id](store::Transaction& tx) {
                    return rows::remove_results(tx, id, kCleanAtOnce);
                  }));
  }
  co_return co_await parts_.database.write_durably(
      [id = batch_.shown.id](store::Transaction& tx) { return rows::close_batch(tx, id); });
}

}  // namespace acloud::batch
