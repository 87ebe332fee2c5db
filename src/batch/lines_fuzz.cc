// Lines of a batch's input from strangers: never a crash, always `invalid_argument`; what is taken is JSON,
// and stands in the line as it is given.
#include "batch/lines.h"
#include "fuzz.h"

using namespace acloud;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  for (const batch::Endpoint endpoint : {batch::Endpoint::chat_completions, batch::Endpoint::embeddings}) {
    const auto line = batch::parse_line(text, endpoint);
    if (!line) {
      fuzz::require(line.error().code() == ErrorCode::invalid_argument, "code of an error");
      continue;
    }
    fuzz::require(text.find(line->body) != text.npos, "a body is the line's own bytes");
    const auto body = parse_json(line->body);
    fuzz::require(body && body->is_object(), "a body is an object");
    fuzz::require((*body)["model"] == line->model, "two readers see one model");
    fuzz::require(!line->custom_id.empty() && line->custom_id.size() <= batch::kCustomIdMost,
                  "custom_id is bounded");
  }
  return 0;
}
