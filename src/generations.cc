#include "generations.h"

namespace acloud {
namespace {

namespace generation = model::generation;

constexpr const char* kErrand = "generation";

class TasksOfGenerations final : public generation::Tasks {
 public:
  explicit TasksOfGenerations(const std::unique_ptr<task::TaskService>& tasks) : tasks_(tasks) {}

  Prepared prepare(kernel::Context& context, Wanted wanted) override {
    auto prepared = tasks_->prepare(context, {.kind = kErrand,
                                              .goal = std::move(wanted.goal),
                                              .budget = std::move(wanted.budget),
                                              .deadline = wanted.deadline});
    return {
        .id = std::move(prepared.id),
        .make = [make = std::move(prepared.make)](store::Transaction& tx) -> Result<generation::Generation> {
          ACLOUD_TRY(const task::TaskInfo info, make(tx));
          return generation::Generation{.id = info.id,
                                        .state = std::string(schema::Codec<task::State>::name(info.state)),
                                        .model = "",
                                        .created = info.created,
                                        .deadline = info.deadline};
        }};
  }
  void begin() override { tasks_->begin(); }

 private:
  const std::unique_ptr<task::TaskService>& tasks_;
};

// With the rights of who asked, as calls down the call path.
class ObjectStore final : public generation::Store {
 public:
  ObjectStore(const std::unique_ptr<kernel::CallPath>& path, Random& random) : path_(path), random_(random) {}

  Task<Result<>> may_put(const kernel::Caller& caller, Object object) override {
    kernel::Call call = call_for(object);
    call.arguments["content"] = "";
    call.dry_run = true;
    ACLOUD_CO_TRY(const kernel::Reply shown, co_await made(caller, call));
    co_return Result<>();
  }

  Task<Result<std::int64_t>> put(const kernel::Caller& caller, Object object, net::Body body) override {
    kernel::Call call = call_for(object);
    call.body = &body;
    ACLOUD_CO_TRY(const kernel::Reply reply, co_await made(caller, call));
    ACLOUD_CO_TRY(const Json info, parse_json(reply.json));
    co_return info.value("size", std::int64_t{0});
  }

 private:
  kernel::Call call_for(const Object& object) {
    kernel::Call call{.request_id = "req_" + random_.hex(10), .operation = "object.put"};
    call.arguments = {{"bucket", object.bucket}, {"key", object.key}, {"content_type", object.content_type}};
    return call;
  }
  Task<Result<kernel::Reply>> made(const kernel::Caller& caller, kernel::Call& call) {
    kernel::Gate gate;
    auto reply = co_await path_->execute(caller, call, gate);
    const auto durable = co_await gate.wait();
    if (reply && !durable) co_return std::unexpected(durable.error());
    co_return reply;
  }

  const std::unique_ptr<kernel::CallPath>& path_;
  Random& random_;
};

// The words of a request, without its pictures.
Task<Result<generation::Generate>> guarded(model::ModelService& models, kernel::Context& context,
                                           generation::Generate request) {
  Json words = {{"prompt", request.prompt}, {"negative_prompt", request.negative_prompt}};
  ACLOUD_CO_TRY(words, co_await models.admit(context, request.model, std::move(words)));
  request.prompt = words.value("prompt", "");
  request.negative_prompt = words.value("negative_prompt", "");
  co_return request;
}

Task<Result<task::ErrandState>> told(Task<Result<generation::Standing>> standing) {
  ACLOUD_CO_TRY(generation::Standing now, co_await std::move(standing));
  task::ErrandState state{.ended = now.ended,
                          .wait = now.wait,
                          .progress = std::move(now.progress),
                          .result = std::move(now.result),
                          .error = {}};
  if (now.failure) state.error = task::TaskFailure{now.failure->code, now.failure->message};
  co_return state;
}

}  // namespace

GenerationParts::GenerationParts(Parts parts)
    : upstreams_(parts.loops, nullptr),
      generations_({.database = parts.database,
                    .clock = parts.clock,
                    .random = parts.random,
                    .ledger = parts.ledger,
                    .upstreams = upstreams_,
                    .routes = [&models = parts.models] { return models.routes(); },
                    .guard =
                        [&models = parts.models](kernel::Context& context, generation::Generate request) {
                          return guarded(models, context, std::move(request));
                        },
                    .tasks = std::make_unique<TasksOfGenerations>(parts.tasks),
                    .store = std::make_unique<ObjectStore>(parts.path, parts.random)}) {}

task::Errands GenerationParts::errands() {
  task::Errands errands;
  errands.kinds[kErrand] = {.look =
                                [this](std::string task, kernel::Caller owner) {
                                  return told(generations_.look(std::move(task), std::move(owner)));
                                },
                            .stop =
                                [this](std::string task, kernel::Caller owner) {
                                  return told(generations_.stop(std::move(task), std::move(owner)));
                                }};
  return errands;
}

}  // namespace acloud
