#include "base/json_schema.h"

#include <array>
#include <cmath>
#include <optional>
#include <set>

namespace acloud {
namespace {

constexpr std::size_t kShown = 80;       // bytes of a value in a message
constexpr std::size_t kWhereMost = 200;  // bytes of its place

// Of what was checked: structures may be large, and are many.
std::string kind_of(const Json& value) {
  if (value.is_object()) return value.empty() ? "{}" : "an object";
  if (value.is_array()) return value.empty() ? "[]" : "a list";
  return value.is_string() && value.get_ref<const std::string&>().size() > kShown ? "a long text"
                                                                                  : to_text(value);
}

// Of the schema.
std::string shown(const Json& value) {
  std::string text = to_text(value);
  if (text.size() <= kShown) return text;
  std::size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

// --- What a schema may say. ---

enum class Holds {
  nothing,
  schema,
  schemas,
  list,
  map,
  type,
  count,
  number,
  texts,
  text_lists,
  flag,
  any,
  ref
};

struct Keyword {
  std::string_view name;
  Holds holds;
};

// What holds nothing says nothing about values.
constexpr std::array kKeywords{Keyword{"type", Holds::type},
                               Keyword{"enum", Holds::list},
                               Keyword{"const", Holds::any},
                               Keyword{"properties", Holds::map},
                               Keyword{"required", Holds::texts},
                               Keyword{"additionalProperties", Holds::schema},
                               Keyword{"propertyNames", Holds::schema},
                               Keyword{"minProperties", Holds::count},
                               Keyword{"maxProperties", Holds::count},
                               Keyword{"dependentRequired", Holds::text_lists},
                               Keyword{"items", Holds::schema},
                               Keyword{"prefixItems", Holds::schemas},
                               Keyword{"contains", Holds::schema},
                               Keyword{"minContains", Holds::count},
                               Keyword{"maxContains", Holds::count},
                               Keyword{"minItems", Holds::count},
                               Keyword{"maxItems", Holds::count},
                               Keyword{"uniqueItems", Holds::flag},
                               Keyword{"minimum", Holds::number},
                               Keyword{"maximum", Holds::number},
                               Keyword{"exclusiveMinimum", Holds::number},
                               Keyword{"exclusiveMaximum", Holds::number},
                               Keyword{"multipleOf", Holds::number},
                               Keyword{"minLength", Holds::count},
                               Keyword{"maxLength", Holds::count},
                               Keyword{"allOf", Holds::schemas},
                               Keyword{"anyOf", Holds::schemas},
                               Keyword{"oneOf", Holds::schemas},
                               Keyword{"not", Holds::schema},
                               Keyword{"if", Holds::schema},
                               Keyword{"then", Holds::schema},
                               Keyword{"else", Holds::schema},
                               Keyword{"$ref", Holds::ref},
                               Keyword{"$defs", Holds::map},
                               Keyword{"definitions", Holds::map},
                               Keyword{"$schema", Holds::nothing},
                               Keyword{"$id", Holds::nothing},
                               Keyword{"$comment", Holds::nothing},
                               Keyword{"title", Holds::nothing},
                               Keyword{"description", Holds::nothing},
                               Keyword{"default", Holds::nothing},
                               Keyword{"examples", Holds::nothing},
                               Keyword{"example", Holds::nothing},
                               Keyword{"deprecated", Holds::nothing},
                               Keyword{"readOnly", Holds::nothing},
                               Keyword{"writeOnly", Holds::nothing},
                               Keyword{"format", Holds::nothing},
                               Keyword{"contentEncoding", Holds::nothing},
                               Keyword{"contentMediaType", Holds::nothing}};

constexpr std::array<std::string_view, 7> kTypes{"null",   "boolean", "object", "array",
                                                 "number", "string",  "integer"};

bool is_type(const Json& name) {
  return name.is_string() && std::ranges::find(kTypes, name.get_ref<const std::string&>()) != kTypes.end();
}

bool are_texts(const Json& value) {
  return value.is_array() && std::ranges::all_of(value, [](const Json& each) { return each.is_string(); });
}

bool is_count(const Json& value) {
  return value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
}

// The part of `schema` that a reference names; null where there is none such.
const Json* referred(const Json& schema, const std::string& ref) {
  if (!ref.starts_with('#')) return nullptr;
  if (ref.size() > 1 && ref[1] != '/') return nullptr;
  if (ref.contains('%')) return nullptr;
  try {
    const Json::json_pointer pointer(ref.substr(1));
    return schema.contains(pointer) ? &schema.at(pointer) : nullptr;
  } catch (const Json::exception&) {  // no pointer: "#/~7"
    return nullptr;
  }
}

class Checked {
 public:
  explicit Checked(const Json& whole) : whole_(whole) {}

  // References lead to schemas, not to whatever else there is. REQUIRES: after schema().
  Result<> references() const {
    for (const auto& [at, to] : references_) {
      if (!schemas_.contains(to)) return wrong(at, "leads to what is no schema");
    }
    return {};
  }

  Result<> schema(const Json& schema, const std::string& where) {
    schemas_.insert(&schema);
    if (schema.is_boolean()) return {};
    if (!schema.is_object())
      return wrong(where, fmt::format("must be a schema (an object, true or false), not {}", shown(schema)));
    for (const auto& [name, value] : schema.items()) {
      const std::string at = where + "/" + name;
      const auto known = std::ranges::find(kKeywords, name, &Keyword::name);
      if (known == kKeywords.end()) {
        if (name.starts_with("x-")) continue;
        return wrong(at, "is not among what acloud can check (docs/tasks.md has the list)");
      }
      ACLOUD_CHECK(keyword(known->holds, value, at));
    }
    return {};
  }

 private:
  static std::unexpected<Error> wrong(const std::string& where, std::string_view what) {
    return fail(ErrorCode::invalid_argument, "{}: {}", where.empty() ? "/" : where, what);
  }

  Result<> keyword(Holds holds, const Json& value, const std::string& at) {
    switch (holds) {
      case Holds::nothing:
      case Holds::any:
        return {};
      case Holds::schema:
        return schema(value, at);
      case Holds::schemas:
        if (!value.is_array() || value.empty()) return wrong(at, "must be a list of schemas, one at least");
        for (std::size_t i = 0; i < value.size(); ++i)
          ACLOUD_CHECK(schema(value[i], fmt::format("{}/{}", at, i)));
        return {};
      case Holds::map:
        if (!value.is_object()) return wrong(at, "must be an object of schemas");
        for (const auto& [name, each] : value.items()) ACLOUD_CHECK(schema(each, at + "/" + name));
        return {};
      case Holds::list:
        if (!value.is_array() || value.empty()) return wrong(at, "must be a list of values, one at least");
        return {};
      case Holds::type: {
        const bool fits =
            is_type(value) || (value.is_array() && !value.empty() && std::ranges::all_of(value, is_type));
        if (fits) return {};
        return wrong(at, fmt::format("must be one of {}, or a list of these, not {}", fmt::join(kTypes, ", "),
                                     shown(value)));
      }
      case Holds::count:
        if (is_count(value)) return {};
        return wrong(at, fmt::format("must be a whole number from 0, not {}", shown(value)));
      case Holds::number:
        if (value.is_number() && (!at.ends_with("/multipleOf") || value.get<double>() > 0)) return {};
        return wrong(at, fmt::format("must be a number{}, not {}",
                                     at.ends_with("/multipleOf") ? " above 0" : "", shown(value)));
      case Holds::texts:
        if (are_texts(value)) return {};
        return wrong(at, "must be a list of names");
      case Holds::text_lists:
        if (value.is_object() && std::ranges::all_of(value, are_texts)) return {};
        return wrong(at, "must be an object of lists of names");
      case Holds::flag:
        if (value.is_boolean()) return {};
        return wrong(at, "must be true or false");
      case Holds::ref:
        if (const Json* to =
                value.is_string() ? referred(whole_, value.get_ref<const std::string&>()) : nullptr) {
          references_.emplace_back(at, to);
          return {};
        }
        return wrong(at, fmt::format("{} is nothing in this schema; a reference is as \"#/$defs/name\"",
                                     shown(value)));
    }
    return {};
  }

  const Json& whole_;
  std::set<const Json*> schemas_;
  std::vector<std::pair<std::string, const Json*>> references_;
};

// --- A check. ---

std::size_t code_points(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool is_whole(const Json& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::nearbyint(value.get<double>()) == value.get<double>();
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  return is_whole(value);
}

bool is_multiple(const Json& value, const Json& of) {
  if (value.is_number_integer() && of.is_number_integer() && !value.is_number_unsigned())
    return value.get<std::int64_t>() % of.get<std::int64_t>() == 0;
  const double times = value.get<double>() / of.get<double>();
  return std::isfinite(times) &&
         std::abs(times - std::nearbyint(times)) < 1e-9 * std::max(1.0, std::abs(times));
}

// Put into words only where they are told.
struct Kind {
  const Json& value;
};
struct Said {
  const Json& value;
};
std::string in_words(Kind kind) { return kind_of(kind.value); }
std::string in_words(Said said) { return shown(said.value); }
std::string_view in_words(std::string_view other) { return other; }
std::size_t in_words(std::size_t other) { return other; }

class Checking {
 public:
  explicit Checking(const Json& whole) : whole_(whole) {}

  // Applies `schema`; appends what is wrong, unless `problems` is null.
  bool fits(const Json& schema, const Json& value, const std::string& where,
            std::vector<std::string>* problems) {
    if (++work_ > JsonSchema::kWorkMost || depth_ >= JsonSchema::kDeepest) {
      exhausted_ = true;
      return false;
    }
    if (schema.is_boolean()) return schema.get<bool>() || told(problems, where, "must not be there");
    ++depth_;
    const bool fitting = all(schema, value, where, problems);
    --depth_;
    return fitting;
  }
  bool exhausted() const { return exhausted_; }

 private:
  using Problems = std::vector<std::string>;

  static bool listens(const Problems* problems) {
    return problems != nullptr && problems->size() < JsonSchema::kProblemsMost;
  }
  // Nothing is put into words that nobody reads.
  template <class... Args>
  static bool told(Problems* problems, const std::string& where, std::string_view what, const Args&... args) {
    if (listens(problems)) {
      problems->push_back(fmt::format("{}: {}", where.empty() ? "the value" : where,
                                      fmt::format(fmt::runtime(what), in_words(args)...)));
    }
    return false;
  }

  static const Json* at(const Json& schema, const char* name) {
    const auto found = schema.find(name);
    return found == schema.end() ? nullptr : &*found;
  }
  static std::string under(const std::string& where, const std::string& name) {
    if (where.size() + name.size() > kWhereMost) return where.empty() ? std::string("...") : where;
    return where.empty() ? name : where + "." + name;
  }

  // Without telling what is wrong.
  bool would_fit(const Json& schema, const Json& value) { return fits(schema, value, "", nullptr); }

  bool all(const Json& schema, const Json& value, const std::string& where, Problems* problems) {
    bool good = of_type(schema, value, where, problems);
    // What follows would only say the same again in other words.
    if (!good) return false;
    if (value.is_object()) good &= object(schema, value, where, problems);
    if (value.is_array()) good &= array(schema, value, where, problems);
    if (value.is_number()) good &= number(schema, value, where, problems);
    if (value.is_string()) good &= text(schema, value, where, problems);
    return combined(schema, value, where, problems) && good;
  }

  bool of_type(const Json& schema, const Json& value, const std::string& where, Problems* problems) {
    bool good = true;
    if (const Json* type = at(schema, "type")) {
      const auto holds = [&](const Json& name) {
        return has_type(value, name.get_ref<const std::string&>());
      };
      if (!(type->is_array() ? std::ranges::any_of(*type, holds) : holds(*type)))
        good = told(problems, where, "must be {}, not {}", Said{*type}, Kind{value});
    }
    if (const Json* list = at(schema, "enum"); list && std::ranges::find(*list, value) == list->end())
      good = told(problems, where, "must be one of {}, not {}", Said{*list}, Kind{value});
    if (const Json* only = at(schema, "const"); only && *only != value)
      good = told(problems, where, "must be {}, not {}", Said{*only}, Kind{value});
    return good;
  }

  static bool counted(const Json& schema, const char* least, const char* most, std::size_t count,
                      std::string_view unit, const std::string& where, Problems* problems) {
    bool good = true;
    if (const Json* low = at(schema, least); low && count < low->get<std::uint64_t>())
      good = told(problems, where, "has {} {}, and must have {} at least", count, unit, Said{*low});
    if (const Json* high = at(schema, most); high && count > high->get<std::uint64_t>())
      good = told(problems, where, "has {} {}, and may have {}", count, unit, Said{*high});
    return good;
  }

  bool object(const Json& schema, const Json& value, const std::string& where, Problems* problems) {
    bool good = counted(schema, "minProperties", "maxProperties", value.size(), "fields", where, problems);
    const auto need = [&](const Json& names) {
      for (const Json& name : names) {
        if (!value.contains(name.get_ref<const std::string&>()))
          good = told(problems, under(where, name.get<std::string>()), "is missing");
      }
    };
    if (const Json* names = at(schema, "required")) need(*names);
    if (const Json* dependent = at(schema, "dependentRequired")) {
      for (const auto& [name, names] : dependent->items()) {
        if (value.contains(name)) need(names);
      }
    }
    const Json* properties = at(schema, "properties");
    const Json* rest = at(schema, "additionalProperties");
    const Json* names = at(schema, "propertyNames");
    for (const auto& [name, each] : value.items()) {
      if (names != nullptr && !would_fit(*names, Json(name)))
        good = told(problems, under(where, name), "has a name that is not allowed");
      const Json* own = properties != nullptr ? at(*properties, name.c_str()) : nullptr;
      if (own == nullptr) own = rest;
      if (own != nullptr) good &= fits(*own, each, under(where, name), problems);
    }
    return good;
  }

  bool array(const Json& schema, const Json& value, const std::string& where, Problems* problems) {
    bool good = counted(schema, "minItems", "maxItems", value.size(), "items", where, problems);
    const Json* first = at(schema, "prefixItems");
    const Json* rest = at(schema, "items");
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Json* own = first != nullptr && i < first->size() ? &(*first)[i] : rest;
      if (own != nullptr) good &= fits(*own, value[i], fmt::format("{}[{}]", where, i), problems);
    }
    if (const Json* contains = at(schema, "contains")) {
      const auto found = static_cast<std::uint64_t>(
          std::ranges::count_if(value, [&](const Json& each) { return would_fit(*contains, each); }));
      const Json* low = at(schema, "minContains");
      const Json* high = at(schema, "maxContains");
      if (found < (low != nullptr ? low->get<std::uint64_t>() : 1) ||
          (high != nullptr && found > high->get<std::uint64_t>()))
        good = told(problems, where, "has {} items of the kind that it must contain", found);
    }
    const Json* unique = at(schema, "uniqueItems");
    if (unique != nullptr && unique->get<bool>()) {
      std::vector<Json> sorted(value.begin(), value.end());
      std::ranges::sort(sorted);
      if (std::ranges::adjacent_find(sorted) != sorted.end())
        good = told(problems, where, "has an item twice");
    }
    return good;
  }

  static bool number(const Json& schema, const Json& value, const std::string& where, Problems* problems) {
    bool good = true;
    const auto bound = [&](const char* name, bool (*holds)(const Json&, const Json&), std::string_view what) {
      if (const Json* limit = at(schema, name); limit && !holds(value, *limit))
        good = told(problems, where, "must be {} {}, not {}", what, Said{*limit}, Kind{value});
    };
    bound("minimum", [](const Json& a, const Json& b) { return a >= b; }, "at least");
    bound("maximum", [](const Json& a, const Json& b) { return a <= b; }, "at most");
    bound("exclusiveMinimum", [](const Json& a, const Json& b) { return a > b; }, "above");
    bound("exclusiveMaximum", [](const Json& a, const Json& b) { return a < b; }, "below");
    bound("multipleOf", is_multiple, "a multiple of");
    return good;
  }

  static bool text(const Json& schema, const Json& value, const std::string& where, Problems* problems) {
    if (!schema.contains("minLength") && !schema.contains("maxLength")) return true;
    return counted(schema, "minLength", "maxLength", code_points(value.get_ref<const std::string&>()),
                   "characters", where, problems);
  }

  bool combined(const Json& schema, const Json& value, const std::string& where, Problems* problems) {
    bool good = true;
    if (const Json* ref = at(schema, "$ref"))
      good &= fits(*referred(whole_, ref->get_ref<const std::string&>()), value, where, problems);
    if (const Json* every = at(schema, "allOf")) {
      for (const Json& each : *every) good &= fits(each, value, where, problems);
    }
    if (const Json* any = at(schema, "anyOf")) good &= any_of(*any, value, where, problems);
    if (const Json* one = at(schema, "oneOf")) {
      const auto fitting =
          std::ranges::count_if(*one, [&](const Json& each) { return would_fit(each, value); });
      if (fitting == 0) good &= any_of(*one, value, where, problems);
      if (fitting > 1)
        good = told(problems, where, "fits {} of the forms in oneOf, and must fit one", fitting);
    }
    if (const Json* never = at(schema, "not"); never && would_fit(*never, value))
      good = told(problems, where, "must not be {}", Said{*never});
    if (const Json* condition = at(schema, "if")) {
      const Json* then = at(schema, would_fit(*condition, value) ? "then" : "else");
      if (then != nullptr) good &= fits(*then, value, where, problems);
    }
    return good;
  }

  // What is wrong is told of the form with the fewest faults: it is probably the one that was meant.
  bool any_of(const Json& forms, const Json& value, const std::string& where, Problems* problems) {
    std::optional<Problems> best;
    for (const Json& form : forms) {
      Problems faults;
      if (fits(form, value, where, listens(problems) ? &faults : nullptr)) return true;
      if (!best || faults.size() < best->size()) best = std::move(faults);
    }
    told(problems, where, "fits none of {} forms; the nearest:", forms.size());
    for (std::string& fault : *best) {
      if (listens(problems)) problems->push_back(std::move(fault));
    }
    return false;
  }

  const Json& whole_;
  std::size_t work_ = 0;
  int depth_ = 0;
  bool exhausted_ = false;
};

}  // namespace

Result<JsonSchema> JsonSchema::compile(Json schema) {
  auto kept = std::make_shared<const Json>(std::move(schema));
  if (to_text(*kept).size() > kSchemaMost)
    return fail(ErrorCode::invalid_argument, "a schema may have {} bytes", kSchemaMost);
  Checked checked(*kept);
  ACLOUD_CHECK(checked.schema(*kept, ""));
  ACLOUD_CHECK(checked.references());
  return JsonSchema(std::move(kept));
}

std::vector<std::string> JsonSchema::check(const Json& value) const {
  Checking checking(*schema_);
  std::vector<std::string> problems;
  const bool fits = checking.fits(*schema_, value, "", &problems);
  if (checking.exhausted()) return {"the value: takes too long to check against the schema"};
  if (!fits && problems.empty()) problems.emplace_back("the value: does not fit the schema");
  return problems;
}

}  // namespace acloud
