#include "bench/feed/websocket.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace subcults::bench {
namespace {

constexpr std::size_t longest_client_frame = 1024 * 1024;

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_word(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

std::uint64_t big_endian(const unsigned char* bytes, std::size_t count) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
        value = value << 8 | bytes[i];
    return value;
}

// How many bytes a header has, as its first two tell; without the mask.
std::size_t header_size(unsigned char length_byte) noexcept {
    const unsigned char length = length_byte & 0x7f;
    if (length < 126) return 2;
    return length == 126 ? 4 : 10;
}

std::uint64_t payload_size(const unsigned char* header) noexcept {
    const unsigned char length = header[1] & 0x7f;
    if (length < 126) return length;
    return length == 126 ? big_endian(header + 2, 2) : big_endian(header + 2, 8);
}

std::string accept_value(std::string_view key) {
    const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
        throw std::runtime_error("SHA-1 is not to be had");
    }
    std::array<unsigned char, 64> encoded{};
    const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
    return {encoded.begin(), encoded.begin() + length};
}

}  // namespace

void append_frame(std::string& out, std::string_view payload, Opcode opcode) {
    out.push_back(static_cast<char>(0x80 | static_cast<unsigned char>(opcode)));
    const std::size_t size = payload.size();
    int length_bytes = 0;
    if (size < 126) {
        out.push_back(static_cast<char>(size));
    } else if (size < 65'536) {
        out.push_back(126);
        length_bytes = 2;
    } else {
        out.push_back(127);
        length_bytes = 8;
    }
    for (int i = length_bytes - 1; i >= 0; --i)
        out.push_back(static_cast<char>(size >> (8 * i) & 0xff));
    out.append(payload);
}

std::optional<std::string> UpgradeRequest::parameter(std::string_view name) const {
    std::string_view query(target);
    query.remove_prefix(std::min(query.find('?'), query.size()));
    while (!query.empty()) {
        query.remove_prefix(1);  // the ? or &
        const std::string_view pair = query.substr(0, query.find('&'));
        const std::size_t equals = std::min(pair.find('='), pair.size());
        if (pair.substr(0, equals) == name) {
            return std::string(pair.substr(std::min(equals + 1, pair.size())));
        }
        query.remove_prefix(pair.size());
    }
    return std::nullopt;
}

std::optional<UpgradeRequest> parse_upgrade(std::string_view head) {
    UpgradeRequest request;
    const std::size_t begin = head.find(' ');
    const std::size_t end = head.find(' ', begin + 1);
    if (begin == std::string_view::npos || end == std::string_view::npos) return std::nullopt;
    request.target = head.substr(begin + 1, end - begin - 1);
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
        const std::size_t next = head.find("\r\n", at + 2);
        const std::string_view line = head.substr(at + 2, next - at - 2);
        const std::size_t colon = line.find(':');
        if (colon != std::string_view::npos &&
            same_word(line.substr(0, colon), "sec-websocket-key")) {
            request.key = trimmed(line.substr(colon + 1));
        }
        at = next;
    }
    if (request.key.empty()) return std::nullopt;
    return request;
}

std::string accept_upgrade(const UpgradeRequest& request) {
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           accept_value(request.key) + "\r\n\r\n";
}

std::string request_upgrade(std::string_view host, std::string_view target) {
    std::string head = "GET ";
    head.append(target).append(" HTTP/1.1\r\nHost: ").append(host);
    // Nobody is protected by a random key where both ends are ours.
    head.append(
        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: c3ViY3VsdHMtYmVuY2gtMQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    return head;
}

void FrameCounter::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        if (rest_ > 0) {
            const auto step = std::min<std::uint64_t>(rest_, bytes.size());
            rest_ -= step;
            bytes.remove_prefix(static_cast<std::size_t>(step));
            continue;
        }
        const std::size_t wanted = have_ < 2 ? 2 : header_size(header_[1]);
        const std::size_t step = std::min(wanted - have_, bytes.size());
        std::memcpy(header_ + have_, bytes.data(), step);
        have_ += step;
        bytes.remove_prefix(step);
        if (have_ >= 2 && have_ == header_size(header_[1])) read_header();
    }
}

void FrameCounter::read_header() {
    rest_ = payload_size(header_);
    payload_bytes_ += rest_;
    ++frames_;
    have_ = 0;
}

bool take_client_frames(std::string& bytes, std::vector<ClientFrame>& out) {
    std::size_t taken = 0;
    bool sound = true;
    while (sound && bytes.size() - taken >= 2) {
        const auto* header = reinterpret_cast<const unsigned char*>(bytes.data()) + taken;
        const std::size_t rest = bytes.size() - taken;
        const std::size_t size = header_size(header[1]);
        if (rest < size) break;
        const std::uint64_t length = payload_size(header);
        sound = (header[1] & 0x80) != 0 && length <= longest_client_frame;
        if (!sound || rest < size + 4 + length) break;
        ClientFrame frame;
        frame.opcode = static_cast<Opcode>(header[0] & 0x0f);
        frame.payload.assign(bytes, taken + size + 4, static_cast<std::size_t>(length));
        for (std::size_t i = 0; i < frame.payload.size(); ++i) {
            const auto masked = static_cast<unsigned char>(frame.payload[i]);
            frame.payload[i] = static_cast<char>(masked ^ header[size + i % 4]);
        }
        out.push_back(std::move(frame));
        taken += size + 4 + static_cast<std::size_t>(length);
    }
    bytes.erase(0, taken);
    return sound;
}

}  // namespace subcults::bench
