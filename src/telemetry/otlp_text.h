// What the writers of OTLP share.
#pragma once

#include <string>
#include <string_view>

#include "telemetry/otlp.h"

namespace acloud::telemetry {

// Between the items of a list.
class Commas {
 public:
  explicit Commas(std::string& out) : out_(out) {}
  void next() {
    if (!first_) out_ += ',';
    first_ = false;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

// A moment, a count: 64-bit integers are strings.
std::string nanoseconds_text(Time time);
void append_double(std::string& out, double value);
void append_value(std::string& out, const Value& value);
void append_attribute(std::string& out, std::string_view key, const Value& value);
// "resource":{...},"scopeX":[{"scope":{...},
void append_envelope(std::string& out, const Resource& resource, std::string_view scopes);

}  // namespace acloud::telemetry
