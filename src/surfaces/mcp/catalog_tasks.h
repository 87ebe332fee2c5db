// What a call starts and leaves running (kernel::Started), as the protocol sees it.
//
// For a client that has tasks it is a task of the protocol, whose id is the thing's own: so any server finds
// it again, after any restart. A client that knows no tasks but can be asked stays with its call until the
// thing has ended, where its arguments say that it may ask: else it would wait for somebody who is never
// told. What is asked is decided by the same operations that everybody else decides by, with the client's
// rights.
#pragma once

#include "surfaces/mcp/catalog_calls.h"

namespace acloud::surfaces::mcp {

class CatalogTasks {
 public:
  // `product` empty: those of the whole catalog. The references outlive this.
  CatalogTasks(kernel::CallPath& path, CatalogCalls& calls, std::string product)
      : path_(path), calls_(calls), product_(std::move(product)) {}

  // Whether this client has to stay with such a call.
  static bool stays(const Client& client, const kernel::Operation& operation, const Json& arguments);
  // Members of a CallToolResult, once it has ended, or the client would not decide. Errors: as Exchange::ask.
  Task<Rpc<std::string>> stay(Exchange& exchange, const kernel::Operation& operation, Json arguments,
                              CatalogCalls::Options options);

  // A task of the protocol; a CallToolResult where it could not be started. REQUIRES: operation.starts.
  Task<Rpc<Answer>> start(Exchange& exchange, const kernel::Operation& operation, Json arguments,
                          CatalogCalls::Options options);
  // What tasks/get, tasks/update and tasks/cancel answer. Errors: invalid_params: no such task.
  Task<Rpc<Answer>> answer(Exchange& exchange, std::string method, std::string id);

 private:
  struct Found {
    std::shared_ptr<const kernel::Operation> starter;
    Json info;
  };
  Task<Rpc<Found>> find(Exchange& exchange, std::string id);
  Task<Rpc<Json>> read(Exchange& exchange, std::string operation, Json arguments);
  // What it asks of people now, as questions to the client; none where the client can't be asked.
  Task<OrderedJson> questions(Exchange& exchange, const kernel::Operation& starter, std::string id);
  // False where the client would not say.
  Task<bool> decide(Exchange& exchange, const kernel::Operation& starter, std::string question, Json answer);

  kernel::CallPath& path_;
  CatalogCalls& calls_;
  const std::string product_;  // "": all
};

}  // namespace acloud::surfaces::mcp
