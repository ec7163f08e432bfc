#include "net/ws_scanner.hpp"

#include <algorithm>

namespace subcults::net {
namespace {

constexpr std::uint8_t final_bit = 0x80;
constexpr std::uint8_t control_bit = 0x08;
constexpr std::uint8_t opcode_bits = 0x0f;
constexpr std::uint8_t opcode_text = 0x01;
constexpr std::uint8_t opcode_binary = 0x02;
constexpr std::uint8_t mask_bit = 0x80;
constexpr std::uint8_t mask_bytes = 4;

}  // namespace

void MessageScanner::feed(std::span<char> bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
        if (payload_left_ != 0) {
            const std::uint64_t here = bytes.size() - at;
            const std::uint64_t skipped = std::min(payload_left_, here);
            at += static_cast<std::size_t>(skipped);
            payload_left_ -= skipped;
            if (payload_left_ == 0) end_frame();
            continue;
        }
        char& passed_on = bytes[at++];
        const auto byte = static_cast<std::uint8_t>(passed_on);
        ++header_bytes_;
        if (header_bytes_ == 1) {
            first_ = byte;
            if ((byte & opcode_bits) == opcode_text) {
                current_.text = true;
                passed_on = static_cast<char>((byte & ~opcode_bits) | opcode_binary);
            }
            continue;
        }
        if (header_bytes_ == 2) {
            masked_ = (byte & mask_bit) != 0;
            const auto length = static_cast<std::uint8_t>(byte & 0x7FU);
            length_bytes_ = length == 126 ? 2 : length == 127 ? 8 : 0;
            length_ = length_bytes_ == 0 ? length : 0;
        } else if (header_bytes_ <= 2 + length_bytes_) {
            length_ = length_ << 8U | byte;
        }
        if (header_bytes_ == 2 + length_bytes_ + (masked_ ? mask_bytes : 0)) end_header();
    }
}

void MessageScanner::end_header() {
    header_bytes_ = 0;
    payload_left_ = length_;
    if (payload_left_ == 0) end_frame();
}

void MessageScanner::end_frame() {
    if ((first_ & control_bit) != 0) {
        current_.disturbed = true;
        return;
    }
    if ((first_ & final_bit) == 0) return;
    messages_.push_back(current_);
    current_ = Message();
}

void MessageScanner::take() noexcept {
    if (head_ == messages_.size()) return;
    if (++head_ == messages_.size()) {
        messages_.clear();
        head_ = 0;
    }
}

}  // namespace subcults::net
