// A sentence encoder as calls use it: their texts in batches, on threads that are there for it.
#pragma once

#include <memory>

#include "async/wait.h"
#include "inference/engine/sentence_encoder.h"
#include "inference/live/embedder.h"

namespace acloud::inference {

class LiveEncoder final : public Embedder {
 public:
  // `file` as for SentenceEncoder::open, on `pool`, which also computes and outlives the encoder.
  static Task<Result<std::unique_ptr<LiveEncoder>>> open(std::span<const std::byte> file,
                                                         async::BlockingPool& pool);

  const SentenceEncoder& encoder() const { return *encoder_; }
  // Texts of about one length are computed together; between two such batches others have their turn.
  Task<Result<Embedded>> embed(std::vector<std::string> texts) override;

 private:
  LiveEncoder(std::unique_ptr<SentenceEncoder> encoder, async::BlockingPool& pool)
      : encoder_(std::move(encoder)), pool_(pool) {}

  std::unique_ptr<SentenceEncoder> encoder_;
  async::BlockingPool& pool_;
};

}  // namespace acloud::inference
