// llama.cpp as a whole: its back ends, and where its messages go.
#pragma once

#include <string>

namespace acloud::inference {

// Loads the back ends that lie beside libllama, the best for this processor, and sends llama.cpp's messages
// to the log. Does nothing after the first time. Thread-safe.
void prepare_llama();

// The last complaints of llama.cpp on this thread since the last call, on one line. They are the only reasons
// it gives.
std::string take_llama_complaints();

}  // namespace acloud::inference
