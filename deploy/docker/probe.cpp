// probe PORT PATH: exits with 0 when http://127.0.0.1:PORT/PATH answers 200, else with 1.
//
// For HEALTHCHECK in images without a shell or curl. Linked statically; no name is looked up. Two
// seconds at most per step: the engine's own limit is the last resort.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

bool send_all(int socket, std::string_view text) {
    while (!text.empty()) {
        const ssize_t sent = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

// As much of an answer as says its status: "HTTP/1.1 200".
std::string receive_status(int socket) {
    constexpr std::size_t length = 12;
    std::string answer;
    while (answer.size() < length) {
        char buffer[length];
        const ssize_t got = recv(socket, buffer, length - answer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        answer.append(buffer, static_cast<std::size_t>(got));
    }
    return answer;
}

bool answers(std::uint16_t port, const std::string& path) {
    const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0) return false;
    const timeval limit{2, 0};
    setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(socket_fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string request =
        "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    const bool good =
        connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        send_all(socket_fd, request) && receive_status(socket_fd).ends_with(" 200");
    close(socket_fd);
    return good;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const long port = std::strtol(argv[1], nullptr, 10);
    if (port < 1 || port > 65535) return 2;
    return answers(static_cast<std::uint16_t>(port), argv[2]) ? 0 : 1;
}
