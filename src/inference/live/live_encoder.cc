#include "inference/live/live_encoder.h"

#include <algorithm>
#include <numeric>

namespace acloud::inference {
namespace {

constexpr std::size_t kMostBytes = 32UZ << 10U;  // of a text, of which some hundred are read
constexpr std::size_t kBatchPieces = 256;        // about 50 ms

using Pieces = std::vector<std::int32_t>;

Result<std::vector<Pieces>> pieces_of(const SentenceEncoder& encoder, const std::vector<std::string>& texts) {
  std::vector<Pieces> all;
  all.reserve(texts.size());
  for (const std::string& text : texts) {
    if (text.size() > kMostBytes) {
      return fail(ErrorCode::invalid_argument,
                  "input: a text of {} bytes, above {}; of each the first {} pieces of words are read",
                  text.size(), kMostBytes, encoder.longest());
    }
    ACLOUD_TRY(Pieces pieces, encoder.pieces(text));
    all.push_back(std::move(pieces));
  }
  return all;
}

// How many of `sorted`, shortest first, make one batch: each takes as much as the longest.
std::size_t batch_of(std::span<const Pieces> sorted) {
  std::size_t count = 1;
  while (count < sorted.size() && sorted[count].size() * (count + 1) <= kBatchPieces) ++count;
  return count;
}

}  // namespace

Task<Result<std::unique_ptr<LiveEncoder>>> LiveEncoder::open(std::span<const std::byte> file,
                                                             async::BlockingPool& pool) {
  auto encoder = co_await async::run_blocking(pool, [file] { return SentenceEncoder::open(file); });
  if (!encoder) co_return std::unexpected(std::move(encoder).error());
  co_return std::unique_ptr<LiveEncoder>(new LiveEncoder(*std::move(encoder), pool));
}

Task<Result<Embedded>> LiveEncoder::embed(std::vector<std::string> texts) {
  auto cut = co_await async::run_blocking(pool_, [this, &texts] { return pieces_of(*encoder_, texts); });
  if (!cut) co_return std::unexpected(std::move(cut).error());

  std::vector<std::size_t> order(cut->size());
  std::iota(order.begin(), order.end(), 0UZ);
  std::ranges::sort(order, {}, [&cut](std::size_t i) { return std::pair((*cut)[i].size(), i); });
  Embedded embedded;
  std::vector<Pieces> sorted;
  for (const std::size_t i : order) {
    embedded.tokens += std::ssize((*cut)[i]);
    sorted.push_back(std::move((*cut)[i]));
  }
  embedded.embeddings.resize(order.size());
  const std::stop_token stop = co_await async::this_stop_token();
  for (std::size_t done = 0; done < sorted.size();) {
    if (stop.stop_requested()) co_return async::cancelled();
    const auto batch = std::span<const Pieces>(sorted).subspan(done);
    const auto taken = batch.first(batch_of(batch));
    auto made = co_await async::run_blocking(pool_, [this, taken] { return encoder_->encode(taken); });
    if (!made) co_return std::unexpected(std::move(made).error());
    for (std::size_t i = 0; i < taken.size(); ++i)
      embedded.embeddings[order[done + i]] = std::move((*made)[i]);
    done += taken.size();
  }
  co_return embedded;
}

}  // namespace acloud::inference
