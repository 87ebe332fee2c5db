#include "cli/cli.h"

#include <ostream>

#include "async/event_loop.h"
#include "async/task_scope.h"
#include "cli/arguments.h"
#include "cli/call.h"
#include "cli/catalog_cache.h"
#include "cli/completion.h"
#include "cli/doctor.h"
#include "cli/help.h"
#include "cli/input.h"
#include "cli/mcp_bridge.h"
#include "cli/names.h"
#include "cli/skills_export.h"
#include "cli/task_command.h"
#include "net/socket.h"

namespace acloud::cli {
namespace {

using Need = CatalogCache::Need;

std::unexpected<Failure> wrong_usage(std::string message) {
  return std::unexpected(Failure(Error(ErrorCode::invalid_argument, std::move(message))));
}

class Program {
 public:
  Program(Words words, const World& world, const std::vector<LocalCommand>& local)
      : words_(words), world_(world), local_(local), cache_(world), files_(world.in) {
    help_ = {{"schema", "Print the JSON Schema of PRODUCT.OPERATION."},
             {"doctor", "Find out why commands don't work from here."},
             {"mcp", "Speak MCP over standard input and output: mcp [PRODUCT]."},
             {"skills", "Write the server's skills for agents to a folder: skills export DIR."},
             {"completion", "Print the completion script for bash, zsh or fish."}};
    for (const LocalCommand& command : local) help_.push_back({command.name, command.summary});
  }

  // Nothing where the words are for the server.
  std::optional<int> run_local() {
    if (!words_.empty() && words_.front() == "__complete") return std::nullopt;
    if (const auto taken = take_options(words_, options_); !taken) return fail_with(taken.error());
    if (options_.version) {
      *world_.out << fmt::format("acloud {}\n", world_.version);
      return 0;
    }
    for (const LocalCommand& command : local_) {
      const auto space = command.name.find(' ');
      const std::size_t count = space == std::string::npos ? 1 : 2;
      if (words_.size() < count || words_[0] != command.name.substr(0, space)) continue;
      if (count == 2 && words_[1] != command.name.substr(space + 1)) continue;
      return command.run(words_.subspan(count));
    }
    if (!words_.empty() && words_.front() == "completion") return print_completion();
    return std::nullopt;
  }

  Task<int> run_remote(async::EventLoop& loop) {
    async::TaskScope watching;
    std::stop_source stop;
    if (world_.interrupt >= 0) watching.spawn(watch(world_.interrupt, stop, interrupted_));
    stop_ = &stop;
    const auto done = co_await dispatch(loop).with_stop(stop.get_token());
    watching.cancel();
    co_await watching.join();
    if (interrupted_) co_return 130;
    if (!done && late_) {
      co_return fail_with(Error(ErrorCode::deadline_exceeded,
                                fmt::format("not done in {} ms, the --timeout", options_.timeout->count())));
    }
    co_return done ? exit_code_ : fail_with(done.error());
  }

 private:
  static Task<> watch(int fd, std::stop_source& stop, bool& interrupted) {
    if (!co_await net::wait_readable(fd)) co_return;
    interrupted = true;
    stop.request_stop();
  }

  // --timeout counts from the call itself: what may go before it, fetching the catalog, has its own limit.
  async::EventLoop::Timer timer_at(async::EventLoop& loop) {
    return loop.call_at(loop.now() + *options_.timeout, [this] {
      late_ = true;
      stop_->request_stop();
    });
  }

  int fail_with(const Failure& failure) {
    if (!*world_.out) return failure.exit_code();  // nobody reads any more, as with `| head`
    report(world_, options_, failure);
    return failure.exit_code();
  }

  int print_completion() {
    const auto script = completion_script(words_.size() > 1 ? words_[1] : "");
    if (!script) return fail_with(script.error());
    *world_.out << *script;
    return 0;
  }

  Task<Outcome<>> dispatch(async::EventLoop& loop) {
    const bool completing = !words_.empty() && words_.front() == "__complete";
    auto settings = find_settings(options_, world_);
    if (!settings) {
      if (completing) co_return Outcome<>();
      co_return std::unexpected(Failure(settings.error()));
    }
    Server server(loop, *std::move(settings), world_.version);
    if (completing) co_return co_await print_candidates(server);
    if (words_.empty() || words_.front() == "help") co_return co_await print_program_help(server);
    if (words_.front() == "doctor") co_return co_await print_diagnosis(server);
    if (words_.front() == "schema") co_return co_await print_schema(server);
    if (words_.front() == "mcp") co_return co_await speak_mcp(server);
    if (words_.front() == "skills") co_return co_await write_skills(server);
    co_return co_await run_operation(loop, server);
  }

