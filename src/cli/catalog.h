// What a server can do, as its GET /api says it. The command line is made from this alone, so a program
// older than its server can call what it has never heard of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::cli {

struct Operation {
  struct Example {
    std::string summary;
    OrderedJson request;
  };
  std::string product;
  std::string name;
  std::string summary;
  std::string description;
  std::string effect;
  OrderedJson request;  // JSON Schema of an object, its properties in the order of declaration
  OrderedJson reply;
  bool streams = false;                 // may answer as server-sent events
  bool keyless = false;                 // for those without a key: none is sent
  bool list = false;                    // the reply has items and next_cursor
  std::optional<std::string> body_in;   // a field that may be sent as the raw body
  std::optional<std::string> body_out;  // a field that may be received as the raw body
  std::vector<Example> examples;

  std::string full_name() const { return product + "." + name; }
  // The command that calls it: "object create-bucket".
  std::string command() const;
};

struct Product {
  std::string name;
  std::string summary;
  std::vector<Operation> operations;

  // By either spelling; null where there is none.
  const Operation* find(std::string_view operation) const;
  std::vector<std::string> names() const;
};

struct Catalog {
  std::string version;
  std::vector<Product> products;
  std::map<std::string, std::string> left_out;  // operations that the server does without, and why

  const Product* find(std::string_view product) const;
  std::vector<std::string> names() const;
};

// Errors: unavailable, where the document is not a catalog.
Result<Catalog> parse_catalog(std::string_view document);

}  // namespace acloud::cli
