#include "bench/indexer/subject.hpp"

#include <poll.h>

#include <stdexcept>

namespace subcults::bench {

Subject::Subject(const test::TestDatabase& database, const std::string& jetstream_url,
                 test::Process::Environment extra)
    : indexer_(database.url(), jetstream_url, std::move(extra)), client_(indexer_.client()) {
    if (::clock_getcpuclockid(indexer_.process().pid(), &cpu_clock_) != 0) {
        throw std::runtime_error("the kernel does not say what a process has used");
    }
}

double Subject::cpu_seconds() const {
    timespec spent{};
    if (::clock_gettime(cpu_clock_, &spent) != 0) {
        throw std::runtime_error("the indexer has ended");
    }
    return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

Reading Subject::read(const std::string& series) {
    Reading reading;
    const auto asked = SteadyClock::now();
    const auto answer = client_.get("/internal/indexer/metrics");
    reading.value = test::metric(answer.body, series);
    reading.cpu_seconds = cpu_seconds();
    // The counter was looked at somewhere in between.
    reading.at = asked + (SteadyClock::now() - asked) / 2;
    return reading;
}

void rest(std::chrono::microseconds time) {
    timespec limit{};
    limit.tv_sec = time.count() / 1'000'000;
    limit.tv_nsec = time.count() % 1'000'000 * 1000;
    ::ppoll(nullptr, 0, &limit, nullptr);
}

void checkpoint(const test::TestDatabase& database) {
    database.execute("CHECKPOINT");
}

}  // namespace subcults::bench
