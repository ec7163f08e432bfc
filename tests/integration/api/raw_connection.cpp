#include "integration/api/raw_connection.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>
#include <utility>

namespace subcults::test {

RawConnection::RawConnection(std::uint16_t port)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void* const raw = &address;
    if (::connect(fd_, static_cast<const sockaddr*>(raw), sizeof address) != 0) {
        ::close(fd_);
        throw std::runtime_error("cannot connect");
    }
}

RawConnection::~RawConnection() {
    if (fd_ >= 0) ::close(fd_);
}

RawConnection::RawConnection(RawConnection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), pending_(std::move(other.pending_)) {}

bool RawConnection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        pollfd waiting{fd_, POLLOUT, 0};
        if (::poll(&waiting, 1, 5000) <= 0) return false;
        const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

void RawConnection::shut_down_sending() {
    ::shutdown(fd_, SHUT_WR);
}

bool RawConnection::fill(std::chrono::milliseconds patience) {
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return false;
    std::array<char, 65536> chunk;
    const ssize_t count = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (count <= 0) return false;
    pending_.append(chunk.data(), static_cast<std::size_t>(count));
    return true;
}

std::optional<RawAnswer> RawConnection::read(std::chrono::milliseconds patience, bool head) {
    std::size_t end = 0;
    while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
        if (!fill(patience)) return std::nullopt;
    }
    RawAnswer answer;
    std::string_view lines = std::string_view(pending_).substr(0, end + 2);
    if (lines.substr(0, 9) != "HTTP/1.1 ") return std::nullopt;
    answer.status = static_cast<unsigned>(std::stoul(std::string(lines.substr(9, 3))));
    lines.remove_prefix(lines.find("\r\n") + 2);
    while (!lines.empty()) {
        const std::size_t stop = lines.find("\r\n");
        const std::string_view line = lines.substr(0, stop);
        const std::size_t colon = line.find(": ");
        std::string name(line.substr(0, colon));
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        answer.headers[name] = colon == std::string_view::npos ? "" : line.substr(colon + 2);
        lines.remove_prefix(stop + 2);
    }
    pending_.erase(0, end + 4);
    const std::string length_text = answer.header("content-length");
    const std::size_t length = length_text.empty() || head ? 0 : std::stoul(length_text);
    while (pending_.size() < length) {
        if (!fill(patience)) return std::nullopt;
    }
    answer.body = pending_.substr(0, length);
    pending_.erase(0, length);
    return answer;
}

}  // namespace subcults::test