  Task<Outcome<>> print_candidates(Server& server) {
    // A shell waits for this: without a copy the server gets a second, and no complaint is of use.
    std::stop_source stop;
    auto& loop = *async::EventLoop::current();
    const auto timer = loop.call_at(loop.now() + std::chrono::seconds(1), [&stop] { stop.request_stop(); });
    const auto catalog = co_await cache_.get(server, Need::known).with_stop(stop.get_token());
    for (const auto& [word, summary] : complete(catalog.value_or(Catalog{}), help_, words_.subspan(1))) {
      *world_.out << printable(word) << '\t' << printable(summary) << '\n';
    }
    co_return Outcome<>();
  }

  Task<Outcome<>> print_program_help(Server& server) {
    const bool asked_for = options_.help || !words_.empty();
    const auto catalog = co_await cache_.get(server, Need::recent);
    std::ostream& page = asked_for ? *world_.out : *world_.err;
    page << program_help(catalog ? &*catalog : nullptr, help_);
    if (!catalog)
      *world_.err << fmt::format("\nNo products are listed: {}\n", catalog.error().error.message());
    if (!asked_for) exit_code_ = 2;  // a command line without a command
    co_return Outcome<>();
  }

  Task<Outcome<>> print_diagnosis(Server& server) {
    Words words = words_.subspan(1);
    ACLOUD_CO_CHECK(take_options(words, options_));
    const Diagnosis diagnosis = co_await diagnose(server, cache_, world_);
    exit_code_ = diagnosis.exit_code;
    Output output(world_, options_);
    const OrderedJson json = to_json(diagnosis);
    if (output.format() == Format::table) co_return output.bytes(table_of_items(json["checks"]));
    co_return output.line(json);
  }

  Task<Outcome<>> print_schema(Server& server) {
    Words words = words_.subspan(1);
    std::string name;
    for (; !words.empty(); words = words.subspan(1)) {
      if (words.front().starts_with('-')) break;
      name += (name.empty() ? "" : ".") + words.front();
    }
    ACLOUD_CO_CHECK(take_options(words, options_));
    const auto dot = name.find('.');
    if (dot == std::string::npos || !words.empty()) {
      co_return wrong_usage("acloud schema takes PRODUCT.OPERATION, such as object.put");
    }
    ACLOUD_CO_CHECK(co_await find_operation(server, name.substr(0, dot), name.substr(dot + 1)));
    const OrderedJson schema{{"name", operation_->full_name()},        {"summary", operation_->summary},
                             {"description", operation_->description}, {"effect", operation_->effect},
                             {"request", operation_->request},         {"reply", operation_->reply}};
    Output output(world_, options_);
    co_return output.bytes(output.selected(schema).dump(2) + "\n");
  }

  Task<Outcome<>> speak_mcp(Server& server) {
    Words words = words_.subspan(1);
    ACLOUD_CO_CHECK(take_options(words, options_));
    const std::string product = words.empty() ? "" : words.front();
    if (words.size() > 1 || !is_name(product)) co_return wrong_usage("acloud mcp takes one product, or none");
    McpBridge bridge(server, world_.in, *world_.out, product.empty() ? "/mcp" : "/mcp/" + product);
    co_return co_await bridge.run();
  }

