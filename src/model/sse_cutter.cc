#include "model/sse_cutter.h"

namespace acloud::model {

Result<> SseCutter::feed(std::string_view bytes) {
  drop_taken();
  if (bytes.size() > limit_ || buffer_.size() > limit_ - bytes.size()) {
    return fail(ErrorCode::too_large, "a server-sent event of the upstream is larger than {} bytes", limit_);
  }
  buffer_ += bytes;
  return {};
}

// Moves what is left to the front; done before new bytes come, so that views of events stay good until then.
void SseCutter::drop_taken() {
  if (begin_ == 0) return;
  buffer_.erase(0, begin_);
  scan_ -= begin_;
  name_at_ -= std::min(name_at_, begin_);
  data_at_ -= std::min(data_at_, begin_);
  begin_ = 0;
}

bool SseCutter::next(RawEvent& event) {
  while (true) {
    const std::size_t end = buffer_.find('\n', scan_);
    if (end == std::string::npos) return false;
    std::string_view line(buffer_.data() + scan_, end - scan_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    scan_ = end + 1;
    if (!line.empty()) {
      take_line(line);
      continue;
    }
    const std::string_view whole = buffer_;
    event.raw = whole.substr(begin_, scan_ - begin_);
    event.name = whole.substr(name_at_, name_size_);
    event.data = data_lines_ > 1 ? std::string_view(joined_) : whole.substr(data_at_, data_size_);
    begin_ = scan_;
    name_size_ = data_size_ = 0;
    data_lines_ = 0;
    return true;
  }
}

void SseCutter::take_line(std::string_view line) {
  const std::size_t at = static_cast<std::size_t>(line.data() - buffer_.data());
  const std::size_t colon = std::min(line.find(':'), line.size());
  const std::string_view name = line.substr(0, colon);
  std::size_t value = std::min(colon + 1, line.size());
  if (value < line.size() && line[value] == ' ') ++value;
  if (name == "event") {
    name_at_ = at + value;
    name_size_ = line.size() - value;
  } else if (name == "data") {
    if (data_lines_ == 1) joined_.assign(buffer_, data_at_, data_size_);
    if (data_lines_ >= 1) joined_.append(1, '\n').append(line.substr(value));
    data_at_ = at + value;
    data_size_ = line.size() - value;
    ++data_lines_;
  }
}

}  // namespace acloud::model
