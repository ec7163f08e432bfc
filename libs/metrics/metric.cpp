#include "metrics/metric.hpp"

#include <cmath>

namespace subcults::metrics {

namespace detail {

constinit thread_local std::size_t shard_of_thread = shard_count;  // = not chosen yet

std::size_t choose_shard() noexcept {
    // Round robin rather than a hash of the thread's id: up to `shard_count` threads are then
    // certain not to share a shard.
    static std::atomic<std::size_t> next{0};
    shard_of_thread = next.fetch_add(1, std::memory_order_relaxed) % shard_count;
    return shard_of_thread;
}

}  // namespace detail

std::uint64_t Counter::value() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& shard : shards_)
        sum += shard.value.load(std::memory_order_relaxed);
    return sum;
}

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds),
      lines_per_shard_((bounds.size() + 1 + 7) / 8),
      lines_(std::make_unique<Line[]>(lines_per_shard_ * shard_count)) {}

void Histogram::observe(double value, std::uint64_t times) noexcept {
    const double added = value * static_cast<double>(times);
    if (!std::isfinite(added) || times == 0) return;

    // A dozen bounds in one or two cache lines: a plain scan beats a binary search.
    std::size_t bucket = 0;
    while (bucket < bounds_.size() && bounds_[bucket] < value)
        ++bucket;

    const std::size_t shard = this_thread_shard();
    auto& line = lines_[shard * lines_per_shard_ + bucket / 8];
    line.cells[bucket % 8].fetch_add(times, std::memory_order_relaxed);
    sums_[shard].value.fetch_add(added, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
    Snapshot result;
    snapshot(result);
    return result;
}

void Histogram::snapshot(Snapshot& into) const {
    into.cumulative.assign(bounds_.size() + 1, 0);
    into.sum = 0;
    for (std::size_t shard = 0; shard < shard_count; ++shard) {
        const Line* lines = &lines_[shard * lines_per_shard_];
        for (std::size_t bucket = 0; bucket < into.cumulative.size(); ++bucket) {
            into.cumulative[bucket] +=
                lines[bucket / 8].cells[bucket % 8].load(std::memory_order_relaxed);
        }
        into.sum += sums_[shard].value.load(std::memory_order_relaxed);
    }
    // The count is the sum of exactly the cells read above; that is what keeps it consistent.
    for (std::size_t bucket = 1; bucket < into.cumulative.size(); ++bucket) {
        into.cumulative[bucket] += into.cumulative[bucket - 1];
    }
}

}  // namespace subcults::metrics
