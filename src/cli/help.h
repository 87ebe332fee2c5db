// Help pages, made from the catalog.
#pragma once

#include <string>

#include "cli/catalog.h"

namespace acloud::cli {

// A command that the program does itself, without the catalog.
struct LocalHelp {
  std::string name;
  std::string summary;
};

// `catalog` is null where no server could be asked.
std::string program_help(const Catalog* catalog, const std::vector<LocalHelp>& local);
std::string product_help(const Product& product);
std::string operation_help(const Operation& operation);

// A request as the command line that sends it.
std::string command_line(const Operation& operation, const OrderedJson& request);

}  // namespace acloud::cli
