// The catalog: every product of the cloud and what each can do, declared once. From a declaration come the
// REST route, the OpenAPI entry, the CLI command, and all that later surfaces show; nothing is described
// twice.
//
//   auto& product = catalog.add({"object", "Buckets of values ..."});
//   product.operation<CreateBucket, Bucket>("create_bucket")
//       .summary("Make a bucket.")
//       .effect(Effect::write)
//       .resource([](const CreateBucket& r) { return "bucket/" + r.bucket; })
//       .handler(service, &ObjectService::create_bucket);
//
// A handler is `Task<Result<Reply>> (Context&, Request)`. It never checks a permission, a budget or an
// idempotency key: the call path has done so. What is declared so is there before the server starts and stays
// as it is. Beside it stand products that others describe and that change while the server runs: put() takes
// one whole in the place of what it was. Whoever looks holds what he has found, so that nothing changes or
// ends under a call that is being made.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/lazy.h"
#include "base/schema.h"
#include "kernel/call.h"

namespace acloud::kernel {

// What an operation may do; policy and dry-run go by it.
enum class Effect { read, write, destroy, spend, external };
constexpr auto enum_names(Effect) {
  using enum Effect;
  return std::array<std::pair<Effect, std::string_view>, 5>{
      {{read, "read"}, {write, "write"}, {destroy, "destroy"}, {spend, "spend"}, {external, "external"}}};
}

struct OperationExample {
  std::string summary;
  std::string request_json;
};

// What an operation starts, which goes on by itself and survives the server: how it is seen, ended, and what
// it asks of people. The names are of operations, which take the `id` of the reply.
struct Started {
  std::string get;  // gives id, state ("succeeded", "failed", "cancelled" at its end), result and error
  std::string cancel;
  std::string events;     // a log of it
  std::string questions;  // takes {task}: a list of what it waits for somebody to decide
  std::string decide;     // takes {id, approve, reason}: decides one of these
  // May what a call with these arguments starts come to ask? Null for never.
  bool (*asks)(const Json& arguments) = nullptr;
};

// A decoded request, its type erased.
class Prepared {
 public:
  virtual ~Prepared() = default;
  virtual std::string resource() const = 0;                     // "bucket/logs", or ""
  virtual Task<Result<std::string>> run(Context& context) = 0;  // the reply, encoded
};

class Operation {
 public:
  std::string product;
  std::string name;
  std::string summary;
  std::string description;
  std::string keywords;  // words that people use for it, beside those of its summary: for search alone
  Effect effect = Effect::read;
  bool operator_only = false;  // for those who answer for the whole cloud
  bool keyless = false;        // for those who have no key yet, and for nobody else
  bool streams = false;
  bool background = false;     // what it starts runs on by itself: not streamed, a call answers at once
  bool ephemeral = false;      // its effect ends with the machine: no call of it waits for the disk
  bool is_log = false;         // gives what happened so far as `items`; streams also what happens then
  bool gives_content = false;  // replies with `content` and perhaps `structuredContent`, as tools of MCP do
  std::optional<Started> starts;
  std::string body_in;   // the field that may come as the raw request body; "" for none
  std::string body_out;  // the field that may leave as raw bytes; "" for none
  // JSON Schema 2020-12. A start needs none of them, and they are most of what a catalog takes to make.
  Lazy<OrderedJson> request{OrderedJson()};
  Lazy<OrderedJson> reply{OrderedJson()};
  std::vector<OperationExample> examples;
  // Errors: invalid_argument with details.field.
  std::function<Result<std::unique_ptr<Prepared>>(const Json& arguments)> prepare;

  std::string full_name() const { return product + "." + name; }
  bool has_effects() const { return effect != Effect::read; }
  bool is_list() const;  // replies with pages of items
};

template <class Request, class ReplyType>
class OperationBuilder;

class Product {
 public:
  Product(std::string name, std::string summary) : name_(std::move(name)), summary_(std::move(summary)) {}
  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }
  const std::deque<Operation>& operations() const { return operations_; }

  template <class Request, class ReplyType>
  OperationBuilder<Request, ReplyType> operation(std::string name) {
    Operation& added = operations_.emplace_back();
    added.product = name_;
    added.name = std::move(name);
    added.request = Lazy<OrderedJson>(json_schema<Request>);
    added.reply = Lazy<OrderedJson>(json_schema<ReplyType>);
    return OperationBuilder<Request, ReplyType>(added);
  }
  // One whose schemas come from elsewhere: the rest of it is the caller's to fill in.
  Operation& described_elsewhere(std::string name) {
    Operation& added = operations_.emplace_back();
    added.product = name_;
    added.name = std::move(name);
    return added;
  }

 private:
  std::string name_;
  std::string summary_;
  std::deque<Operation> operations_;  // deque: an Operation's address is kept
};

