// As much of the websocket protocol (RFC 6455) as a sender and a reader at full speed need: the
// upgrade, frames of a server, and the few frames a client sends while it listens. No I/O.
//
// Threading: plain values, one thread each. Cost: walking frames is a few ns per frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::bench {

enum class Opcode : unsigned char { text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

// Appends one whole, unmasked frame: what a server sends.
void append_frame(std::string& out, std::string_view payload, Opcode opcode = Opcode::text);

struct UpgradeRequest {
    std::string target;  // path and query
    std::string key;     // Sec-WebSocket-Key
    // The value of a query parameter, percent-encoding untouched; nullopt when it is not there.
    std::optional<std::string> parameter(std::string_view name) const;
};

// Reads a request's head, up to and with its empty line; nullopt when it asks for no websocket.
std::optional<UpgradeRequest> parse_upgrade(std::string_view head);
// The head of the answer that accepts it.
std::string accept_upgrade(const UpgradeRequest& request);
// The head of a request to upgrade.
std::string request_upgrade(std::string_view host, std::string_view target);

// Walks a server's frames without looking into them, however the bytes are cut.
class FrameCounter {
  public:
    void feed(std::string_view bytes);
    std::uint64_t frames() const noexcept { return frames_; }  // begun ones
    std::uint64_t payload_bytes() const noexcept { return payload_bytes_; }

  private:
    void read_header();

    std::uint64_t frames_ = 0;
    std::uint64_t payload_bytes_ = 0;
    std::uint64_t rest_ = 0;         // of the present frame's payload
    unsigned char header_[10] = {};  // as far as it has come
    std::size_t have_ = 0;
};

struct ClientFrame {
    Opcode opcode = Opcode::text;
    std::string payload;  // unmasked
};

// Takes whole frames of a client off the front of `bytes`. False: that is no client's frame, or
// one longer than a listener has reason to send.
bool take_client_frames(std::string& bytes, std::vector<ClientFrame>& out);

}  // namespace subcults::bench
