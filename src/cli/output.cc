#include "cli/output.h"

#include <ostream>

#include "base/encoding.h"

namespace acloud::cli {
namespace {

constexpr std::size_t kWidestCell = 80;

Format format_of(const World& world, const Options& options) {
  if (options.all) return Format::ndjson;
  return options.output.value_or(world.out_is_terminal ? Format::table : Format::json);
}

std::string dump(const OrderedJson& value, int indent = -1) {
  return value.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

// How many columns UTF-8 text takes, one for each code point.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string shortened(std::string text) {
  if (width(text) <= kWidestCell) return text;
  std::size_t columns = 0;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((text[at] & 0xc0) != 0x80 && ++columns == kWidestCell) break;
  }
  return text.substr(0, at) + "…";
}

std::string cell(const OrderedJson& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return printable(value.get<std::string>());
  return printable(dump(value));
}

std::string padded(const std::string& text, std::size_t columns) {
  return text + std::string(columns - std::min(columns, width(text)), ' ');
}

// The value at "a.b" in `object`, or null.
const OrderedJson* at_path(const OrderedJson& object, std::string_view path) {
  const OrderedJson* at = &object;
  for (;;) {
    const auto dot = path.find('.');
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string(path.substr(0, dot)));
    if (found == at->end()) return nullptr;
    at = &*found;
    if (dot == path.npos) return at;
    path.remove_prefix(dot + 1);
  }
}

std::string as_table(const OrderedJson& reply) {
  if (!reply.is_object()) return cell(reply) + "\n";
  const auto items = reply.find("items");
  if (items == reply.end() || !items->is_array()) return table_of_fields(reply);
  return table_of_items(*items);
}

}  // namespace

std::string printable(std::string_view text, bool lines) {
  std::string result;
  const std::string valid = to_valid_utf8(text);
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const auto c = static_cast<unsigned char>(valid[i]);
    // C1 controls are two bytes in UTF-8: 0xc2, 0x80 to 0x9f.
    const bool c1 = c == 0xc2 && i + 1 < valid.size() && static_cast<unsigned char>(valid[i + 1]) < 0xa0;
    if (c1) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(valid[++i]));
    } else if (c == '\n' && !lines) {
      result += "\\n";
    } else if ((c < 0x20 && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f) {
      result += fmt::format("\\x{:02x}", c);
    } else {
      result += valid[i];
    }
  }
  return result;
}

std::string table_of_items(const OrderedJson& items) {
  std::vector<std::string> columns;
  for (const OrderedJson& item : items) {
    if (!item.is_object()) continue;
    for (const auto& [name, value] : item.items()) {
      if (std::ranges::find(columns, name) == columns.end()) columns.push_back(name);
    }
  }
  if (columns.empty()) {
    std::string text;
    for (const OrderedJson& item : items) text += cell(item) + "\n";
    return text;
  }
  std::vector<std::vector<std::string>> rows(1);
  for (const std::string& column : columns) rows[0].push_back(printable(column));
  for (const OrderedJson& item : items) {
    auto& row = rows.emplace_back();
    for (const std::string& column : columns) {
      row.push_back(item.is_object() && item.contains(column) ? shortened(cell(item[column])) : "");
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::size_t widest = 0;
      for (const auto& other : rows) widest = std::max(widest, width(other[i]));
      line += i + 1 == row.size() ? row[i] : padded(row[i], widest + 2);
    }
    while (line.ends_with(' ')) line.pop_back();
    text += line + "\n";
  }
  return text;
}

std::string table_of_fields(const OrderedJson& object) {
  std::size_t widest = 0;
  for (const auto& [name, value] : object.items()) widest = std::max(widest, width(name));
  std::string text;
  for (const auto& [name, value] : object.items()) {
    const std::string label = padded(printable(name), widest + 2);
    if (value.is_string() && value.get_ref<const std::string&>().find('\n') != std::string::npos) {
      text += printable(name) + ":\n" + printable(value.get_ref<const std::string&>(), true);
      if (!text.ends_with('\n')) text += '\n';
    } else {
      text += label + cell(value) + "\n";
    }
  }
  return text;
}

Output::Output(const World& world, const Options& options)
    : world_(world), format_(format_of(world, options)), fields_(options.fields) {}

OrderedJson Output::selected(const OrderedJson& value) const {
  if (fields_.empty() || !value.is_object()) return value;
  OrderedJson chosen = OrderedJson::object();
  for (const std::string& field : fields_) {
    const OrderedJson* found = at_path(value, field);
    chosen[field] = found ? *found : OrderedJson(nullptr);
  }
  return chosen;
}

Outcome<> Output::reply(std::string_view text) {
  if (format_ == Format::raw || (format_ != Format::table && fields_.empty())) {
    ACLOUD_CHECK(bytes(text));
    return text.ends_with('\n') || format_ == Format::raw ? Outcome<>() : bytes("\n");
  }
  if (const auto checked = parse_json(text); !checked) {
    return std::unexpected(Error(ErrorCode::unavailable, fmt::format("the server's reply is not JSON: {}",
                                                                     checked.error().message())));
  }
  OrderedJson value = OrderedJson::parse(text, nullptr, false);
  if (value.is_object() && value.contains("items") && value["items"].is_array()) {
    for (OrderedJson& item : value["items"]) item = selected(item);
  } else {
    value = selected(value);
  }
  if (format_ != Format::table) return line(value);
  if (value.is_object() && value.contains("items") && value["items"].empty())
    *world_.err << "nothing there\n";
  const auto next = value.is_object() ? value.find("next_cursor") : value.end();
  ACLOUD_CHECK(bytes(as_table(value)));
  if (value.is_object() && next != value.end() && next->is_string() && !next->get<std::string>().empty()) {
    *world_.err << fmt::format("there is more: add --all, or --cursor '{}'\n",
                               printable(next->get<std::string>()));
  }
  return {};
}

Outcome<> Output::line(const OrderedJson& value) { return bytes(dump(value) + "\n"); }

Outcome<> Output::bytes(std::string_view bytes) {
  world_.out->write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  world_.out->flush();
  return check();
}

// Whoever read the output has gone, as `head` does: nothing more to do, and nobody to tell.
Outcome<> Output::check() const {
  if (*world_.out) return {};
  return std::unexpected(Error(ErrorCode::unavailable, "standard output is closed"));
}

void report(const World& world, const Options& options, const Failure& failure) {
  const Error& error = failure.error;
  const bool asked = options.output && *options.output != Format::table;
  const bool as_json = asked || (!options.output && !world.out_is_terminal && !world.err_is_terminal);
  if (as_json && options.output != Format::raw) {
    const OrderedJson json{{"error",
                            {{"code", traits(error.code()).name},
                             {"message", error.message()},
                             {"details", OrderedJson(error.details())},
                             {"request_id", failure.request_id}}}};
    *world.err << dump(json) << "\n";
    return;
  }
  *world.err << fmt::format("error: {} ({})\n", printable(error.message()), traits(error.code()).name);
  if (const auto after = error.retry_after()) {
    *world.err << fmt::format("retry after {} s\n", std::chrono::ceil<std::chrono::seconds>(*after).count());
  }
  if (!failure.request_id.empty()) *world.err << fmt::format("request {}\n", printable(failure.request_id));
}

}  // namespace acloud::cli
