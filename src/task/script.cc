#include "task/script.h"

#include "base/json_text.h"

namespace acloud::task {
namespace {

Json parse_reply(const Outcome& outcome) {
  auto parsed = parse_json(outcome.json);
  return parsed && parsed->is_object() ? *std::move(parsed) : Json::object();
}

constexpr int kRoomPauseMost = 16;  // seconds

// Will what failed be there later?
bool is_for_now(const Outcome& outcome) { return parse_reply(outcome).contains(kRetryAfter); }

Step owners_call(std::string operation, const Json& arguments) {
  return {.kind = StepKind::call,
          .name = std::move(operation),
          .input = acloud::to_text(arguments),
          .ref = {},
          .as_owner = true,
          .cut = false};
}

}  // namespace

Outcome failure(std::string_view code, std::string_view message) {
  return {.ok = false, .json = acloud::to_text(Json{{"code", code}, {"message", message}})};
}

Outcome failure(const Error& error) {
  Json json = {{"code", traits(error.code()).name}, {"message", error.message()}};
  if (const auto after = error.retry_after()) json[kRetryAfter] = after->count();
  return {.ok = false, .json = acloud::to_text(json)};
}

TaskFailure failure_of(const Outcome& outcome) {
  const Json error = parse_reply(outcome);
  return {text_at(error, "code"), text_at(error, "message")};
}

Script::Script(Spec spec) : spec_(std::move(spec)) {
  if (spec_.request.agent) {
    if (const auto* described = std::get_if<Agent>(&*spec_.request.agent)) agent_ = *described;
  }
  if (spec_.request.model) agent_.model = spec_.request.model;
  plan_setup();
}

bool Script::keeps(std::string_view kind) const {
  return std::ranges::find(spec_.request.resources.keep, kind) != spec_.request.resources.keep.end();
}

void Script::plan_setup() {
  const Resources& wanted = spec_.request.resources;
  if (!spec_.request.program) planned_.push_back([] { return owners_call("model.list", Json::object()); });
  if (!wanted.sandbox.is_null() || !wanted.files.empty() || spec_.request.program) {
    planned_.push_back([this] {
      Json arguments =
          spec_.request.resources.sandbox.is_object() ? spec_.request.resources.sandbox : Json::object();
      arguments["metadata"]["task"] = spec_.id;
      if (const auto& program = spec_.request.program) {
        if (program->image) arguments["image"] = *program->image;
        // Beside what was asked for: without the cloud an agent would have nothing to call.
        if (!arguments["egress"].is_object()) arguments["egress"] = Json::object();
        arguments["egress"].emplace("cloud", true);
      }
      return owners_call("sandbox.create", arguments);
    });
    plan_files(wanted.files);
    if (spec_.request.program) plan_files(spec_.request.program->files);
  }
  if (wanted.database) {
    planned_.push_back([this] {
      return owners_call("database.create", {{"name", spec_.request.resources.database->name}});
    });
    for (std::size_t i = 0; i < wanted.database->sql.size(); ++i) {
      planned_.push_back([this, i] {
        const DatabaseWanted& database = *spec_.request.resources.database;
        return owners_call("database.query", {{"name", database.name}, {"sql", database.sql[i]}});
      });
    }
  }
  if (wanted.bucket)
    planned_.push_back([this] {
      return owners_call("object.create_bucket", {{"bucket", *spec_.request.resources.bucket}});
    });
  if (wanted.queue)
    planned_.push_back(
        [this] { return owners_call("queue.create", {{"name", *spec_.request.resources.queue}}); });
}

void Script::plan_files(const std::vector<TaskFile>& files) {
  for (const TaskFile& file : files) {
    if (file.object) {
      planned_.push_back([&file] {
        return owners_call("object.get", {{"bucket", file.object->bucket}, {"key", file.object->key}});
      });
    }
    planned_.push_back([this, &file] {
      Json arguments = {{"id", sandbox_}, {"path", file.path}};
      if (file.object) {
        const Json got = parse_json(fetched_).value_or(Json::object());
        for (const char* name : {"content", "content_base64"}) {
          if (got.contains(name)) arguments[name] = got[name];
        }
        fetched_.clear();
      } else if (file.content_base64) {
        arguments["content_base64"] = *file.content_base64;
      } else {
        arguments["content"] = file.content.value_or("");
      }
      return owners_call("sandbox.write_file", arguments);
    });
  }
}

void Script::advance() {
  while (batch_.empty() && phase_ != Phase::ended) {
    if (phase_ == Phase::work && agent_loop_) {
      if (agent_loop_->ending()) {
        ending_ = *agent_loop_->ending();
        begin_teardown();
        continue;
      }
      batch_ = agent_loop_->next();
    } else if (!planned_.empty()) {
      batch_ = {planned_.front()()};
      planned_.pop_front();
    } else if (phase_ == Phase::setup) {
      begin_work();
    } else if (phase_ == Phase::work) {
      begin_teardown();
    } else {
      end();
    }
    order_.clear();
    for (Step& step : batch_) {
      step.number = next_number_++;
      order_.push_back(step.number);
    }
  }
}

const std::vector<Step>& Script::next() {
  advance();
  return batch_;
}

bool Script::take(std::int64_t number, const Outcome& outcome) {
  advance();
  const auto found = std::ranges::find(batch_, number, &Step::number);
  if (found == batch_.end()) return false;
  const Step step = std::move(*found);
  batch_.erase(found);
  const auto index = static_cast<std::size_t>(std::ranges::find(order_, number) - order_.begin());
  switch (phase_) {
    case Phase::setup:
      take_setup(step, outcome);
      break;
    case Phase::work:
      take_work(index, step, outcome);
      break;
    case Phase::teardown:
    case Phase::ended:
      take_teardown(step, outcome);
  }
  return true;
}

void Script::take_setup(const Step& step, const Outcome& outcome) {
  if (makes_room_) return take_room(step, outcome);
  if (!outcome.ok) return is_for_now(outcome) ? wait_for_room() : fail(failure_of(outcome));
  const Json reply = parse_reply(outcome);
  if (step.name == "model.list") return take_models(reply);
  if (step.name == "object.get") fetched_ = outcome.json;
  note_made(step, reply);
  if (step.name == "sandbox.create") sandbox_ = made_.back().name;
}

// What a call of setting up has made.
void Script::note_made(const Step& step, const Json& reply) {
  const Resources& wanted = spec_.request.resources;
  if (step.name == "sandbox.create") made_.push_back({"sandbox", text_at(reply, "id")});
  if (step.name == "database.create" && wanted.database) made_.push_back({"database", wanted.database->name});
  if (step.name == "object.create_bucket" && wanted.bucket) made_.push_back({"bucket", *wanted.bucket});
  if (step.name == "queue.create" && wanted.queue) made_.push_back({"queue", *wanted.queue});
}

void Script::note_removed(const Step& step) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kRemovals{
      {{"sandbox.kill", "sandbox"},
       {"database.delete", "database"},
       {"object.delete_bucket", "bucket"},
       {"queue.delete", "queue"}}};
  const auto removal =
      std::ranges::find(kRemovals, step.name, &std::pair<std::string_view, std::string_view>::first);
  if (removal != kRemovals.end())
    std::erase_if(made_, [&](const Resource& made) { return made.kind == removal->second; });
}

