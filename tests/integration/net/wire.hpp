// HTTP as bytes over a blocking socket: what a test sends and reads exactly as it wants to.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace subcults::test {

struct Answer {
    unsigned status = 0;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string("(none)") : found->second;
    }
};

class Wire {
  public:
    // Connects to 127.0.0.1.
    explicit Wire(std::uint16_t port);
    ~Wire();
    Wire(Wire&& other) noexcept;
    Wire& operator=(Wire&&) = delete;

    bool connected() const noexcept { return fd_ >= 0; }
    // False when the peer is gone.
    bool send(std::string_view text);
    // The next answer; nullopt when the connection ends or nothing comes for five seconds.
    // `head` = the answer to a HEAD request.
    std::optional<Answer> read(bool head = false);
    // Sends and reads.
    std::optional<Answer> ask(std::string_view text, bool head = false);
    // Whether the peer closes (an orderly end, not a reset) within five seconds; drops its data.
    bool closed();
    // Whether bytes are there at this moment or come within `patience`.
    bool readable(std::chrono::milliseconds patience);
    void shut_down_sending();
    void reset();
    void small_receive_buffer();

  private:
    bool fill();

    int fd_ = -1;
    std::string pending_;
};

std::string get(std::string_view path, std::string_view more_headers = {});
std::string post(std::string_view path, std::string_view body, std::string_view more_headers = {},
                 std::string_view type = "application/json");

}  // namespace subcults::test
