#include "cli/arguments.h"

#include <fmt/ranges.h>

#include "cli/names.h"
#include "cli/shape.h"

namespace acloud::cli {
namespace {

struct Flag {
  std::string name;  // without the dashes
  std::optional<std::string> value;
};

Flag split_flag(std::string_view word) {
  word.remove_prefix(2);
  const auto equals = word.find('=');
  if (equals == word.npos) return {std::string(word), std::nullopt};
  return {std::string(word.substr(0, equals)), std::string(word.substr(equals + 1))};
}

bool is_flag(std::string_view word) {
  if (word.starts_with("--")) return word.size() > 2;
  // "-" is standard input, "-5" a number.
  return word.size() > 1 && word[0] == '-' && !(word[1] >= '0' && word[1] <= '9');
}

// A field that a flag leads to: "limits.memory-bytes", "env.PATH".
struct Target {
  std::vector<std::string> path;
  const OrderedJson* schema = nullptr;
};

class RequestParser {
 public:
  RequestParser(const Operation& operation, Words words, Options& options, const ReadFile& read_file)
      : operation_(operation),
        words_(words),
        options_(options),
        read_file_(read_file),
        shape_(Shape::of(operation.request, operation.request)) {}

  Result<Request> run() {
    while (!words_.empty() && !options_.help) {
      const std::string word = words_.front();
      words_ = words_.subspan(1);
      if (word == "--") {
        positional_.insert(positional_.end(), words_.begin(), words_.end());
        words_ = {};
      } else if (is_flag(word)) {
        ACLOUD_CHECK(take_flag(word));
      } else {
        positional_.push_back(word);
      }
    }
    if (options_.help) return std::move(request_);
    ACLOUD_CHECK(take_whole_request());
    ACLOUD_CHECK(take_positional());
    ACLOUD_CHECK(check_required());
    return std::move(request_);
  }

 private:
  Result<> take_flag(const std::string& word) {
    if (!word.starts_with("--")) {
      if (const OptionFlag* option = find_option(word)) return take_option(*option, {word, std::nullopt});
      return unknown(word);
    }
    const Flag flag = split_flag(word);
    if (const auto target = find(flag.name)) return take_field(*target, flag);
    if (flag.name.starts_with("no-") || flag.name.starts_with("no_")) {
      const auto target = find(flag.name.substr(3));
      if (target && Shape::of(*target->schema, operation_.request).is_flag() && !flag.value) {
        return set(*target, false, flag.name);
      }
    }
    if (flag.name.ends_with("-file") || flag.name.ends_with("_file")) {
      const auto target = find(flag.name.substr(0, flag.name.size() - 5));
      if (target && Shape::of(*target->schema, operation_.request).takes_text())
        return take_file(*target, flag);
    }
    if (const OptionFlag* option = find_option("--" + flag.name)) return take_option(*option, flag);
    return unknown("--" + flag.name);
  }

  // The value after the flag: "--limit=5" or "--limit 5".
  Result<std::string> value_of(const Flag& flag, std::string_view placeholder) {
    if (flag.value) return *flag.value;
    if (words_.empty()) {
      return fail(ErrorCode::invalid_argument, "--{} needs a value: --{} {}", flag.name, flag.name,
                  placeholder);
    }
    std::string value = words_.front();
    words_ = words_.subspan(1);
    return value;
  }

  Result<> take_option(const OptionFlag& option, Flag flag) {
    flag.name = option.name;
    if (option.placeholder.empty()) return set_option(options_, option, "");
    ACLOUD_TRY(const std::string value, value_of(flag, option.placeholder));
    return set_option(options_, option, value);
  }

  std::optional<Target> find(std::string_view name) const {
    Target target;
    Shape shape = shape_;
    for (;;) {
      const auto dot = name.find('.');
      const Shape::Property property = shape.property(name.substr(0, dot));
      if (!property.schema) {
        // A name that is free, such as that of an environment variable, is taken as it is, dots and all.
        if (target.path.empty() || !shape.free_values() || name.empty()) return std::nullopt;
        target.path.emplace_back(name);
        target.schema = shape.free_values();
        return target;
      }
      target.path.push_back(property.name);
      target.schema = property.schema;
      if (dot == name.npos) return target;
      name.remove_prefix(dot + 1);
      shape = Shape::of(*property.schema, operation_.request);
    }
  }