class Catalog {
 public:
  // Shared, since a product that was put may be replaced while others still use it. Those that were declared
  // are never replaced, and live as long as the catalog.
  using Products = std::vector<std::shared_ptr<const Product>>;

  Product& add(std::string name, std::string summary) {
    return declared_.emplace_back(std::move(name), std::move(summary));
  }
  // Takes the place of the product of this name that was put before, or the last place. Thread-safe.
  // REQUIRES: no product of its name was declared.
  void put(std::shared_ptr<const Product> product);
  // Another one after each put(): what is made from the catalog is then old. Thread-safe.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // Those that were declared, then those that were put. Thread-safe.
  Products products() const;
  // Those alone that were declared: what has texts written for it.
  const std::deque<Product>& declared() const { return declared_; }
  bool is_declared(std::string_view product) const;
  // An operation that this cloud could have and does not: it is shown nowhere, and who calls it is told
  // `why`.
  void leave_out(std::string full_name, std::string why) { left_out_[std::move(full_name)] = std::move(why); }
  // Errors: not_found, naming what comes nearest; permission_denied where it was left out.
  Result<std::shared_ptr<const Operation>> find(std::string_view full_name) const;
  // What the command line and other clients learn from: products with their operations and schemas.
  OrderedJson describe(std::string_view version) const;

 private:
  std::deque<Product> declared_;
  mutable std::mutex mutex_;
  Products put_;
  std::atomic<std::uint64_t> version_{0};
  std::map<std::string, std::string, std::less<>> left_out_;
};

template <class Request, class ReplyType>
class OperationBuilder {
 public:
  explicit OperationBuilder(Operation& operation) : operation_(operation) {}
  OperationBuilder& summary(std::string text) {
    operation_.summary = std::move(text);
    return *this;
  }
  OperationBuilder& description(std::string text) {
    operation_.description = std::move(text);
    return *this;
  }
  OperationBuilder& keywords(std::string words) {
    operation_.keywords = std::move(words);
    return *this;
  }
  OperationBuilder& effect(Effect effect) {
    operation_.effect = effect;
    return *this;
  }
  OperationBuilder& operator_only() {
    operation_.operator_only = true;
    return *this;
  }
  OperationBuilder& keyless() {
    operation_.keyless = true;
    return *this;
  }
  OperationBuilder& streams() {
    operation_.streams = true;
    return *this;
  }
  OperationBuilder& background() {
    operation_.background = true;
    return *this;
  }
  OperationBuilder& is_log() {
    operation_.is_log = true;
    return streams();
  }
  OperationBuilder& starts(Started started) {
    operation_.starts = std::move(started);
    return *this;
  }
  // For effects that a machine's end undoes anyway: the call's records then go the way of those of reads. One
  // with an idempotency key is kept as any other, since that promises a reply for a day.
  OperationBuilder& ephemeral() {
    operation_.ephemeral = true;
    return *this;
  }
  OperationBuilder& body_in(std::string field) {
    operation_.body_in = std::move(field);
    return *this;
  }
  OperationBuilder& body_out(std::string field) {
    operation_.body_out = std::move(field);
    return *this;
  }
  OperationBuilder& example(std::string summary, std::string request_json) {
    operation_.examples.push_back({std::move(summary), std::move(request_json)});
    return *this;
  }
  // Which thing a request names, for grants and policies.
  OperationBuilder& resource(std::string (*name)(const Request&)) {
    resource_ = name;
    return *this;
  }

  // Last: the work itself. `service` outlives the catalog.
  template <class Service>
  void handler(Service& service, Task<Result<ReplyType>> (Service::*method)(Context&, Request)) {
    operation_.prepare = [&service, method,
                          resource = resource_](const Json& arguments) -> Result<std::unique_ptr<Prepared>> {
      ACLOUD_TRY(Request request, decode<Request>(arguments));
      return std::make_unique<Bound<Service>>(service, method, resource, std::move(request));
    };
  }

 private:
  template <class Service>
  class Bound final : public Prepared {
   public:
    using Method = Task<Result<ReplyType>> (Service::*)(Context&, Request);
    Bound(Service& service, Method method, std::string (*resource)(const Request&), Request request)
        : service_(service), method_(method), resource_(resource), request_(std::move(request)) {}
    std::string resource() const override {
      return resource_ == nullptr ? std::string() : resource_(request_);
    }
    Task<Result<std::string>> run(Context& context) override {
      auto reply = co_await (service_.*method_)(context, std::move(request_));
      if (!reply) co_return std::unexpected(std::move(reply).error());
      co_return context.wants_json() ? encode(*reply) : std::string();
    }

   private:
    Service& service_;
    Method method_;
    std::string (*resource_)(const Request&);
    Request request_;
  };

  Operation& operation_;
  std::string (*resource_)(const Request&) = nullptr;
};

}  // namespace acloud::kernel
