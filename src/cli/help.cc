#include "cli/help.h"

#include <fmt/ranges.h>

#include "base/json_text.h"
#include "cli/arguments.h"
#include "cli/names.h"
#include "cli/options.h"
#include "cli/shape.h"

namespace acloud::cli {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;
constexpr std::size_t kWidestLabel = 32;

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string section(std::string_view title, const Rows& rows) {
  if (rows.empty()) return "";
  std::size_t widest = 0;
  for (const auto& [label, text] : rows) {
    if (label.size() <= kWidestLabel) widest = std::max(widest, label.size());
  }
  std::string page = fmt::format("\n{}:\n", title);
  for (const auto& [label, text] : rows) {
    if (label.size() <= widest) {
      page += fmt::format("  {:{}}  {}\n", label, widest, text);
    } else {
      page += fmt::format("  {}\n  {:{}}  {}\n", label, "", widest, text);
    }
  }
  return page;
}

Rows options_rows() {
  Rows rows;
  for (const OptionFlag& flag : option_flags()) {
    rows.emplace_back(
        fmt::format("--{}{}{}", flag.name, flag.placeholder.empty() ? "" : " ", flag.placeholder),
        std::string(flag.help));
  }
  return rows;
}

// "At least 1, at most 100. Default 10."
std::string constraints(const OrderedJson& schema) {
  std::vector<std::string> parts;
  const auto add = [&](const char* name, std::string_view words) {
    // An empty list or object is what leaving the flag out gives anyway.
    if (const auto found = schema.find(name);
        found != schema.end() && !(found->is_structured() && found->empty())) {
      parts.push_back(fmt::format("{} {}", words, found->dump()));
    }
  };
  add("minimum", "at least");
  add("maximum", "at most");
  add("minLength", "characters at least");
  add("maxLength", "characters at most");
  add("pattern", "like");
  add("default", "default");
  return parts.empty() ? "" : fmt::format(" ({})", fmt::join(parts, ", "));
}

// The flags of `shape`'s fields; those of an object within it as --outer.inner.
void add_fields(const Shape& shape, const std::string& prefix, const std::vector<std::string>& required,
                Rows& rows) {
  for (const auto& property : shape.properties()) {
    const Shape field = Shape::of(*property.schema, shape.root());
    const std::string flag = "--" + prefix + shown(property.name);
    const bool is_required = prefix.empty() && std::ranges::find(required, property.name) != required.end();
    std::string text = text_at(*property.schema, "description") + constraints(*property.schema);
    if (is_required) text += " Required.";
    if (field.is_flag()) {
      rows.emplace_back(fmt::format("{0}, --no-{1}", flag, flag.substr(2)), text);
      continue;
    }
    if (field.is_array() && !field.takes_text() && field.has_plain_elements())
      text += " Repeat it for several.";
    if (field.free_values() && field.properties().empty()) text += " NAME=VALUE, repeated, or JSON.";
    rows.emplace_back(fmt::format("{} {}", flag, field.placeholder()), text);
    if (prefix.empty()) add_fields(field, shown(property.name) + ".", {}, rows);
  }
}

// For a shell: left alone where it is plain, else in single quotes.
std::string quoted(const std::string& text) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("-_./:@%+,=").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? "'\\''" : std::string(1, c);
  return result + "'";
}

std::string as_word(const OrderedJson& value) {
  return quoted(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string sentence(const std::string& text) { return text.empty() ? "" : text + "\n"; }

}  // namespace

std::string command_line(const Operation& operation, const OrderedJson& request) {
  std::string line = "acloud " + operation.command();
  const auto positional = positional_fields(operation);
  for (const std::string& field : positional) {
    if (request.contains(field) && !as_word(request[field]).starts_with('-'))
      line += " " + as_word(request[field]);
  }
  const Shape shape = Shape::of(operation.request, operation.request);
  for (const auto& [name, value] : request.items()) {
    const bool placed =
        std::ranges::find(positional, name) != positional.end() && !as_word(value).starts_with('-');
    if (placed) continue;
    const auto property = shape.property(name);
    const bool plain_elements = property.schema && value.is_array() &&
                                Shape::of(*property.schema, operation.request).has_plain_elements();
    if (value.is_boolean()) {
      line += fmt::format(" --{}{}", value.get<bool>() ? "" : "no-", shown(name));
    } else if (plain_elements) {
      for (const OrderedJson& element : value) line += fmt::format(" --{} {}", shown(name), as_word(element));
    } else {
      line += fmt::format(" --{} {}", shown(name), as_word(value));
    }
  }
  return line;
}

std::string program_help(const Catalog* catalog, const std::vector<LocalHelp>& local) {
  std::string page =
      "acloud: the cloud that agents run on.\n\n"
      "Usage: acloud [OPTION ...] PRODUCT OPERATION [ARGUMENT ...] [--FIELD VALUE ...]\n"
      "       acloud PRODUCT --help    what a product can do\n";
  Rows products;
  if (catalog) {
    for (const Product& product : catalog->products)
      products.emplace_back(shown(product.name), product.summary);
  }
  page += section("Products", products);
  Rows commands;
  for (const LocalHelp& command : local) commands.emplace_back(command.name, command.summary);
  page += section("Commands", commands);
  page += section("Options", options_rows());
  page +=
      "\nResults go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed,\n"
      "2 wrong usage, 3 server not reachable, 4 not authenticated, 5 denied by policy or budget, 130 "
      "interrupted.\n";
  return page;
}

std::string product_help(const Product& product) {
  Rows rows;
  for (const Operation& operation : product.operations)
    rows.emplace_back(shown(operation.name), operation.summary);
  return fmt::format("{}\nUsage: acloud {} OPERATION [ARGUMENT ...] [--FIELD VALUE ...]\n",
                     sentence(product.summary), shown(product.name)) +
         section("Operations", rows) +
         fmt::format("\nacloud {} OPERATION --help explains an operation.\n", shown(product.name));
}

std::string operation_help(const Operation& operation) {
  const auto required = positional_fields(operation);
  std::string usage = "acloud " + operation.command();
  for (const std::string& field : required) usage += " " + upper(field);
  std::string page = sentence(operation.summary);
  if (!operation.description.empty()) page += "\n" + sentence(operation.description);
  page += fmt::format("\nUsage: {} [--FIELD VALUE ...]\n", usage);
  Rows rows;
  add_fields(Shape::of(operation.request, operation.request), "", required, rows);
  if (operation.body_in) {
    rows.emplace_back(fmt::format("--{}-file PATH", shown(*operation.body_in)),
                      "Sent from this file as it is read; - is standard input.");
  }
  page += section("Fields", rows);
  if (!operation.examples.empty()) page += "\nExamples:\n";
  for (const auto& example : operation.examples) {
    if (!example.summary.empty()) page += fmt::format("  # {}\n", example.summary);
    page += fmt::format("  {}\n", command_line(operation, example.request));
  }
  if (operation.body_out)
    page +=
        fmt::format("\nWith --output raw the result is the bytes of {} alone.\n", shown(*operation.body_out));
  if (operation.streams) page += "\nWrites events as they come; --output json waits for the one result.\n";
  if (!operation.effect.empty()) page += fmt::format("\nEffect: {}.", operation.effect);
  page += fmt::format(" Options of every command: acloud --help. Its schema: acloud schema {}\n",
                      operation.full_name());
  return page;
}

}  // namespace acloud::cli
