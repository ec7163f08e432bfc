// A Jetstream that is always faster than its reader: it upgrades whoever connects and hands the
// source's bytes to the kernel in large pieces. Filters in the request are ignored, the cursor is
// honoured, pings are answered between pieces.
//
// One connection at a time; a new one ends the one before, as a reader that comes again has given
// up what it had. Everything happens on a thread of the server's own, which waits in poll(2).
// Errors of a connection end that connection; errors of the machine are std::system_error from the
// constructor.
#pragma once

#include "bench/feed/source.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace subcults::bench {

// An open descriptor.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    void reset() noexcept;

  private:
    int fd_ = -1;
};

class FeedServer {
  public:
    explicit FeedServer(FeedSource& source);
    ~FeedServer();
    FeedServer(const FeedServer&) = delete;
    FeedServer& operator=(const FeedServer&) = delete;

    std::uint16_t port() const noexcept { return port_; }
    std::string url() const;  // ws://…/subscribe

    // Handed to the kernel, over all connections.
    std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }
    std::uint64_t connections() const noexcept { return connections_; }
    // What the latest connection asked for.
    std::string last_target() const;

  private:
    struct Connection {
        Descriptor socket;
        std::string incoming;
        std::unique_ptr<FeedReader> reader;  // once upgraded
        std::string control;                 // answers that go out between pieces
        std::string sending;                 // what of them is under way
        Piece piece;
        std::string_view pending;  // the rest of what is under way
    };

    void run();
    void accept_one();
    void fill(SteadyClock::time_point now);
    // All of these return false when the connection is over.
    bool receive();
    bool upgrade();
    bool answer_frames();
    bool transmit();

    FeedSource& source_;
    Descriptor listener_;
    Descriptor wake_;
    std::uint16_t port_ = 0;
    std::unique_ptr<Connection> connection_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> bytes_sent_{0};
    std::atomic<std::uint64_t> connections_{0};
    mutable std::mutex mutex_;
    std::string last_target_;
    std::thread thread_;
};

}  // namespace subcults::bench
