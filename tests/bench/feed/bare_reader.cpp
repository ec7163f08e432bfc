#include "bench/feed/bare_reader.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace subcults::bench {
namespace {

double thread_cpu_seconds() {
    timespec spent{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

BareReader::BareReader(std::uint16_t port, std::size_t buffer_bytes)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), buffer_(buffer_bytes) {
    if (!socket_) fail("socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::connect(socket_.get(), generic, sizeof(address)) < 0) fail("connect");
    const std::string request = request_upgrade("127.0.0.1", "/subscribe");
    if (::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) fail("send");
    std::string head;
    std::size_t end = std::string::npos;
    while (end == std::string::npos) {
        head.append(buffer_.data(), receive());
        end = head.find("\r\n\r\n");
    }
    if (!head.starts_with("HTTP/1.1 101 ")) throw std::runtime_error("the feed did not upgrade");
    frames_.feed(std::string_view(head).substr(end + 4));
}

std::size_t BareReader::receive() {
    for (;;) {
        const ssize_t count = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
        if (count > 0) return static_cast<std::size_t>(count);
        if (count == 0) throw std::runtime_error("the feed closed the connection");
        if (errno != EINTR) fail("recv");
    }
}

ReadRate BareReader::read_for(SteadyClock::duration duration) {
    const std::uint64_t frames_before = frames_.frames();
    const double cpu_before = thread_cpu_seconds();
    const auto begin = SteadyClock::now();
    auto now = begin;
    while (now < begin + duration) {
        frames_.feed(std::string_view(buffer_.data(), receive()));
        now = SteadyClock::now();
    }
    const auto events = static_cast<double>(frames_.frames() - frames_before);
    ReadRate rate;
    rate.events_per_second = events / std::chrono::duration<double>(now - begin).count();
    rate.cpu_us_per_event = (thread_cpu_seconds() - cpu_before) * 1e6 / events;
    return rate;
}

}  // namespace subcults::bench
