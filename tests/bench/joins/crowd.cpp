#include "bench/joins/crowd.hpp"

#include "base/uuid.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <deque>
#include <numeric>
#include <stdexcept>
#include <system_error>

namespace subcults::bench {

namespace {

// Longer than the server's own deadlines: without a single answer for so long it is stuck.
constexpr std::chrono::seconds stuck{20};

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

SteadyClock::duration time_of(double seconds) {
    return std::chrono::duration_cast<SteadyClock::duration>(
        std::chrono::duration<double>(seconds));
}

// The length of the first answer in `text`, 0 while it is not all there.
std::size_t answer_length(const std::string& text) {
    const std::size_t head = text.find("\r\n\r\n");
    if (head == std::string::npos) return 0;
    constexpr std::string_view name = "Content-Length: ";
    const std::size_t at = text.find(name);
    std::size_t body = 0;
    if (at < head) {
        const char* begin = text.data() + at + name.size();
        std::from_chars(begin, text.data() + head, body);
    }
    const std::size_t total = head + 4 + body;
    return text.size() < total ? 0 : total;
}

}  // namespace

Crowd::Crowd(CrowdPlan plan)
    : plan_(std::move(plan)),
      links_(plan_.connections),
      random_(1),
      key_prefix_(uuid_v7().to_string().substr(24) + "-") {
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (poll_ < 0) fail("epoll_create1");
    for (std::size_t i = 0; i < links_.size(); ++i) {
        links_[i].next_user = i;
        connect(links_[i]);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = i;
        if (::epoll_ctl(poll_, EPOLL_CTL_ADD, links_[i].fd, &event) != 0) fail("epoll_ctl");
    }
}

Crowd::~Crowd() {
    for (const Link& link : links_) {
        if (link.fd >= 0) ::close(link.fd);
    }
    if (poll_ >= 0) ::close(poll_);
}

void Crowd::connect(Link& link) {
    link.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link.fd < 0) fail("socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(plan_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(link.fd, generic, sizeof address) != 0) fail("connect");
    const int on = 1;
    ::setsockopt(link.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void Crowd::send(std::size_t index) {
    Link& link = links_[index];
    const std::string& token = plan_.tokens[link.next_user % plan_.tokens.size()];
    link.next_user += links_.size();
    out_.assign("POST /streams/")
        .append(plan_.streams[random_() % plan_.streams.size()])
        .append("/")
        .append(plan_.action)
        .append(" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ")
        .append(token);
    if (plan_.keyed)
        out_.append("\r\nIdempotency-Key: ").append(key_prefix_).append(std::to_string(++keys_));
    body_.clear();
    if (plan_.body) {
        plan_.body(body_);
        out_.append("\r\nContent-Type: application/json");
    }
    out_.append("\r\nContent-Length: ").append(std::to_string(body_.size()));
    out_.append("\r\n\r\n").append(body_);
    // One small request in flight per connection always fits into its socket's buffer.
    const ssize_t sent = ::send(link.fd, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != static_cast<ssize_t>(out_.size())) fail("send");
    ++in_flight_;
}

// True when an answer is complete; it is taken off.
bool Crowd::receive(Link& link) {
    std::array<char, 4096> part;
    const ssize_t got = ::recv(link.fd, part.data(), part.size(), MSG_DONTWAIT);
    if (got == 0) throw std::runtime_error("the server has closed a connection");
    if (got < 0) {
        if (errno == EAGAIN || errno == EINTR) return false;
        fail("recv");
    }
    link.in.append(part.data(), static_cast<std::size_t>(got));
    const std::size_t length = answer_length(link.in);
    if (length == 0) return false;
    if (!link.in.starts_with("HTTP/1.1 " + plan_.status + " ")) {
        throw std::runtime_error("not a " + plan_.status + ": " + link.in.substr(0, 500));
    }
    link.in.erase(0, length);
    return true;
}

void Crowd::wait(SteadyClock::time_point limit, const std::function<void(std::size_t)>& done) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::max(limit - SteadyClock::now(), SteadyClock::duration::zero()));
    timespec time{};
    time.tv_sec = left.count() / 1'000'000'000;
    time.tv_nsec = left.count() % 1'000'000'000;
    // epoll_wait itself knows milliseconds only.
    pollfd ready{poll_, POLLIN, 0};
    if (::ppoll(&ready, 1, &time, nullptr) <= 0) return;
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
        const auto index = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
        if (!receive(links_[index])) continue;
        --in_flight_;
        ++acknowledged_;
        done(index);
    }
}

void Crowd::drain(const std::function<void(std::size_t)>& done) {
    const auto give_up = SteadyClock::now() + stuck;
    while (in_flight_ > 0) {
        wait(give_up, done);
        if (SteadyClock::now() > give_up) throw std::runtime_error("answers are missing");
    }
}

Crowd::Window Crowd::flat_out(double warm_up, double seconds, const std::function<void()>& mark) {
    const auto open_at = SteadyClock::now() + time_of(warm_up);
    for (std::size_t i = 0; i < links_.size(); ++i)
        send(i);
    const std::function<void(std::size_t)> again = [this](std::size_t index) { send(index); };
    while (SteadyClock::now() < open_at)
        wait(open_at, again);

    mark();
    const auto begun = SteadyClock::now();
    const auto close_at = begun + time_of(seconds);
    const std::uint64_t before = acknowledged_;
    while (SteadyClock::now() < close_at)
        wait(close_at, again);
    Window window;
    window.seconds = std::chrono::duration<double>(SteadyClock::now() - begun).count();
    window.answers = acknowledged_ - before;
    mark();
    if (window.answers == 0) throw std::runtime_error("no answers to measure");
    drain([](std::size_t) {});
    return window;
}

std::vector<double> Crowd::paced(double rate, double warm_up, double seconds) {
    const auto count = static_cast<std::size_t>(rate * (warm_up + seconds));
    const auto unmeasured = static_cast<std::size_t>(rate * warm_up);
    const auto start = SteadyClock::now() + std::chrono::milliseconds(5);
    const auto due = [start, rate](std::size_t i) {
        return start + time_of(static_cast<double>(i) / rate);
    };
    const auto measured_from = due(unmeasured);
    // Whoever has rested longest is next: the load stays spread over connections and users.
    std::deque<std::size_t> idle(links_.size());
    std::iota(idle.begin(), idle.end(), std::size_t{0});
    std::vector<double> times;
    times.reserve(count - unmeasured);
    const std::function<void(std::size_t)> answered = [&](std::size_t index) {
        const auto now = SteadyClock::now();
        const auto was_due = links_[index].due;
        if (was_due >= measured_from) {
            times.push_back(std::chrono::duration<double>(now - was_due).count());
        }
        idle.push_back(index);
    };
    auto last_answer = SteadyClock::now();
    for (std::size_t next = 0; next < count;) {
        const auto now = SteadyClock::now();
        for (; next < count && due(next) <= now && !idle.empty(); ++next) {
            const std::size_t index = idle.front();
            idle.pop_front();
            links_[index].due = due(next);
            send(index);
        }
        if (next == count) break;
        // With nobody idle, the next request is late already and leaves with the next answer.
        const std::uint64_t before = acknowledged_;
        wait(idle.empty() ? now + stuck : due(next), answered);
        if (acknowledged_ != before || in_flight_ == 0) last_answer = SteadyClock::now();
        if (SteadyClock::now() - last_answer > stuck) throw std::runtime_error("no answers");
    }
    drain(answered);
    if (times.empty()) throw std::runtime_error("no answers to measure");
    return times;
}

}  // namespace subcults::bench
