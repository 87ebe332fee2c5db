// Video and images, which a provider makes for minutes after it was asked: submit, look, fetch.
//
// model.generate checks what is asked for, sets aside what it can cost, and makes a task of it, all in one
// transaction. The task is the generation's clock (task/errand.h): it has look() called until that says that
// it has ended, after a restart too, and stop() where nobody wants it any more.
//
// Always:
// - A provider is asked once to begin. Where a server was killed, or the reply was lost, between the request
// and
//   the note of its reply, nobody asks again: the generation fails, costs nothing, and a warning names it.
// - What was set aside is held until the generation has ended, and is then settled once, at what the provider
//   says was used; nothing where it failed. One that was stopped and could not be cancelled is seen to its
//   end.
// - A result goes where the caller may put it, with the caller's own rights, in pieces, within a size.
#pragma once

#include <functional>
#include <memory>

#include "kernel/call.h"
#include "ledger/ledger.h"
#include "model/generation/provider_calls.h"
#include "model/generation/rows.h"

namespace acloud::model::generation {

// How a generation becomes a task: product task's, handed in.
class Tasks {
 public:
  virtual ~Tasks() = default;
  struct Wanted {
    std::string goal;
    std::optional<std::string> budget;  // of a task that another task asks for: taken out of that one's
    std::chrono::seconds deadline{3600};
  };
  struct Prepared {
    std::string id;
    std::function<Result<Generation>(store::Transaction&)> make;
  };
  virtual Prepared prepare(kernel::Context& context, Wanted wanted) = 0;
  virtual void begin() = 0;  // one was made
};

// Where results are put: product object's, handed in.
class Store {
 public:
  virtual ~Store() = default;
  struct Object {
    std::string bucket, key, content_type;
  };
  // Errors: as object.put.
  virtual Task<Result<>> may_put(const kernel::Caller& caller, Object object) = 0;
  // Its size in bytes.
  virtual Task<Result<std::int64_t>> put(const kernel::Caller& caller, Object object, net::Body body) = 0;
};

// What look() and stop() tell.
struct Standing {
  bool ended = false;
  std::chrono::milliseconds wait{0};  // until it is to be looked at again
  Json progress;
  Json result;
  std::optional<Failure> failure;
};

class Generations {
 public:
  // A provider keeps what it knows of a generation for a day.
  static constexpr std::chrono::hours kGivenUpAfter{25};

  struct Parts {
    store::Database& database;
    Clock& clock;
    Random& random;
    ledger::Ledger& ledger;
    Upstreams& upstreams;
    std::function<std::shared_ptr<const RouteTable>()> routes;
    // The request as guardrails let it through. Errors: permission_denied, too_large.
    std::function<Task<Result<Generate>>(kernel::Context&, Generate)> guard;
    std::unique_ptr<Tasks> tasks;
    std::unique_ptr<Store> store;
  };
  explicit Generations(Parts parts) : parts_(std::move(parts)) {}
  static std::vector<store::Migration> migrations() { return rows::migrations(); }
  static Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace);

  Task<Result<Generation>> generate(kernel::Context& context, Generate request);

  // Does what is due of the generation of that task. Errors: what may pass.
  Task<Result<Standing>> look(std::string task, kernel::Caller owner);
  Task<Result<Standing>> stop(std::string task, kernel::Caller owner);
  // The task has ended: nobody looks at its generation any more. What is still held is given back.
  Result<> task_ended_in(store::Transaction& transaction, const std::string& task);

 private:
  Task<Result<std::optional<Row>>> find(std::string task);
  Task<Result<bool>> change(State from, Row row);
  Task<Result<bool>> settle(State from, Row row, std::optional<ledger::Usage> usage);
  Task<Result<Standing>> fail_it(State from, Row row, Failure failure);
  Task<Result<Standing>> begin(Row row);
  Task<Result<Standing>> submit(Row row, const Provider& provider, const Target& target);
  Task<Result<Standing>> refused(Row row, Error error);
  Task<Result<Standing>> poll(Row row);
  Task<Result<Standing>> lost_sight(Row row, std::string trouble, bool unknown);
  Task<Result<Standing>> take_made(Row row, Seen seen);
  Task<Result<Standing>> fetch_all(Row row, const kernel::Caller& owner);
  Task<Result<>> fetch_one(const Row& row, ResultItem& item, std::size_t index, const Provider& provider,
                           const kernel::Caller& owner);
  Task<Result<>> cancel_upstream(const Row& row);
  Task<Result<Standing>> again(std::string task);
  std::chrono::milliseconds pause_of(const Row& row, const ProviderConfig& provider) const;

  Parts parts_;
};

}  // namespace acloud::model::generation
