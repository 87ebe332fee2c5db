// What src/net needs of the loop's Asio side. Include it in .cc files of src/net and src/async alone.
#pragma once

#include <boost/asio/io_context.hpp>

#include "async/event_loop.h"

namespace acloud::async {

// The context that `loop` runs. REQUIRES: a loop in the machine's time.
boost::asio::io_context& io_context(EventLoop& loop);

}  // namespace acloud::async
