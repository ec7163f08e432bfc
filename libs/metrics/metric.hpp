// Metric primitives: sharded counters and histograms for hot paths, plain gauges and totals.
//
// Threading: every method is safe from any thread. An update is one relaxed atomic addition (a
// histogram: two) on a cache line that the calling thread (nearly) owns: a counter about 7 ns, a
// histogram about 20 ns; reading sums the shards. An update that happened before a scrape arrived
// is part of that scrape.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace subcults::metrics {

inline constexpr std::size_t shard_count = 8;  // a power of two; threads are spread over them

namespace detail {
// Constant-initialised, so that reading it needs neither a guard nor a call.
extern constinit thread_local std::size_t shard_of_thread;
std::size_t choose_shard() noexcept;
}  // namespace detail

// The calling thread's shard, fixed at its first use.
inline std::size_t this_thread_shard() noexcept {
    const std::size_t shard = detail::shard_of_thread;
    return shard < shard_count ? shard : detail::choose_shard();
}

class Counter {
  public:
    Counter() = default;
    Counter(const Counter&) = delete;
    Counter& operator=(const Counter&) = delete;

    void increment(std::uint64_t by = 1) noexcept {
        shards_[this_thread_shard()].value.fetch_add(by, std::memory_order_relaxed);
    }
    std::uint64_t value() const noexcept;

  private:
    struct alignas(64) Shard {
        std::atomic<std::uint64_t> value{0};
    };
    std::array<Shard, shard_count> shards_{};
};

class Gauge {
  public:
    Gauge() = default;
    Gauge(const Gauge&) = delete;
    Gauge& operator=(const Gauge&) = delete;

    void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
    void add(double value) noexcept { value_.fetch_add(value, std::memory_order_relaxed); }
    double value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<double> value_{0};
};

// A counter for the scraper whose value is not counted here one by one: fractions (seconds) that
// add up, or a running total that somebody else keeps (the kernel, a connection pool) and that is
// copied before each rendering. Use one of the two, and never let it fall.
class Total {
  public:
    Total() = default;
    Total(const Total&) = delete;
    Total& operator=(const Total&) = delete;

    void add(double value) noexcept { value_.fetch_add(value, std::memory_order_relaxed); }
    void set(double total) noexcept { value_.store(total, std::memory_order_relaxed); }
    double value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<double> value_{0};
};

class Histogram {
  public:
    // `bounds` are upper bounds (inclusive), rising; they must outlive the histogram.
    explicit Histogram(std::span<const double> bounds);
    Histogram(const Histogram&) = delete;
    Histogram& operator=(const Histogram&) = delete;

    // NaN and infinities are ignored: each would poison the sum for ever.
    void observe(double value) noexcept { observe(value, 1); }
    void observe(double value, std::uint64_t times) noexcept;

    struct Snapshot {
        std::vector<std::uint64_t> cumulative;  // one per bound, then the total (+Inf)
        double sum = 0;
        std::uint64_t count() const noexcept { return cumulative.back(); }
    };
    // Consistent in itself: the +Inf bucket equals the count even while others observe. The sum
    // may be ahead of or behind the buckets by observations that are under way.
    Snapshot snapshot() const;
    // The same into a snapshot that is used again, so that a loop over many does not allocate.
    void snapshot(Snapshot& into) const;
    std::span<const double> bounds() const noexcept { return bounds_; }

  private:
    // Whole cache lines, so that the cells of two shards never share one.
    struct alignas(64) Line {
        std::array<std::atomic<std::uint64_t>, 8> cells{};
    };
    struct alignas(64) Sum {
        std::atomic<double> value{0};
    };

    std::span<const double> bounds_;
    std::size_t lines_per_shard_;
    std::unique_ptr<Line[]> lines_;
    std::array<Sum, shard_count> sums_{};
};

}  // namespace subcults::metrics
