#include "task/course.h"

#include "task/errand.h"
#include "task/script.h"

namespace acloud::task {

Ending interrupted(std::string_view why) {
  const auto failed = [](std::string code, std::string message) {
    return Ending{
        .state = State::failed, .result = {}, .error = TaskFailure{std::move(code), std::move(message)}};
  };
  if (why == "deadline")
    return failed("deadline_exceeded", "the task was not done by its deadline; deadline_s sets it");
  if (why == "revoked")
    return failed("unauthenticated", "the API key that the task was asked for with works no more");
  if (why == "moved") {
    return failed("unavailable",
                  "the server that held the task's sandboxes is gone; task.retry begins it anew");
  }
  return {.state = State::cancelled, .result = {}, .error = {}};
}

Ending outgrown(std::span<const Entry> rest) {
  const std::string where =
      rest.empty() ? "the task"
                   : fmt::format("step {}, {},", rest.front().step.number, rest.front().step.name);
  return {
      .state = State::failed,
      .result = {},
      .error = TaskFailure{"precondition_failed",
                           fmt::format("{} was done by another version of acloud, and is not what this one "
                                       "would do there; task.retry begins it anew",
                                       where)}};
}

std::unique_ptr<Course> course_of(Spec spec) {
  if (!spec.errand.empty()) return std::make_unique<ErrandCourse>(std::move(spec.errand));
  return std::make_unique<Script>(std::move(spec));
}

}  // namespace acloud::task
