#include "backfill/replay_window.hpp"

#include <algorithm>

namespace subcults::indexer {

ReplayWindow::ReplayWindow(std::int64_t from_us, std::int64_t to_us,
                           std::optional<std::int64_t> position_us,
                           std::optional<std::int64_t> written_us) noexcept
    : from_us_(from_us), to_us_(to_us), position_us_(position_us), written_us_(written_us) {}

// What is later than this is the sign that nothing more is to come.
std::int64_t ReplayWindow::end() const noexcept {
    const std::int64_t of_records = to_us_ + disorder.count();
    return written_us_ ? std::max(of_records, *written_us_ + clocks.count()) : of_records;
}

void ReplayWindow::committed(std::optional<std::int64_t> written_us) noexcept {
    pending_ = false;
    if (written_us) written_us_ = std::max(written_us_.value_or(*written_us), *written_us);
}

std::int64_t ReplayWindow::cursor(bool same_host) const noexcept {
    // From the beginning too: another server may have stamped the same event a little earlier, and
    // cursors are inclusive.
    if (!position_us_) return std::max(from_us_, jetstream::min_time_cursor);
    const jetstream::StoredCursor held{position_us_, std::nullopt};
    const auto resumed = jetstream::connect_cursor(held, same_host);
    return std::max(resumed.value_or(from_us_), from_us_);
}

void ReplayWindow::begin_connection(std::int64_t asked_us) noexcept {
    asked_us_ = asked_us;
    heard_ = false;
    progressed_ = false;
}

ReplayWindow::Place ReplayWindow::observe(std::int64_t time_us) noexcept {
    if (time_us < std::max(from_us_, asked_us_)) return Place::outside;
    heard_ = true;
    empty_connections_ = 0;
    if (!pending_ && time_us > end()) {
        over_ = true;
        return Place::outside;
    }
    if (!position_us_ || time_us > *position_us_) {
        position_us_ = time_us;
        progressed_ = true;
    }
    return time_us <= to_us_ ? Place::inside : Place::accounts;
}

void ReplayWindow::fell_silent() noexcept {
    if (progressed_) return;
    // What is known came again, and nothing after it.
    if (heard_ || ++empty_connections_ >= 2) over_ = true;
}

double ReplayWindow::share() const noexcept {
    if (!position_us_) return 0;
    const auto done = static_cast<double>(*position_us_ - from_us_);
    return std::clamp(done / static_cast<double>(to_us_ - from_us_), 0.0, 1.0);
}

}  // namespace subcults::indexer
