// The least a reader of a feed can do: take the bytes from the kernel and find the frames in them.
// What it reaches is the ceiling of every other reader on the same machine and the same feed.
//
// Blocks; errors are std::system_error or std::runtime_error.
#pragma once

#include "bench/feed/server.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace subcults::bench {

struct ReadRate {
    double events_per_second = 0;
    double cpu_us_per_event = 0;  // of the reading thread, user and system
};

class BareReader {
  public:
    // Connects and upgrades. `buffer_bytes`: how much it asks the kernel for at once.
    BareReader(std::uint16_t port, std::size_t buffer_bytes);

    // Reads for this long.
    ReadRate read_for(SteadyClock::duration duration);

  private:
    std::size_t receive();

    Descriptor socket_;
    std::vector<char> buffer_;
    FrameCounter frames_;
};

}  // namespace subcults::bench