  Result<> take_field(const Target& target, const Flag& flag) {
    const Shape shape = Shape::of(*target.schema, operation_.request);
    if (shape.is_flag() && !flag.value) return set(target, true, flag.name);
    ACLOUD_TRY(std::string text, value_of(flag, shape.placeholder()));
    return take_text(target, shape, std::move(text), flag.name);
  }

  Result<> take_text(const Target& target, const Shape& shape, std::string text, const std::string& name) {
    const auto named = [&](Error error) {
      return fail(ErrorCode::invalid_argument, "--{} {}", name, error.message());
    };
    const bool plain_elements = shape.is_array() && shape.has_plain_elements();
    if (text.starts_with('@') && !shape.takes_text() && !plain_elements) {
      ACLOUD_TRY(text, read_file_(text.substr(1)));
    }
    if (plain_elements && !shape.takes_text()) {
      const auto element = Shape::of(*shape.elements(), operation_.request).convert(text);
      if (!element) return named(element.error());
      return append(target, *element);
    }
    if (shape.is_array() && !shape.takes_text() && text.find_first_not_of(" \t\r\n") != text.npos &&
        text[text.find_first_not_of(" \t\r\n")] == '{') {
      const auto element = Shape::of(*shape.elements(), operation_.request).convert(text);
      if (!element) return named(element.error());
      return append(target, *element);
    }
    // --env NAME=VALUE, beside --env.NAME VALUE and --env '{...}'.
    if (const auto equals = text.find('=');
        shape.free_values() && !text.starts_with('{') && equals != text.npos) {
      const auto value = Shape::of(*shape.free_values(), operation_.request).convert(text.substr(equals + 1));
      if (!value) return named(value.error());
      Target entry{target.path, shape.free_values()};
      entry.path.push_back(text.substr(0, equals));
      return set(entry, *value, name);
    }
    const auto value = shape.convert(text);
    if (!value) return named(value.error());
    return set(target, *value, name);
  }

  Result<> take_file(const Target& target, const Flag& flag) {
    ACLOUD_TRY(const std::string path, value_of(flag, "PATH"));
    if (operation_.body_in && target.path.size() == 1 && target.path[0] == *operation_.body_in) {
      request_.body_path = path;
      return {};
    }
    ACLOUD_TRY(const std::string text, read_file_(path));
    return set(target, text, flag.name);
  }

  OrderedJson& place(const Target& target) {
    OrderedJson* at = &request_.fields;
    for (const std::string& name : target.path) {
      if (!at->is_object()) *at = OrderedJson::object();
      at = &(*at)[name];
    }
    return *at;
  }

  Result<> set(const Target& target, OrderedJson value, const std::string& name) {
    OrderedJson& at = place(target);
    const bool repeatable = Shape::of(*target.schema, operation_.request).is_array();
    if (at.is_object() && value.is_object()) {
      at.update(value);
    } else if (at.is_null()) {
      at = std::move(value);
    } else if (repeatable) {
      // A field that is text or several texts: given again, it is several.
      if (!at.is_array()) at = OrderedJson::array({std::move(at)});
      at.push_back(std::move(value));
    } else {
      const bool global = find_option("--" + name) != nullptr;
      return fail(
          ErrorCode::invalid_argument, "--{} is given twice{}", name,
          global ? fmt::format("; the program's own --{} goes before the product: acloud --{} VALUE {} ...",
                               name, name, shown(operation_.product))
                 : "");
    }
    return {};
  }

  Result<> append(const Target& target, OrderedJson value) {
    OrderedJson& at = place(target);
    if (at.is_null()) at = OrderedJson::array();
    at.push_back(std::move(value));
    return {};
  }

  // --json comes first, whatever the order of the words: flags add to it and replace what it says.
  Result<> take_whole_request() {
    if (!options_.request) return {};
    std::string text = *options_.request;
    if (text == "-" || text.starts_with('@')) {
      ACLOUD_TRY(text, read_file_(text == "-" ? "-" : text.substr(1)));
    }
    const auto checked = parse_json(text);
    if (!checked) return fail(ErrorCode::invalid_argument, "--json: {}", checked.error().message());
    if (!checked->is_object()) return fail(ErrorCode::invalid_argument, "--json takes a JSON object");
    OrderedJson whole = OrderedJson::parse(text, nullptr, false);
    whole.update(request_.fields, true);
    request_.fields = std::move(whole);
    return {};
  }

