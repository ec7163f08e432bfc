// Finds the ends of WebSocket messages in the bytes as they arrive (RFC 6455 framing, nothing
// more).
//
// It lets the reader know that the next message is already here as a whole and undisturbed by
// control frames, and can therefore be decoded without an asynchronous operation. It checks
// nothing: on malformed input its answers are meaningless but harmless.
//
// It also rewrites text frames as binary ones, and remembers that they were text. The stream above
// would end the connection at the first byte that is not UTF-8; a feed that asks for the same
// position again would meet that byte for ever. Our readers check the text themselves and can set
// one message aside.
// Not thread-safe. Cost: a few instructions per frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace subcults::net {

class MessageScanner {
  public:
    // The bytes that follow those given before, to be passed on as they are left.
    void feed(std::span<char> bytes);

    // Whether the oldest message not yet taken is complete and no control frame lies before its
    // end.
    bool next_is_whole() const noexcept {
        return head_ < messages_.size() && !messages_[head_].disturbed;
    }
    // Whether the oldest message not yet taken, which must be complete, was sent as text.
    bool next_was_text() const noexcept {
        return head_ < messages_.size() && messages_[head_].text;
    }
    // The reader has delivered a message.
    void take() noexcept;

  private:
    void end_header();
    void end_frame();

    struct Message {
        bool disturbed = false;  // a control frame came before its end
        bool text = false;
    };
    std::vector<Message> messages_;  // complete ones
    Message current_;
    std::size_t head_ = 0;
    std::uint64_t payload_left_ = 0;
    std::uint64_t length_ = 0;
    std::uint8_t header_bytes_ = 0;  // seen of the header at hand
    std::uint8_t length_bytes_ = 0;  // of the extended length
    std::uint8_t first_ = 0;
    bool masked_ = false;
};

}  // namespace subcults::net
