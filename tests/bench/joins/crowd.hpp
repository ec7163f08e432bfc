// A crowd of HTTP clients on one thread: keep-alive connections with one request in flight each,
// spending as little processor time as a client can, because it shares the machine with what it
// measures. Blocks; any answer but `status` and any broken connection is a std::runtime_error: a
// bench with failures measures nothing.
#pragma once

#include "base/time.hpp"

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace subcults::bench {

struct CrowdPlan {
    std::uint16_t port = 0;
    std::string action;                // the last part of the path: join, token
    std::vector<std::string> streams;  // each request takes one at random
    // Users, by their access tokens; those of one connection are asked for in turn.
    std::vector<std::string> tokens;
    bool keyed = false;  // each request has an Idempotency-Key of its own
    std::size_t connections = 512;
    std::string status = "200";
    // Appends the body of one request; none = empty bodies.
    std::function<void(std::string& into)> body = {};
};

class Crowd {
  public:
    explicit Crowd(CrowdPlan plan);  // connects
    ~Crowd();
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

    struct Window {
        double seconds = 0;
        std::uint64_t answers = 0;
        double rate() const { return static_cast<double>(answers) / seconds; }
    };
    // As fast as answers come. `mark` is called at the beginning and at the end of the window,
    // which opens after `warm_up` seconds. Returns when nothing is in flight.
    Window flat_out(double warm_up, double seconds, const std::function<void()>& mark);

    // At a fixed rate, whatever the server does. Seconds from when a request was due (not from
    // when it could be sent) to its answer, without those of the first `warm_up` seconds.
    std::vector<double> paced(double rate, double warm_up, double seconds);

    // Expected answers in all.
    std::uint64_t acknowledged() const noexcept { return acknowledged_; }

  private:
    struct Link {
        int fd = -1;
        std::size_t next_user = 0;
        std::string in;
        SteadyClock::time_point due;
    };

    void connect(Link& link);
    void send(std::size_t index);
    // Waits for readable connections, at most until `limit`; calls `done` for each complete answer.
    void wait(SteadyClock::time_point limit, const std::function<void(std::size_t)>& done);
    bool receive(Link& link);
    void drain(const std::function<void(std::size_t)>& done);

    CrowdPlan plan_;
    std::vector<Link> links_;
    std::minstd_rand random_;
    std::string key_prefix_;  // no two crowds share a key
    int poll_ = -1;
    std::string out_;
    std::string body_;
    std::uint64_t keys_ = 0;
    std::size_t in_flight_ = 0;
    std::uint64_t acknowledged_ = 0;
};

}  // namespace subcults::bench
