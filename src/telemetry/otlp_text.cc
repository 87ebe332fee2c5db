#include "telemetry/otlp_text.h"

#include <cmath>

#include "base/json.h"

namespace acloud::telemetry {

std::string nanoseconds_text(Time time) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  return fmt::format("\"{}\"", since.count());
}

void append_double(std::string& out, double value) {
  if (std::isfinite(value)) {
    out += fmt::format("{}", value);
  } else {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  }
}

void append_value(std::string& out, const Value& value) {
  struct Writer {
    std::string& out;
    void operator()(const std::string& text) const {
      out += R"({"stringValue":)";
      append_json_string(out, text);
      out += '}';
    }
    void operator()(std::int64_t number) const { out += fmt::format(R"({{"intValue":"{}"}})", number); }
    void operator()(double number) const {
      out += R"({"doubleValue":)";
      append_double(out, number);
      out += '}';
    }
    void operator()(bool is) const { out += is ? R"({"boolValue":true})" : R"({"boolValue":false})"; }
    void operator()(const std::vector<std::string>& texts) const {
      out += R"({"arrayValue":{"values":[)";
      Commas commas(out);
      for (const std::string& text : texts) {
        commas.next();
        (*this)(text);
      }
      out += "]}}";
    }
  };
  std::visit(Writer{out}, value);
}

void append_attribute(std::string& out, std::string_view key, const Value& value) {
  out += R"({"key":)";
  append_json_string(out, key);
  out += R"(,"value":)";
  append_value(out, value);
  out += '}';
}

void append_envelope(std::string& out, const Resource& resource, std::string_view scopes) {
  out += R"("resource":{"attributes":[)";
  append_attribute(out, "service.name", resource.service);
  out += ',';
  append_attribute(out, "service.instance.id", resource.instance);
  out += ',';
  append_attribute(out, "service.version", resource.version);
  out += fmt::format(R"(]}},"{}":[{{"scope":{{"name":"acloud","version":)", scopes);
  append_json_string(out, resource.version);
  out += "},";
}

}  // namespace acloud::telemetry
