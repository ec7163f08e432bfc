#include "bench/feed/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

namespace subcults::bench {
namespace {

constexpr std::size_t longest_head = 64 * 1024;

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

std::optional<std::int64_t> number(std::string_view text) noexcept {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// poll(2) with a limit in time; a signal is no reason to give up.
void wait(pollfd* entries, nfds_t count, SteadyClock::time_point until) {
    timespec limit{};
    timespec* given = nullptr;
    if (until != SteadyClock::time_point::max()) {
        const auto left = std::max(until - SteadyClock::now(), SteadyClock::duration::zero());
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
        limit.tv_sec = seconds.count();
        limit.tv_nsec = std::chrono::nanoseconds(left - seconds).count();
        given = &limit;
    }
    if (::ppoll(entries, count, given, nullptr) < 0) {
        for (nfds_t i = 0; i < count; ++i)
            entries[i].revents = 0;
    }
}

}  // namespace

void Descriptor::reset() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

FeedServer::FeedServer(FeedSource& source)
    : source_(source),
      listener_(
          checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket")),
      wake_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    checked(::bind(listener_.get(), generic, size), "bind");
    checked(::listen(listener_.get(), 16), "listen");
    checked(::getsockname(listener_.get(), generic, &size), "getsockname");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
}

FeedServer::~FeedServer() {
    stopping_ = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof(one));
    thread_.join();
}

std::string FeedServer::url() const {
    return "ws://127.0.0.1:" + std::to_string(port_) + "/subscribe";
}

std::string FeedServer::last_target() const {
    const std::lock_guard lock(mutex_);
    return last_target_;
}

void FeedServer::run() {
    while (!stopping_) {
        if (connection_) fill(SteadyClock::now());
        std::array<pollfd, 3> entries{};
        entries[0] = {wake_.get(), POLLIN, 0};
        entries[1] = {listener_.get(), POLLIN, 0};
        nfds_t count = 2;
        auto until = SteadyClock::time_point::max();
        if (connection_) {
            const bool writing = !connection_->pending.empty();
            const auto events = static_cast<short>(writing ? POLLIN | POLLOUT : POLLIN);
            entries[2] = {connection_->socket.get(), events, 0};
            count = 3;
            if (!writing) until = connection_->piece.again;
        }
        wait(entries.data(), count, until);
        if (count == 3) {
            bool alive = true;
            if ((entries[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0) alive = receive();
            if (alive && (entries[2].revents & POLLOUT) != 0) alive = transmit();
            if (!alive) connection_.reset();
        }
        if ((entries[1].revents & POLLIN) != 0) accept_one();
    }
    connection_.reset();
}

void FeedServer::accept_one() {
    Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    connection_ = std::make_unique<Connection>();
    connection_->socket = std::move(socket);
    ++connections_;
}

void FeedServer::fill(SteadyClock::time_point now) {
    Connection& c = *connection_;
    if (!c.pending.empty()) return;
    if (!c.control.empty()) {
        c.sending = std::exchange(c.control, {});
        c.pending = c.sending;
        return;
    }
    if (!c.reader) return;
    c.piece = c.reader->next(now);
    c.pending = c.piece.bytes;
}

bool FeedServer::receive() {
    Connection& c = *connection_;
    std::array<char, 4096> bytes{};
    const ssize_t count = ::recv(c.socket.get(), bytes.data(), bytes.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    c.incoming.append(bytes.data(), static_cast<std::size_t>(count));
    return c.reader ? answer_frames() : upgrade();
}

bool FeedServer::upgrade() {
    Connection& c = *connection_;
    const std::size_t end = c.incoming.find("\r\n\r\n");
    if (end == std::string::npos) return c.incoming.size() <= longest_head;
    const auto request = parse_upgrade(std::string_view(c.incoming).substr(0, end + 4));
    if (!request) return false;
    c.incoming.erase(0, end + 4);
    {
        const std::lock_guard lock(mutex_);
        last_target_ = request->target;
    }
    std::optional<std::int64_t> cursor;
    if (const auto given = request->parameter("cursor")) cursor = number(*given);
    c.control = accept_upgrade(*request);
    c.reader = source_.open(cursor);
    return answer_frames();
}

bool FeedServer::answer_frames() {
    Connection& c = *connection_;
    std::vector<ClientFrame> frames;
    if (!take_client_frames(c.incoming, frames)) return false;
    for (const ClientFrame& frame : frames) {
        if (frame.opcode == Opcode::close) return false;
        if (frame.opcode == Opcode::ping) append_frame(c.control, frame.payload, Opcode::pong);
    }
    return true;
}

bool FeedServer::transmit() {
    Connection& c = *connection_;
    const ssize_t count =
        ::send(c.socket.get(), c.pending.data(), c.pending.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    bytes_sent_ += static_cast<std::uint64_t>(count);
    c.pending.remove_prefix(static_cast<std::size_t>(count));
    return true;
}

}  // namespace subcults::bench