  bool is_given(const std::string& field) const {
    return request_.fields.contains(field) || (request_.body_path && field == operation_.body_in);
  }

  Result<> take_positional() {
    std::vector<std::string> open;
    for (const std::string& field : positional_fields(operation_)) {
      if (!is_given(field)) open.push_back(field);
    }
    std::size_t next = 0;
    for (std::size_t i = 0; i < open.size() && next < positional_.size(); ++i) {
      const Target target = *find(open[i]);
      const Shape shape = Shape::of(*target.schema, operation_.request);
      ACLOUD_CHECK(take_text(target, shape, positional_[next++], shown(open[i])));
      // What is left over belongs to a last field that takes several: `sandbox exec ID -- ls -l`.
      while (i + 1 == open.size() && shape.is_array() && next < positional_.size()) {
        ACLOUD_CHECK(take_text(target, shape, positional_[next++], shown(open[i])));
      }
    }
    if (next == positional_.size()) return {};
    const auto takes = positional_fields(operation_);
    return fail(ErrorCode::invalid_argument, "\"{}\" is one argument too many: acloud {} {}",
                positional_[next], operation_.command(), takes.empty() ? "takes flags alone" : usage(takes));
  }

  static std::string usage(const std::vector<std::string>& fields) {
    std::vector<std::string> words;
    for (const std::string& field : fields) {
      std::string word = field;
      std::ranges::transform(word, word.begin(),
                             [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      words.push_back(std::move(word));
    }
    return fmt::format("{}", fmt::join(words, " "));
  }

  Result<> check_required() {
    std::vector<std::string> missing;
    for (const std::string& field : positional_fields(operation_)) {
      if (!is_given(field)) missing.push_back("--" + shown(field));
    }
    if (missing.empty()) return {};
    return fail(ErrorCode::invalid_argument, "acloud {} needs {}; see acloud {} --help", operation_.command(),
                fmt::join(missing, " and "), operation_.command());
  }

  Result<> unknown(const std::string& word) const {
    std::vector<std::string> known;
    for (const auto& property : shape_.properties()) known.push_back("--" + shown(property.name));
    std::vector<std::string> with_options = known;
    for (const OptionFlag& option : option_flags()) with_options.push_back(fmt::format("--{}", option.name));
    const std::string near = nearest(word, with_options);
    return fail(ErrorCode::invalid_argument, "acloud {} has no flag {}{}", operation_.command(), word,
                near.empty() ? suggestion(word, known) : fmt::format("; did you mean \"{}\"?", near));
  }

  const Operation& operation_;
  Words words_;
  Options& options_;
  const ReadFile& read_file_;
  Shape shape_;
  Request request_;
  std::vector<std::string> positional_;
};

}  // namespace

Result<> take_options(Words& words, Options& options) {
  while (!words.empty() && is_flag(words.front())) {
    const std::string word = words.front();
    Flag flag = word.starts_with("--") ? split_flag(word) : Flag{word, std::nullopt};
    const OptionFlag* option = find_option(word.starts_with("--") ? "--" + flag.name : word);
    if (!option) {
      std::vector<std::string> known;
      for (const OptionFlag& one : option_flags()) known.push_back(fmt::format("--{}", one.name));
      return fail(ErrorCode::invalid_argument, "acloud has no flag {} before a product{}", word,
                  suggestion(word, known));
    }
    words = words.subspan(1);
    std::string value = flag.value.value_or("");
    if (!option->placeholder.empty() && !flag.value) {
      if (words.empty()) {
        return fail(ErrorCode::invalid_argument, "--{} needs a value: --{} {}", option->name, option->name,
                    option->placeholder);
      }
      value = words.front();
      words = words.subspan(1);
    }
    ACLOUD_CHECK(set_option(options, *option, value));
  }
  return {};
}

std::vector<std::string> positional_fields(const Operation& operation) {
  const auto required = operation.request.find("required");
  std::vector<std::string> fields;
  if (required == operation.request.end() || !required->is_array()) return fields;
  for (const auto& property : Shape::of(operation.request, operation.request).properties()) {
    if (std::ranges::find(*required, OrderedJson(property.name)) != required->end())
      fields.push_back(property.name);
  }
  return fields;
}

Result<Request> parse_request(const Operation& operation, Words words, Options& options,
                              const ReadFile& read_file) {
  return RequestParser(operation, words, options, read_file).run();
}

}  // namespace acloud::cli
