#include "net/sse.h"

namespace acloud::net {
namespace {

// Lines of `text` end with CR LF, LF or CR, all of which a reader would take as the end of a field.
void put_lines(std::string& out, std::string_view name, std::string_view text) {
  while (true) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    out.append(name).append(": ").append(text.substr(0, end)).append("\n");
    if (end == text.size()) return;
    const bool crlf = text.substr(end).starts_with("\r\n");
    text.remove_prefix(end + (crlf ? 2 : 1));
  }
}

// Names and ids have no way to hold a line break: what follows it is dropped.
void put_line(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out.append(name).append(": ").append(text.substr(0, text.find_first_of("\r\n"))).append("\n");
}

}  // namespace

std::string to_sse(const Event& event) {
  std::string out;
  out.reserve(event.data.size() + event.event.size() + event.id.size() + 32);
  put_line(out, "event", event.event);
  put_line(out, "id", event.id);
  put_lines(out, "data", event.data);
  out += '\n';
  return out;
}

Result<> SseParser::feed(std::string_view bytes, std::vector<Event>& events) {
  while (!bytes.empty()) {
    // The LF of a CR LF whose CR ended the last line.
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
    if (partial_.size() + event_.data.size() + end > limit_) {
      return fail(ErrorCode::too_large, "a server-sent event is larger than {} bytes", limit_);
    }
    if (end == bytes.size()) {
      partial_ += bytes;
      return {};
    }
    after_cr_ = bytes[end] == '\r';
    if (partial_.empty()) {
      line(bytes.substr(0, end), events);
    } else {
      partial_ += bytes.substr(0, end);
      line(partial_, events);
      partial_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  return {};
}

void SseParser::line(std::string_view text, std::vector<Event>& events) {
  if (std::exchange(at_start_, false) && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.empty()) {
    // An event without data is not given out, and its name is forgotten; the last id stays.
    if (has_data_) events.push_back(event_);
    event_.event.clear();
    event_.data.clear();
    has_data_ = false;
    return;
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view name = text.substr(0, colon);
  std::string_view value = text.substr(std::min(colon + 1, text.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (std::exchange(has_data_, true)) event_.data += '\n';
    event_.data += value;
  } else if (name == "event") {
    event_.event = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    event_.id = value;
  }
}

}  // namespace acloud::net