// Where something can't be had just now, the task holds no part of the rest while it waits: what was made
// goes, and all is tried again later.
void Script::wait_for_room() {
  makes_room_ = true;
  planned_.clear();
  for (auto resource = made_.rbegin(); resource != made_.rend(); ++resource) plan_removal(*resource);
  planned_.push_back([seconds = std::min(1 << std::min(tries_, 8), kRoomPauseMost)] {
    return Step{.kind = StepKind::sleep,
                .name = std::string(kRoomStep),
                .input = fmt::format(R"({{"seconds":{}}})", seconds),
                .ref = {},
                .as_owner = true,
                .cut = true};
  });
  ++tries_;
}

void Script::take_room(const Step& step, const Outcome& outcome) {
  if (step.kind != StepKind::sleep) return take_teardown(step, outcome);
  makes_room_ = false;
  plan_setup();
}

// Which model, and how much it can read at once.
void Script::take_models(const Json& reply) {
  const Json items = reply.value("items", Json::array());
  for (const Json& item : items) {
    const std::string name = text_at(item, "name");
    if (agent_.model.value_or(name) != name) continue;
    model_ = name;
    if (item.contains("engine") && item["engine"].is_object())
      context_tokens_ = item["engine"].value("context", context_tokens_);
    break;
  }
  if (model_.empty()) {
    return fail({"not_found", agent_.model ? fmt::format("no model {}; model.list shows those that there are",
                                                         *agent_.model)
                                           : "there is no model; set one up first (docs/models.md)"});
  }
  if (agent_.limits.context_tokens) context_tokens_ = *agent_.limits.context_tokens;
}

