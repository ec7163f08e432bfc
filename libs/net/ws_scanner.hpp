// Finds the ends of WebSocket messages in the bytes as they arrive (RFC 6455 framing, nothing
// more).
//
// It lets the reader know that the next message is already here as a whole and undisturbed by
// control frames, and can therefore be decoded without an asynchronous operation. It checks
// nothing: on malformed input its answers are meaningless but harmless.
// Not thread-safe. Cost: a few instructions per frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace subcults::net {

class MessageScanner {
  public:
    // The bytes that follow those given before.
    void feed(std::string_view bytes);

    // Whether the oldest message not yet taken is complete and no control frame lies before its
    // end.
    bool next_is_whole() const noexcept { return head_ < clean_.size() && clean_[head_] != 0; }
    // The reader has delivered a message.
    void take() noexcept;

  private:
    void end_header();
    void end_frame();

    std::vector<std::uint8_t> clean_;  // one per complete message: no control frame in it
    std::size_t head_ = 0;
    std::uint64_t payload_left_ = 0;
    std::uint64_t length_ = 0;
    std::uint8_t header_bytes_ = 0;  // seen of the header at hand
    std::uint8_t length_bytes_ = 0;  // of the extended length
    std::uint8_t first_ = 0;
    bool masked_ = false;
    bool disturbed_ = false;  // a control frame since the last message's end
};

}  // namespace subcults::net
