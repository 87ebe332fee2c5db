#include "model/guard/json_texts.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/json.h"

namespace acloud::model::guard {
namespace {

constexpr std::array<std::string_view, 14> kTies{"type",
                                                 "role",
                                                 "id",
                                                 "object",
                                                 "model",
                                                 "call_id",
                                                 "tool_call_id",
                                                 "item_id",
                                                 "tool_use_id",
                                                 "finish_reason",
                                                 "status",
                                                 "signature",
                                                 "encrypted_content",
                                                 "previous_response_id"};

class Walk {
 public:
  Walk(std::string_view json, const VisitText& visit) : json_(json), visit_(visit) {}

  Result<> all() {
    while (at_ < json_.size()) ACLOUD_CHECK(token());
    if (!open_.empty()) return malformed();
    return {};
  }

 private:
  struct Level {
    bool object;
    bool own;      // its names are the caller's
    bool is_name;  // a name comes next
    std::string name;
  };

  std::unexpected<Error> malformed() const {
    return fail(ErrorCode::invalid_argument, "a guardrail can't read the JSON at byte {}", at_);
  }

  Result<> token() {
    const char c = json_[at_];
    switch (c) {
      case '{':
      case '[':
        return open(c == '{');
      case '}':
      case ']':
        if (open_.empty() || open_.back().object != (c == '}')) return malformed();
        open_.pop_back();
        break;
      case ',':
        if (!open_.empty()) open_.back().is_name = open_.back().object;
        break;
      case ':':
        if (!open_.empty()) open_.back().is_name = false;
        break;
      case '"':
        return string();
      default:
        if (c == '-' || (c >= '0' && c <= '9')) return number();
    }
    ++at_;
    return {};
  }

  Result<> open(bool object) {
    if (open_.size() >= kJsonDepth) return malformed();
    const bool own = !open_.empty() && (open_.back().own || (object && open_.back().name == "input"));
    open_.push_back({object, own, object, {}});
    ++at_;
    return {};
  }

  // A list's texts go by the list's name.
  std::string_view name() const {
    for (auto level = open_.rbegin(); level != open_.rend(); ++level) {
      if (level->object) return level->name;
    }
    return {};
  }

  bool is_tie() const {
    return !open_.empty() && !open_.back().own && std::ranges::find(kTies, name()) != kTies.end();
  }

  Result<> string() {
    const std::size_t begin = at_++;
    bool escaped = false;
    while (at_ < json_.size() && json_[at_] != '"') {
      escaped = escaped || json_[at_] == '\\';
      at_ += json_[at_] == '\\' ? 2 : 1;
    }
    if (at_ >= json_.size()) return malformed();
    ++at_;
    std::string_view text = json_.substr(begin + 1, at_ - begin - 2);
    Json decoded;
    if (escaped) {
      auto parsed = parse_json(json_.substr(begin, at_ - begin));
      if (!parsed) return malformed();
      decoded = *std::move(parsed);
      text = decoded.get_ref<const std::string&>();
    }
    const bool is_name = !open_.empty() && open_.back().is_name;
    if (is_name) {
      open_.back().name = text;
      if (!open_.back().own) return {};
    } else if (is_tie()) {
      return {};
    }
    return visit_({begin, at_, text});
  }

  Result<> number() {
    const std::size_t begin = at_;
    constexpr std::string_view kNumber = "+-.eE0123456789";
    at_ = std::min(json_.find_first_not_of(kNumber, at_), json_.size());
    const bool own = !open_.empty() && open_.back().own;
    return own ? visit_({begin, at_, json_.substr(begin, at_ - begin)}) : Result<>();
  }

  std::string_view json_;
  const VisitText& visit_;
  std::size_t at_ = 0;
  std::vector<Level> open_;
};

}  // namespace

Result<> each_text(std::string_view json, const VisitText& visit) { return Walk(json, visit).all(); }

}  // namespace acloud::model::guard