  static bool is_name(std::string_view word) {
    return std::ranges::all_of(word, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  }

  Task<Outcome<>> write_skills(Server& server) {
    Words words = words_.subspan(1);
    if (words.size() < 2 || words[0] != "export" || words[1].starts_with('-')) {
      co_return wrong_usage("acloud skills takes: export DIR");
    }
    const std::string folder = words[1];
    words = words.subspan(2);
    ACLOUD_CO_CHECK(take_options(words, options_));
    if (!words.empty()) co_return wrong_usage("acloud skills export takes one folder");
    ACLOUD_CO_TRY(const OrderedJson written, co_await export_skills(server, folder));
    Output output(world_, options_);
    if (output.format() == Format::table) co_return output.bytes(table_of_items(written["skills"]));
    co_return output.line(output.selected(written));
  }

  // Finds the operation in the cached catalog, or, where it is not there, in the server's newest.
  Task<Outcome<>> find_operation(Server& server, std::string product, std::string operation) {
    for (const Need need : {Need::recent, Need::newest}) {
      auto catalog = co_await cache_.get(server, need);
      if (!catalog) co_return std::unexpected(std::move(catalog).error());
      catalog_ = std::move(*catalog);
      product_ = catalog_.find(product);
      operation_ = product_ ? product_->find(operation) : nullptr;
      if (operation_ || cache_.asked() || (product_ && operation.empty())) break;
    }
    if (operation_ || (product_ && (operation.empty() || options_.help))) co_return Outcome<>();
    if (const auto why = catalog_.left_out.find(canonical(product + "." + operation));
        why != catalog_.left_out.end())
      co_return std::unexpected(Failure(Error(ErrorCode::permission_denied, why->second)));
    if (product_) {
      co_return wrong_usage(fmt::format("{} has no operation \"{}\"{}", shown(product_->name), operation,
                                        suggestion(operation, product_->names())));
    }
    std::vector<std::string> known = catalog_.names();
    for (const LocalHelp& command : help_) known.push_back(command.name);
    co_return wrong_usage(fmt::format("there is no product \"{}\"{}", product, suggestion(product, known)));
  }

  Task<Outcome<>> run_operation(async::EventLoop& loop, Server& server) {
    const std::string product = words_.front();
    Words words = words_.subspan(1);
    ACLOUD_CO_CHECK(take_options(words, options_));
    const std::string operation = words.empty() ? "" : words.front();
    if (product == "task" && (operation == "tail" || operation == "trace"))
      co_return co_await show_task(server, operation == "trace", words.subspan(1));
    ACLOUD_CO_CHECK(co_await find_operation(server, product, operation));
    if (!operation_) {
      *(options_.help ? world_.out : world_.err) << product_help(*product_);
      exit_code_ = options_.help ? 0 : 2;
      co_return Outcome<>();
    }
    std::vector<std::string> rest(words.begin() + 1, words.end());
    const bool is_run = operation_->full_name() == "task.run";
    OrderedJson files = OrderedJson::array();
    std::optional<OrderedJson> agent;
    if (is_run) {
      const ReadFile read_file = [this](const std::string& path) { return files_.read(path); };
      ACLOUD_CO_TRY(files, take_files(rest, read_file));
      ACLOUD_CO_TRY(agent, take_agent(rest, read_file));
    }
    auto request = co_await read_request(server, rest);
    if (!request) co_return std::unexpected(std::move(request).error());
    if (options_.help) {
      *world_.out << operation_help(*operation_);
      co_return Outcome<>();
    }
    const auto timer = options_.timeout ? timer_at(loop) : async::EventLoop::Timer();
    for (OrderedJson& file : files) request->fields["resources"]["files"].push_back(std::move(file));
    if (agent) request->fields["agent"] = *std::move(agent);
    if (operation_->keyless) server.leave_key_out();
    const bool follows = !options_.dry_run && (!options_.output || *options_.output == Format::ndjson);
    if (is_run && follows) {
      TaskCommand command(server, options_, world_);
      ACLOUD_CO_TRY(exit_code_, co_await command.run(std::move(request->fields)));
      co_return Outcome<>();
    }
    co_return co_await call_operation(server, *operation_, *std::move(request), options_, world_);
  }

  Task<Outcome<>> show_task(Server& server, bool trace, Words words) {
    std::string task;
    if (!words.empty() && (words.front() == "--id" || !words.front().starts_with('-'))) {
      if (words.front() == "--id") words = words.subspan(1);
      if (!words.empty()) task = words.front();
      if (!words.empty()) words = words.subspan(1);
    }
    std::string html;
    if (trace && words.size() >= 2 && words.front() == "--html") {
      html = words[1];
      words = words.subspan(2);
    }
    ACLOUD_CO_CHECK(take_options(words, options_));
    if (task.empty() || !words.empty()) {
      co_return wrong_usage(fmt::format("acloud task {} takes the id of a task{}", trace ? "trace" : "tail",
                                        trace ? ", and --html FILE to write it as a page" : ""));
    }
    TaskCommand command(server, options_, world_);
    if (!html.empty()) {
      ACLOUD_CO_TRY(exit_code_, co_await command.trace_to(task, html));
      co_return Outcome<>();
    }
    ACLOUD_CO_TRY(exit_code_, trace ? co_await command.trace(task) : co_await command.tail(task));
    co_return Outcome<>();
  }

  // What the copy of the catalog doesn't allow, the server's newest may.
  Task<Outcome<Request>> read_request(Server& server, Words words) {
    const Options before = options_;
    const ReadFile read_file = [this](const std::string& path) { return files_.read(path); };
    auto request = parse_request(*operation_, words, options_, read_file);
    if (!request && request.error().code() == ErrorCode::invalid_argument && !cache_.asked()) {
      const std::string product = operation_->product;
      const std::string operation = operation_->name;
      auto catalog = co_await cache_.get(server, Need::newest);
      if (catalog && catalog->find(product) && catalog->find(product)->find(operation)) {
        catalog_ = std::move(*catalog);
        operation_ = catalog_.find(product)->find(operation);
        options_ = before;
        request = parse_request(*operation_, words, options_, read_file);
      }
    }
    if (!request) co_return std::unexpected(Failure(request.error()));
    co_return *std::move(request);
  }

  Words words_;
  const World& world_;
  const std::vector<LocalCommand>& local_;
  std::vector<LocalHelp> help_;
  Options options_;
  CatalogCache cache_;
  Files files_;
  Catalog catalog_;
  const Product* product_ = nullptr;      // in catalog_
  const Operation* operation_ = nullptr;  // in catalog_
  std::stop_source* stop_ = nullptr;
  bool late_ = false;
  bool interrupted_ = false;
  int exit_code_ = 0;
};

}  // namespace

int run(std::span<const std::string> words, const World& world, const std::vector<LocalCommand>& local) {
  Program program(words, world, local);
  if (const auto code = program.run_local()) return *code;
  async::EventLoop loop;
  return loop.run_until_done(program.run_remote(loop));
}

}  // namespace acloud::cli
