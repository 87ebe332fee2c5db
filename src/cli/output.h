// Results on standard output: tables for people, JSON for programs.
//
// What a server sends is a stranger's text. On a terminal, control characters in it are shown, not obeyed.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/schema.h"
#include "cli/failure.h"
#include "cli/options.h"
#include "cli/world.h"

namespace acloud::cli {

class Output {
 public:
  Output(const World& world, const Options& options);

  Format format() const { return format_; }
  // A whole reply, as JSON text.
  Outcome<> reply(std::string_view text);
  // One line of NDJSON.
  Outcome<> line(const OrderedJson& value);
  // Bytes as they are.
  Outcome<> bytes(std::string_view bytes);
  // Only the fields that were asked for, or all.
  OrderedJson selected(const OrderedJson& value) const;

 private:
  Outcome<> check() const;

  const World& world_;
  Format format_;
  std::vector<std::string> fields_;
};

// Rows under their columns' names, which are the union of the items' fields in the order they first appear.
std::string table_of_items(const OrderedJson& items);
// One field a line; texts of several lines below their name.
std::string table_of_fields(const OrderedJson& object);
// `text` without what a terminal would obey. Line breaks stay where `lines` says so.
std::string printable(std::string_view text, bool lines = false);

// On standard error: as JSON where the result would be JSON and nobody watches, else as text.
void report(const World& world, const Options& options, const Failure& failure);

}  // namespace acloud::cli
