#include "model/hedge.h"

#include "async/channel.h"
#include "async/task_scope.h"

namespace acloud::model {
namespace {

Task<> contend(Task<Result<>> task, std::size_t number, Raced& raced, async::Channel<std::size_t>& finished) {
  raced.results[number] = co_await std::move(task);
  finished.try_send(number);
}

}  // namespace

Task<Raced> race(Task<Result<>> first, Duration delay, std::function<Task<Result<>>()> second) {
  Raced raced;
  async::Channel<std::size_t> finished(2);
  std::array<async::TaskScope, 2> scopes;
  scopes[0].spawn(contend(std::move(first), 0, raced, finished));
  auto done = co_await async::with_deadline(async::Deadline::after(delay), "the first", finished.receive());
  if (!done && done.error().code() == ErrorCode::deadline_exceeded) {
    scopes[1].spawn(contend(second(), 1, raced, finished));
    done = co_await finished.receive();
    if (done && !*raced.results[**done]) done = co_await finished.receive();
  }
  for (async::TaskScope& scope : scopes) {
    scope.cancel();
    co_await scope.join();
  }
  if (done && *raced.results[**done]) raced.winner = **done;
  co_return raced;
}

}  // namespace acloud::model
