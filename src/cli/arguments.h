// From the words of a command line to a request.
//
// The words before the product are the program's own flags. After the operation a flag is first a field of
// its request, then one of the program's: `acloud object get --key k` names the object's key, and an API key
// goes before: `acloud --key acloud_... object get`.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/catalog.h"
#include "cli/options.h"

namespace acloud::cli {

using Words = std::span<const std::string>;
// Gives what "@FILE" or "-" stands for. Errors: not_found, too_large, invalid_argument.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

// Takes the program's own flags from the front of `words`. Errors: invalid_argument.
Result<> take_options(Words& words, Options& options);

struct Request {
  OrderedJson fields = OrderedJson::object();
  // Where the field of body_in is read from, when it goes as the raw body: a path, "-" for standard input.
  std::optional<std::string> body_path;
};

// Reads the words after an operation's name. Stops early, with what it has, once --help was seen.
// Errors: invalid_argument, with what to type instead.
Result<Request> parse_request(const Operation& operation, Words words, Options& options,
                              const ReadFile& read_file);

// The required fields, in the order in which positional arguments fill them.
std::vector<std::string> positional_fields(const Operation& operation);

}  // namespace acloud::cli
