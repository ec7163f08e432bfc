// A connection whose bytes the test chooses: half requests, two at once, nonsense.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace subcults::test {

struct RawAnswer {
    unsigned status = 0;
    std::map<std::string, std::string> headers;  // names in lower case; "" where absent
    std::string body;
    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string() : found->second;
    }
};

class RawConnection {
  public:
    explicit RawConnection(std::uint16_t port);  // connects to 127.0.0.1
    ~RawConnection();
    RawConnection(RawConnection&& other) noexcept;
    RawConnection& operator=(RawConnection&&) = delete;

    // Sends as much as the peer takes; false when it has closed. What it answered can still be
    // read.
    bool send(std::string_view bytes);
    void shut_down_sending();
    // The next answer; nullopt when the connection ends or nothing comes in time. `head` = to a
    // HEAD request, so without a body.
    std::optional<RawAnswer> read(std::chrono::milliseconds patience, bool head = false);

  private:
    bool fill(std::chrono::milliseconds patience);

    int fd_ = -1;
    std::string pending_;
};

}  // namespace subcults::test
