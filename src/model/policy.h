// Which of a model's targets a call goes to, and which after it, should that one fail. Pure: what is known of
// the targets is handed in, and so is chance.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "model/model_config.h"

namespace acloud::model {

struct Candidate {
  double weight = 1;
  bool available = true;  // its breaker allows it, and it has not asked for a pause
  std::uint64_t outstanding = 0;
  double seconds = 0;          // its usual time to the first token; 0 where nothing is known
  double price = 0;            // a million tokens of input and output together
  std::uint64_t identity = 0;  // the same for the same target, whatever stands beside it
};

// The candidates' indices in the order in which they are to be tried: those that are available, best first;
// none twice, none of weight 0. Empty where none is available.
//
// weighted: by chance, in proportion to the weights. least_outstanding: the fewest calls for its weight.
// latency: the better of two picked by weight, so that not all calls run to the same one. price: the
// cheapest. With `session` the choice among available targets is by rendezvous hashing in proportion to the
// weights, so that one session stays where it is while targets come and go.
std::vector<std::size_t> order(std::span<const Candidate> candidates, Strategy strategy,
                               std::optional<std::uint64_t> session, Random& random);

// FNV-1a with a final mix: spreads what differs little.
std::uint64_t hash_of(std::string_view text, std::uint64_t seed = 0);

}  // namespace acloud::model