void Script::begin_work() {
  phase_ = Phase::work;
  set_up_ = true;
  if (spec_.request.program) return plan_program();
  agent_loop_ = std::make_unique<AgentLoop>(AgentLoop::Plan{.goal = spec_.request.goal,
                                                            .agent = agent_,
                                                            .model = model_,
                                                            .context_tokens = context_tokens_,
                                                            .tools = spec_.tools,
                                                            .sandbox = sandbox_,
                                                            .session = spec_.id});
}

// A program runs whether or not the server does: it is started once, and followed until its end. It writes to
// files of its sandbox, since what a killed server had read of a pipe would be lost.
void Script::plan_program() {
  planned_.push_back([this] {
    const Program& program = *spec_.request.program;
    const std::string cloud(kCloudInside);
    Json env = {
        {"ACLOUD_URL", cloud},        {"ACLOUD_API_KEY", kKeyMark},  {"OPENAI_BASE_URL", cloud + "/v1"},
        {"OPENAI_API_KEY", kKeyMark}, {"ANTHROPIC_BASE_URL", cloud}, {"ANTHROPIC_AUTH_TOKEN", kKeyMark},
        {"MCP_URL", cloud + "/mcp"},  {"ACLOUD_TASK", spec_.id},     {"ACLOUD_GOAL", spec_.request.goal}};
    for (const auto& [name, value] : program.env) env[name] = value;
    Json arguments = {{"id", sandbox_}, {"env", std::move(env)}, {"tag", "agent"}};
    std::vector<std::string> words = {"/bin/sh", "-c", R"(exec "$@" >"$0.out" 2>"$0.err")", kOutput};
    if (const auto* line = std::get_if<std::string>(&program.command)) {
      words.insert(words.end(), {"/bin/bash", "-lc", *line});
    } else {
      const auto& own = std::get<std::vector<std::string>>(program.command);
      words.insert(words.end(), own.begin(), own.end());
    }
    arguments["command"] = std::move(words);
    used_key_ = true;
    return owners_call("sandbox.start_process", arguments);
  });
  planned_.push_back([this] {
    Step follow = owners_call("sandbox.follow_process", {{"id", sandbox_}, {"pid", std::stoll(pid_)}});
    follow.cut = true;
    return follow;
  });
  for (const std::string_view end : {".out", ".err"}) {
    planned_.push_back([this, end] {
      return owners_call(
          "sandbox.read_file",
          {{"id", sandbox_}, {"path", std::string(kOutput).append(end)}, {"length", kOutputMost}});
    });
  }
}

void Script::take_work(std::size_t index, const Step& step, const Outcome& outcome) {
  if (agent_loop_) {
    undo_.note(step, outcome);
    return agent_loop_->take(index, outcome);
  }
  if (step.name == "sandbox.read_file") return take_output(outcome);
  if (!outcome.ok) return fail(failure_of(outcome));
  const Json reply = parse_reply(outcome);
  if (step.name == "sandbox.start_process") {
    pid_ = std::to_string(reply.value("pid", std::int64_t{0}));
  } else {
    ending_.result = {{"exit_code", reply.value("exit_code", std::int64_t{-1})}};
  }
}

// What the program wrote: first its output, then its errors. It may have removed either.
void Script::take_output(const Outcome& outcome) {
  const Json reply = outcome.ok ? parse_reply(outcome) : Json::object();
  const bool errors = ending_.result.contains("stdout") || ending_.result.contains("stdout_base64");
  const std::string name = errors ? "stderr" : "stdout";
  if (reply.contains("content_base64")) {
    ending_.result[name + "_base64"] = text_at(reply, "content_base64");
  } else {
    ending_.result[name] = text_at(reply, "content");
  }
  if (!errors || ending_.result["exit_code"] == 0) return;
  fail({"failed", fmt::format("the program ended with exit code {}; result.stderr has what it said",
                              ending_.result["exit_code"].get<std::int64_t>())});
}

void Script::fail(TaskFailure failure) {
  ending_.state = State::failed;
  ending_.error = std::move(failure);
  begin_teardown();
}

