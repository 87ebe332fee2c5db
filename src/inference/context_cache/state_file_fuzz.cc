// A file of any bytes is a state only where its checksum says so; what it claims costs no memory before that.
#include <algorithm>
#include <cstring>

#include "fuzz.h"
#include "inference/context_cache/state_file.h"

namespace acloud::inference {
namespace {

// A file that lies in memory.
class Bytes final : public store::File {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::string> read(std::uint64_t offset, std::size_t size) override {
    fuzz::require(size <= std::max<std::size_t>(bytes_.size(), 88), "more is read than there is");
    return offset >= bytes_.size() ? std::string() : bytes_.substr(offset, size);
  }
  Result<> write(std::uint64_t offset, std::string_view bytes) override {
    bytes_.resize(std::max<std::size_t>(bytes_.size(), offset + bytes.size()));
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Result<> truncate(std::uint64_t size) override {
    bytes_.resize(size);
    return {};
  }
  Result<std::uint64_t> size() override { return bytes_.size(); }
  Result<> sync() override { return {}; }

  std::string bytes_;
};

}  // namespace
}  // namespace acloud::inference

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace acloud;
  using namespace acloud::inference;
  Bytes file(std::string(reinterpret_cast<const char*>(data), size));
  const auto label = read_label(file);
  if (!label) return 0;
  const auto state = read_state(file, label->kind, label->tokens);
  if (!state) return 0;
  // Who reads it writes the same.
  Bytes again("");
  fuzz::require(write_state(again, label->kind, label->tokens, *state).has_value(), "it can't be written");
  fuzz::require(again.bytes_ == file.bytes_, "another file holds the same state");
  return 0;
}
