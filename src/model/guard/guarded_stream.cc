#include "model/guard/guarded_stream.h"

#include <deque>
#include <map>

#include "model/guard/stream_texts.h"
#include "model/guard/text_matcher.h"

namespace acloud::model::guard {
namespace {

constexpr std::size_t kWaiting = 4 << 20;  // bytes of events
constexpr std::size_t kChannels = 1024;

// The event's bytes with other data.
std::string with_data(std::string_view raw, std::string_view data) {
  std::string out;
  bool written = false;
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('\n'), raw.size() - 1) + 1;
    const std::string_view line = raw.substr(0, end);
    raw.remove_prefix(end);
    if (!line.starts_with("data")) {
      out += line;
    } else if (!std::exchange(written, true)) {
      out.append("data: ").append(data).append("\n");
    }
  }
  return out;
}

// One text of the reply. Two matchers: what is only flagged need not be waited for.
struct Channel {
  TextMatcher holding;
  TextMatcher watching;
};

class Guarded final : public StreamPipe {
 public:
  Guarded(std::unique_ptr<StreamPipe> inner, Form form, const Guard& guard, Findings& findings)
      : inner_(std::move(inner)), form_(form), guard_(guard), findings_(findings) {
    for (const Rule* rule : guard.rules(Side::reply)) {
      (rule->action == Action::flag ? watched_ : held_).push_back(rule);
    }
  }

  Result<> take(const RawEvent& event, std::string& out, std::string& last) override {
    const auto taken = inner_->take(event, bytes_, last_bytes_);
    return pass(taken, out, last);
  }

  Result<> end(std::string& out, std::string& last) override {
    ACLOUD_CHECK(pass(inner_->end(bytes_, last_bytes_), out, last));
    ACLOUD_CHECK(finish(""));
    return release(out);
  }

 private:
  struct Waiting {
    std::string raw;
    OrderedJson event;  // where it has pieces
    struct Held {
      Channel* channel;
      OrderedJson::json_pointer at;
      std::string text;
      std::size_t begin;  // in its channel
    };
    std::vector<Held> pieces;
  };

  // Also where the stream broke: what came before goes on.
  Result<> pass(const Result<>& taken, std::string& out, std::string& last) {
    learned_ = inner_->learned();
    ACLOUD_CHECK(each_event(bytes_));
    if (!taken || !last_bytes_.empty()) ACLOUD_CHECK(finish(""));
    ACLOUD_CHECK(release(out));
    ACLOUD_CHECK(each_event(last_bytes_));
    ACLOUD_CHECK(release(last));
    return taken;
  }

  Result<> each_event(std::string& bytes) {
    ACLOUD_CHECK(cutter_.feed(bytes));
    bytes.clear();
    RawEvent event;
    while (cutter_.next(event)) ACLOUD_CHECK(take_one(event));
    return {};
  }

  Result<> take_one(const RawEvent& event) {
    if (event.data.empty()) {
      overtaking_ += event.raw;
      return {};
    }
    Waiting next{std::string(event.raw), {}, {}};
    EventTexts texts;
    if (event.data != "[DONE]") {
      ACLOUD_CHECK(parse_json(event.data));  // bounds its depth
      next.event = OrderedJson::parse(event.data);
      texts = texts_of(form_, next.event);
      if (texts.pieces.empty()) ACLOUD_CHECK(take_whole(next, event.data));
    }
    for (Piece& piece : texts.pieces) ACLOUD_CHECK(take_piece(next, std::move(piece)));
    waiting_bytes_ += next.raw.size();
    if (waiting_bytes_ > kWaiting) {
      return fail(ErrorCode::too_large, "more than {} bytes of the reply wait for the guardrails", kWaiting);
    }
    waiting_.push_back(std::move(next));
    for (const std::string& channel : texts.ended) ACLOUD_CHECK(finish(channel));
    return {};
  }

