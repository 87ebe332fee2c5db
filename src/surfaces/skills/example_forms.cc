#include "surfaces/skills/example_forms.h"

#include <ranges>

namespace acloud::surfaces::skills {
namespace {

constexpr std::string_view kMark = "\x01";  // no declared example holds one: JSON text can't, unescaped

bool is_capital(char c) { return (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9'); }

std::string capitals(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return upper;
}

// The prefix of "sbx_00c1d2e3f4a5b6c7d8e9"; "" where `text` is no identifier.
std::string_view prefix_of(std::string_view text) {
  const auto cut = text.find('_');
  if (cut == text.npos || cut == 0 || text.size() - cut < 13) return {};
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  if (!std::ranges::all_of(text.substr(cut + 1), is_hex)) return {};
  return std::ranges::all_of(text.substr(0, cut), is_letter) ? text.substr(0, cut) : std::string_view();
}

// Puts kMark and its name in place of what is a variable.
void mark(OrderedJson& value, const std::string& name, const std::set<std::string>& variables) {
  if (value.is_object()) {
    for (auto& [key, inner] : value.items()) mark(inner, key, variables);
    return;
  }
  if (value.is_array()) {
    for (auto& inner : value) mark(inner, "", variables);
    return;
  }
  std::string variable;
  if (value.is_string()) variable = capitals(prefix_of(value.get_ref<const std::string&>()));
  if (variable.empty() || !variables.contains(variable)) variable = capitals(name);
  if (variable.empty() || !variables.contains(variable)) return;
  // Beside the mark: whether it stands in quotes in JSON.
  value = std::string(kMark) + (value.is_string() ? "s" : "n") + variable;
}

bool is_variable(const OrderedJson& value);
std::string variable_name(const OrderedJson& value);

void collect(const OrderedJson& value, std::set<std::string>& names) {
  if (is_variable(value)) names.insert(variable_name(value));
  if (value.is_structured()) {
    for (const OrderedJson& inner : value) collect(inner, names);
  }
}

bool is_variable(const OrderedJson& value) {
  return value.is_string() && value.get_ref<const std::string&>().starts_with(kMark);
}
std::string variable_name(const OrderedJson& value) { return value.get<std::string>().substr(2); }
bool is_quoted(const OrderedJson& value) { return value.get_ref<const std::string&>()[1] == 's'; }

// JSON text in which `place` gives what stands for a variable.
void write(const OrderedJson& value, std::string (*place)(const OrderedJson&), std::string& out) {
  if (is_variable(value)) {
    const std::string text = place(value);
    out += is_quoted(value) ? '"' + text + '"' : text;
  } else if (value.is_object()) {
    out += '{';
    bool first = true;
    for (const auto& [key, inner] : value.items()) {
      if (!std::exchange(first, false)) out += ',';
      append_json_string(out, key);
      out += ':';
      write(inner, place, out);
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      write(value[i], place, out);
    }
    out += ']';
  } else {
    out += value.dump();
  }
}

std::string dollar(const OrderedJson& value) { return "$" + variable_name(value); }
// Between the NULs of a text that is to be a shell's word.
std::string hole(const OrderedJson& value) { return '\0' + variable_name(value) + '\0'; }

// JSON as a shell's word: what stands between NULs is a variable.
std::string json_word(const OrderedJson& value) {
  std::string text;
  write(value, hole, text);
  std::string word;
  for (std::size_t at = 0; at <= text.size();) {
    const auto begin = std::min(text.find('\0', at), text.size());
    word += begin > at || word.empty() ? shell_word(text.substr(at, begin - at)) : "";
    if (begin == text.size()) break;
    const auto end = text.find('\0', begin + 1);
    word += "\"$" + text.substr(begin + 1, end - begin - 1) + '"';
    at = end + 1;
    if (at == text.size()) break;
  }
  return word;
}

bool is_flat(const OrderedJson& request) {
  return std::ranges::none_of(request, [](const OrderedJson& value) { return value.is_structured(); });
}

}  // namespace

std::string shell_word(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-/:,+@%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

std::set<std::string> variables_of(std::string_view script) {
  std::set<std::string> names;
  for (std::size_t at = 0; at < script.size();) {
    const auto end = std::min(script.find('\n', at), script.size());
    const std::string_view line = script.substr(at, end - at);
    const auto equals = line.find('=');
    if (equals != line.npos && equals > 0 && std::ranges::all_of(line.substr(0, equals), is_capital))
      names.emplace(line.substr(0, equals));
    at = end + 1;
  }
  return names;
}

std::string set_up_for(std::string_view script, std::string_view operation, std::set<std::string> wanted) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at < script.size();) {
    const auto end = std::min(script.find('\n', at), script.size());
    lines.push_back(script.substr(at, end - at));
    at = end + 1;
  }
  constexpr std::string_view kFor = "  # for ";
  std::string kept;
  // From the end, so that what a line needs is known before the lines that make it are seen.
  for (std::string_view line : lines | std::views::reverse) {
    const auto sets = variables_of(line);
    if (line.starts_with('#')) continue;
    if (!sets.empty() && !wanted.contains(*sets.begin())) continue;
    if (const auto mark = line.rfind(kFor); mark != line.npos) {
      const std::string names = fmt::format(", {}, ", line.substr(mark + kFor.size()));
      if (!names.contains(fmt::format(", {}, ", operation))) continue;
      line = line.substr(0, mark);
    }
    for (auto at = line.find('$'); at != line.npos; at = line.find('$', at + 1)) {
      const auto* const begin = line.begin() + static_cast<std::ptrdiff_t>(at) + 1;
      wanted.emplace(begin, std::find_if_not(begin, line.end(), is_capital));
    }
    kept = fmt::format("{}\n{}", line, kept);
  }
  return kept;
}

ExampleForms::ExampleForms(const kernel::Operation& operation, const kernel::OperationExample& example,
                           const std::set<std::string>& variables)
    : operation_(operation), request_(OrderedJson::parse(example.request_json)) {
  mark(request_, "", variables);
}

std::set<std::string> ExampleForms::used() const {
  std::set<std::string> names;
  collect(request_, names);
  return names;
}

std::string ExampleForms::json() const {
  std::string text;
  write(request_, dollar, text);
  return text;
}

std::string ExampleForms::curl() const {
  return fmt::format("curl -sS --fail-with-body \"$ACLOUD_URL/api/{}/{}\"{} \\\n  -d {}", operation_.product,
                     operation_.name,
                     operation_.keyless ? "" : " -H \"Authorization: Bearer $ACLOUD_API_KEY\"",
                     json_word(request_));
}

std::string ExampleForms::cli() const {
  const auto dashes = [](std::string name) {
    std::ranges::replace(name, '_', '-');
    return name;
  };
  std::string command = fmt::format("acloud {} {}", dashes(operation_.product), dashes(operation_.name));
  if (!is_flat(request_)) {
    command += " --json " + json_word(request_);
  } else {
    for (const auto& [name, value] : request_.items()) {
      const std::string flag = dashes(name);
      if (is_variable(value)) {
        command += fmt::format(" --{} \"${}\"", flag, variable_name(value));
      } else if (value.is_boolean() &&
                 operation_.request()["properties"][name].value("type", "") == "boolean") {
        command += value.get<bool>() ? " --" + flag : " --no-" + flag;
      } else {
        const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
        command += fmt::format(" --{}{}{}", flag, text.starts_with('-') ? '=' : ' ', shell_word(text));
      }
    }
  }
  // A stream is waited for: what a program wants is the whole reply.
  return operation_.streams ? command + " --output json" : command;
}

std::string ExampleForms::mcp() const {
  std::string arguments;
  write(request_, dollar, arguments);
  return fmt::format(R"({{"name":"call","arguments":{{"operation":"{}","arguments":{}}}}})",
                     operation_.full_name(), arguments);
}

}  // namespace acloud::surfaces::skills
