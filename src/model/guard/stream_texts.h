// Which texts an event of a streamed reply goes on with, and which ones it ends.
#pragma once

#include <string>
#include <vector>

#include "base/schema.h"
#include "model/form.h"

namespace acloud::model::guard {

// A piece of one of the reply's texts, which is known by its channel: "0 content", "1 arguments 0".
struct Piece {
  std::string channel;
  OrderedJson::json_pointer at;  // in the event
  std::string text;
};

struct EventTexts {
  std::vector<Piece> pieces;
  // Channels of which no more comes: those that begin so. An empty one: all of them.
  std::vector<std::string> ended;
};

// Of an event of chat completions, Responses or messages, as clients get it. An event that has no pieces is
// whole by itself.
EventTexts texts_of(Form form, const OrderedJson& event);

}  // namespace acloud::model::guard
