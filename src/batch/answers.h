// What came of a batch's lines, as the lines of its files: {"id", "custom_id", "response", "error"}.
#pragma once

#include <string>

#include "kernel/payload.h"
#include "store/database.h"

namespace acloud::batch {

inline constexpr std::size_t kReplyMost = 8 << 20;  // bytes of one

// A line with a response. `body` is JSON, or else becomes a string of it.
std::string answered(const std::string& batch, std::int64_t line, const std::string& custom_id, int status,
                     const std::string& request_id, std::string body);
// A line with an error, for one that was not asked.
std::string unanswered(const std::string& batch, std::int64_t line, const std::string& custom_id,
                       std::string_view code, std::string_view message);

// Takes a reply that begins to leave before it is whole.
class WholeReply final : public kernel::ReplyStream {
 public:
  Task<Result<>> begin(net::Headers headers, std::string_view first) override;
  // Errors: too_large beyond kReplyMost.
  Task<Result<>> write(std::string_view bytes) override;
  bool begun() const override { return begun_; }
  std::string take() { return std::move(bytes_); }

 private:
  bool begun_ = false;
  std::string bytes_;
};

// The lines of a batch that were answered, or of those that were not, in their order.
class ResultStream final : public net::Stream {
 public:
  // REQUIRES: `database` outlives it.
  ResultStream(store::Database& database, std::string batch, bool ok)
      : database_(database), batch_(std::move(batch)), ok_(ok) {}
  Task<Result<std::string>> read() override;

 private:
  store::Database& database_;
  std::string batch_;
  bool ok_;
  std::int64_t after_ = 0;
};

}  // namespace acloud::batch
