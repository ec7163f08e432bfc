#include "integration/net/wire.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace subcults::test {
namespace {
constexpr int patience_ms = 5000;
}

Wire::Wire(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void* raw = &address;
    if (::connect(fd_, static_cast<const sockaddr*>(raw), sizeof address) != 0) {
        ::close(fd_);
        fd_ = -1;
    }
}

Wire::~Wire() {
    if (fd_ >= 0) ::close(fd_);
}

Wire::Wire(Wire&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), pending_(std::move(other.pending_)) {}

bool Wire::send(std::string_view text) {
    while (!text.empty()) {
        pollfd waiting{fd_, POLLOUT, 0};
        if (::poll(&waiting, 1, patience_ms) <= 0) return false;
        const ssize_t count = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

bool Wire::readable(std::chrono::milliseconds patience) {
    pollfd waiting{fd_, POLLIN, 0};
    return ::poll(&waiting, 1, static_cast<int>(patience.count())) > 0;
}

bool Wire::fill() {
    if (!readable(std::chrono::milliseconds(patience_ms))) return false;
    std::array<char, 65536> chunk;
    const ssize_t count = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (count <= 0) return false;
    pending_.append(chunk.data(), static_cast<std::size_t>(count));
    return true;
}

std::optional<Answer> Wire::read(bool head) {
    std::size_t end = 0;
    while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
        if (!fill()) return std::nullopt;
    }
    Answer answer;
    std::string_view lines = std::string_view(pending_).substr(0, end + 2);
    answer.status = static_cast<unsigned>(std::stoul(std::string(lines.substr(9, 3))));
    lines.remove_prefix(lines.find("\r\n") + 2);
    while (!lines.empty()) {
        const std::size_t stop = lines.find("\r\n");
        const std::string_view line = lines.substr(0, stop);
        const std::size_t colon = line.find(": ");
        std::string name(line.substr(0, colon));
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        answer.headers[name] = line.substr(colon + 2);
        lines.remove_prefix(stop + 2);
    }
    pending_.erase(0, end + 4);
    const bool has_length = answer.headers.count("content-length") != 0;
    const std::size_t length =
        has_length && !head ? std::stoul(answer.headers.at("content-length")) : 0;
    while (pending_.size() < length) {
        if (!fill()) return std::nullopt;
    }
    answer.body = pending_.substr(0, length);
    pending_.erase(0, length);
    return answer;
}

std::optional<Answer> Wire::ask(std::string_view text, bool head) {
    if (!send(text)) return std::nullopt;
    return read(head);
}

bool Wire::closed() {
    for (;;) {
        if (!readable(std::chrono::milliseconds(patience_ms))) return false;
        std::array<char, 65536> chunk;
        const ssize_t count = ::recv(fd_, chunk.data(), chunk.size(), 0);
        if (count == 0) return true;
        if (count < 0) return false;
    }
}

void Wire::shut_down_sending() {
    ::shutdown(fd_, SHUT_WR);
}

void Wire::reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd_);
    fd_ = -1;
}

void Wire::small_receive_buffer() {
    const int bytes = 4096;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

std::string get(std::string_view path, std::string_view more_headers) {
    std::string text = "GET ";
    text += path;
    text += " HTTP/1.1\r\nHost: test\r\n";
    text += more_headers;
    text += "\r\n";
    return text;
}

std::string post(std::string_view path, std::string_view body, std::string_view more_headers,
                 std::string_view type) {
    std::string text = "POST ";
    text += path;
    text += " HTTP/1.1\r\nHost: test\r\n";
    if (!type.empty()) {
        text += "Content-Type: ";
        text += type;
        text += "\r\n";
    }
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    text += more_headers;
    text += "\r\n";
    text += body;
    return text;
}

}  // namespace subcults::test