  // Its texts are whole: those that were streamed stand in it again.
  Result<> take_whole(Waiting& next, std::string_view data) {
    ACLOUD_TRY(const auto masked, guard_.inspect(data, Side::reply, findings_));
    if (masked) next.raw = with_data(next.raw, *masked);
    next.event = nullptr;
    return {};
  }

  Result<> take_piece(Waiting& next, Piece piece) {
    if (channels_.size() >= kChannels && !channels_.contains(piece.channel)) {
      return fail(ErrorCode::too_large, "the reply has more than {} texts at once", kChannels);
    }
    Channel& channel = channels_
                           .try_emplace(std::move(piece.channel), TextMatcher(detectors(held_)),
                                        TextMatcher(detectors(watched_)))
                           .first->second;
    const std::size_t begin = channel.holding.size();
    ACLOUD_CHECK(tell(held_, channel.holding.feed(piece.text)));
    ACLOUD_CHECK(tell(watched_, channel.watching.feed(piece.text)));
    next.pieces.push_back({&channel, std::move(piece.at), std::move(piece.text), begin});
    return {};
  }

  // Errors: permission_denied where a rule that found something blocks.
  Result<> tell(const std::vector<const Rule*>& rules, const std::vector<std::size_t>& found) {
    for (const std::size_t number : found) {
      const Rule& rule = *rules[number];
      findings_.insert({rule.guardrail, rule.detector->name(), Side::reply, rule.action});
    }
    for (const std::size_t number : found) {
      if (rules[number]->action == Action::block) return blocked(*rules[number], Side::reply);
    }
    return {};
  }

  // No more comes of the channels that begin so.
  Result<> finish(const std::string& channels) {
    for (auto& [name, channel] : channels_) {
      if (!name.starts_with(channels)) continue;
      ACLOUD_CHECK(tell(held_, channel.holding.finish()));
      ACLOUD_CHECK(tell(watched_, channel.watching.finish()));
    }
    return {};
  }

  // What is decided goes on.
  Result<> release(std::string& out) {
    out += overtaking_;
    overtaking_.clear();
    for (; !waiting_.empty() && is_decided(waiting_.front()); waiting_.pop_front()) {
      Waiting& event = waiting_.front();
      waiting_bytes_ -= std::min(waiting_bytes_, event.raw.size());
      write(event, out);
    }
    return {};
  }

  static bool is_decided(const Waiting& event) {
    return std::ranges::all_of(event.pieces, [](const Waiting::Held& piece) {
      return piece.begin + piece.text.size() <= piece.channel->holding.decided();
    });
  }

  static void write(Waiting& event, std::string& out) {
    bool changed = false;
    for (Waiting::Held& piece : event.pieces) {
      TextMatcher& text = piece.channel->holding;
      const std::size_t end = piece.begin + piece.text.size();
      if (text.masks({piece.begin, end})) {
        event.event[piece.at] = text.masked(piece.text, piece.begin);
        changed = true;
      }
      text.forget(end);
    }
    out += changed ? with_data(event.raw, event.event.dump()) : event.raw;
  }

  static std::vector<const Detector*> detectors(const std::vector<const Rule*>& rules) {
    std::vector<const Detector*> all;
    all.reserve(rules.size());
    for (const Rule* rule : rules) all.push_back(rule->detector.get());
    return all;
  }

  std::unique_ptr<StreamPipe> inner_;
  Form form_;
  const Guard& guard_;
  Findings& findings_;
  std::vector<const Rule*> held_;     // what they find is blocked or masked
  std::vector<const Rule*> watched_;  // is flagged
  std::string bytes_, last_bytes_;    // of `inner_`, on their way
  SseCutter cutter_;
  std::map<std::string, Channel> channels_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::string overtaking_;
};

}  // namespace

std::unique_ptr<StreamPipe> guarded(std::unique_ptr<StreamPipe> inner, Form form, const Guard& guard,
                                    Findings& findings) {
  return std::make_unique<Guarded>(std::move(inner), form, guard, findings);
}

}  // namespace acloud::model::guard