bool Script::can_be_interrupted() const {
  if (phase_ == Phase::setup) return !batch_.empty() && batch_.front().kind == StepKind::sleep;
  return phase_ == Phase::work && std::ranges::all_of(batch_, &Step::cut);
}

void Script::interrupt(std::string_view why) {
  advance();
  ++next_number_;
  if (!can_be_interrupted()) return;
  Ending stopped = interrupted(why);
  ending_.state = stopped.state;
  ending_.error = std::move(stopped.error);
  batch_.clear();
  begin_teardown();
}

void Script::outgrow(std::span<const Entry> rest, std::int64_t number) {
  advance();
  for (const auto& [step, outcome, began] : rest) {
    if (outcome && step.ref == kUndoMark) undo_.tried(step);
    if (!outcome || !outcome->ok || step.ref == kUndoMark) continue;
    if (!step.as_owner) {
      undo_.note(step, *outcome);
      continue;
    }
    note_made(step, parse_reply(*outcome));
    note_removed(step);
    used_key_ = used_key_ || step.name == "sandbox.start_process";
  }
  // What its work has come to stands, where only the clearing away differs.
  if (phase_ == Phase::setup || phase_ == Phase::work) ending_ = outgrown(rest);
  next_number_ = number + 1;
  makes_room_ = false;
  batch_.clear();
  begin_teardown();
}

void Script::begin_teardown() {
  phase_ = Phase::teardown;
  agent_loop_.reset();
  planned_.clear();
  if (ending_.state != State::succeeded) {
    for (Step& step : undo_.steps()) planned_.push_back([step = std::move(step)] { return step; });
  }
  if (used_key_) planned_.push_back([] { return owners_call("key.revoke", {{"id", kKeyIdMark}}); });
  OrderedJson kept = OrderedJson::array();
  for (auto resource = made_.rbegin(); resource != made_.rend(); ++resource) {
    // Half of what was wanted is of no use to anyone.
    if (set_up_ && keeps(resource->kind)) {
      kept.push_back({{"kind", resource->kind}, {"name", resource->name}});
    } else {
      plan_removal(*resource);
    }
  }
  if (!kept.empty()) ending_.result["kept"] = std::move(kept);
}

void Script::plan_removal(const Resource& resource) {
  planned_.push_back([resource] {
    if (resource.kind == "sandbox") return owners_call("sandbox.kill", {{"id", resource.name}});
    if (resource.kind == "bucket")
      return owners_call("object.list", {{"bucket", resource.name}, {"limit", 1000}});
    return owners_call(resource.kind + ".delete", {{"name", resource.name}});
  });
}

// A bucket can be deleted when it is empty: a page of its objects goes, then it is looked at again.
void Script::empty_bucket(const Json& page) {
  const Json items = page.value("items", Json::array());
  const std::string bucket = spec_.request.resources.bucket.value_or("");
  std::deque<Make> removal;
  for (const Json& item : items) {
    removal.push_back([bucket, key = text_at(item, "key")] {
      return owners_call("object.delete", {{"bucket", bucket}, {"key", key}});
    });
  }
  removal.push_back([bucket, empty = items.empty()] {
    return empty ? owners_call("object.delete_bucket", {{"bucket", bucket}})
                 : owners_call("object.list", {{"bucket", bucket}, {"limit", 1000}});
  });
  planned_.insert(planned_.begin(), removal.begin(), removal.end());
}

void Script::take_teardown(const Step& step, const Outcome& outcome) {
  const bool undoes = step.ref == kUndoMark;
  if (undoes) undo_.tried(step);
  const TaskFailure failed = outcome.ok ? TaskFailure() : failure_of(outcome);
  if (!undoes && (outcome.ok || failed.code == "not_found")) note_removed(step);
  if (outcome.ok) {
    if (step.name == "object.list" && !undoes) empty_bucket(parse_reply(outcome));
    return;
  }
  if (undoes) {
    ending_.result["not_undone"].push_back({{"step", step.name},
                                            {"arguments", OrderedJson::parse(step.input)},
                                            {"code", failed.code},
                                            {"message", failed.message}});
    return;
  }
  if (failed.code == "not_found") return;
  ending_.result["left"].push_back({{"step", step.name}, {"code", failed.code}, {"message", failed.message}});
}

void Script::end() { phase_ = Phase::ended; }

}  // namespace acloud::task
