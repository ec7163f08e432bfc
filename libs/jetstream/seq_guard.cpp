#include "jetstream/seq_guard.hpp"

#include <algorithm>

namespace subcults::jetstream {

SeqGuard::SeqGuard() : ring_(static_cast<std::size_t>(remembered)) {}

std::optional<std::int64_t> SeqGuard::resume_from() const noexcept {
    if (!floor_) return std::nullopt;
    return std::max<std::int64_t>(*floor_ - rewind, 1);
}

void SeqGuard::begin(std::optional<std::int64_t> asked) noexcept {
    asked_ = asked;
}

bool SeqGuard::observe(std::int64_t seq, std::int64_t time_us, std::uint64_t fingerprint) noexcept {
    if (seq < 0) return true;
    const bool before_asked = asked_ && seq < *asked_;
    asked_.reset();
    Entry& entry = ring_[static_cast<std::size_t>(seq % remembered)];
    const bool another_event = entry.seq == seq && entry.fingerprint != fingerprint;
    const bool too_late = floor_ && seq < *floor_ && time_us - newest_us_ > clock_slack_us;
    if (before_asked || another_event || too_late) {
        forget();
        return false;
    }
    entry = Entry{seq, fingerprint};
    floor_ = std::max(floor_.value_or(seq), seq);
    newest_us_ = std::max(newest_us_, time_us);
    return true;
}

void SeqGuard::forget() noexcept {
    std::fill(ring_.begin(), ring_.end(), Entry{});
    floor_.reset();
    asked_.reset();
    newest_us_ = 0;
}

}  // namespace subcults::jetstream
