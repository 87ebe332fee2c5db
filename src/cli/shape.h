// What a field of a request may be, read from its JSON Schema, and how the text of a flag becomes that.
//
// A schema that says nothing, or says it in words that this program doesn't know, lets every value through:
// the server has the last word.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/schema.h"

namespace acloud::cli {

class Shape {
 public:
  // `root` is the schema that "$ref" refers into; both must outlive the shape.
  static Shape of(const OrderedJson& schema, const OrderedJson& root);

  bool takes_text() const { return text_; }
  bool is_flag() const { return boolean_ && !text_ && !integer_ && !number_ && !object_ && !array_; }
  bool is_object() const { return object_; }
  bool is_array() const { return array_; }
  // Elements of the array that can be typed one by one.
  bool has_plain_elements() const;
  const std::vector<std::string>& choices() const { return choices_; }

  // The schema of the property that `typed` names, with its own spelling; null where there is none.
  struct Property {
    std::string name;
    const OrderedJson* schema = nullptr;
  };
  Property property(std::string_view typed) const;
  std::vector<Property> properties() const;
  // The schema of an object's values whose names are free; null where names are fixed.
  const OrderedJson* free_values() const { return free_values_; }
  const OrderedJson* elements() const { return elements_; }
  const OrderedJson& root() const { return *root_; }

  // "INTEGER", "create|replace", "JSON": what stands after the flag in a help page.
  std::string placeholder() const;

  // `text` as the most particular value that fits. Errors: invalid_argument, without naming the field.
  Result<OrderedJson> convert(std::string_view text) const;

 private:
  void add(const OrderedJson& schema, int depth);
  void add_type(std::string_view type);
  bool says_nothing() const { return !(text_ || integer_ || number_ || boolean_ || object_ || array_); }

  const OrderedJson* root_ = nullptr;
  bool text_ = false;
  bool integer_ = false;
  bool number_ = false;
  bool boolean_ = false;
  bool object_ = false;
  bool array_ = false;
  std::vector<const OrderedJson*> properties_;  // "properties" of this schema and its alternatives
  const OrderedJson* free_values_ = nullptr;
  const OrderedJson* elements_ = nullptr;
  std::vector<std::string> choices_;
};

}  // namespace acloud::cli
