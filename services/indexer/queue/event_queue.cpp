#include "queue/event_queue.hpp"

#include <algorithm>
#include <utility>

namespace subcults::indexer {

std::int64_t QueueItem::time_us() const noexcept {
    const FaultyFrame* faulty = fault();
    return faulty != nullptr ? faulty->time_us : event()->view().time_us;
}

std::size_t QueueItem::bytes() const noexcept {
    const std::size_t own = sizeof(QueueItem);
    if (const FaultyFrame* faulty = fault()) {
        return own + faulty->raw.capacity() + faulty->detail.capacity() + faulty->path.capacity();
    }
    return own + event()->bytes();
}

bool EventQueue::push(QueueItem item) {
    bool was_empty = false;
    bool go_on = true;
    {
        const std::lock_guard lock(mutex_);
        if (item.stream != stream_) return true;
        was_empty = items_.empty();
        bytes_ += item.bytes();
        items_.push_back(std::move(item));
        trailing_.reset();  // the item's own mark is further on
        if (items_.size() >= limits_.pause_events || bytes_ >= limits_.pause_bytes) paused_ = true;
        go_on = !paused_;
    }
    if (was_empty && notify_items_) notify_items_();
    return go_on;
}

void EventQueue::advance(TrailingMark mark) {
    const std::lock_guard lock(mutex_);
    if (mark.stream == stream_) trailing_ = mark;
}

bool EventQueue::falls_to_lower_marks() const noexcept {
    return items_.size() <= limits_.resume_events && bytes_ <= limits_.resume_bytes;
}

std::vector<QueueItem> EventQueue::take(std::size_t most, std::size_t most_bytes) {
    std::vector<QueueItem> taken;
    std::size_t taken_bytes = 0;
    bool resume = false;
    {
        const std::lock_guard lock(mutex_);
        taken.reserve(std::min(most, items_.size()));
        while (!items_.empty() && taken.size() < most) {
            const std::size_t bytes = items_.front().bytes();
            if (!taken.empty() && items_.front().endpoint != taken.front().endpoint) break;
            if (!taken.empty() && taken_bytes + bytes > most_bytes) break;
            taken_bytes += bytes;
            bytes_ -= bytes;
            taken.push_back(std::move(items_.front()));
            items_.pop_front();
        }
        if (paused_ && falls_to_lower_marks()) {
            paused_ = false;
            resume = true;
        }
    }
    if (resume && notify_resume_) notify_resume_();
    return taken;
}

std::optional<TrailingMark> EventQueue::take_trailing() {
    const std::lock_guard lock(mutex_);
    if (!items_.empty()) return std::nullopt;
    std::optional<TrailingMark> mark;
    mark.swap(trailing_);
    return mark;
}

std::uint64_t EventQueue::restart() {
    bool resume = false;
    std::uint64_t stream = 0;
    {
        const std::lock_guard lock(mutex_);
        stream = ++stream_;
        items_.clear();
        bytes_ = 0;
        trailing_.reset();
        resume = std::exchange(paused_, false);
    }
    if (resume && notify_resume_) notify_resume_();
    return stream;
}

bool EventQueue::paused() const {
    const std::lock_guard lock(mutex_);
    return paused_;
}

std::size_t EventQueue::size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
}

std::size_t EventQueue::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

std::optional<std::int64_t> EventQueue::oldest_time_us() const {
    const std::lock_guard lock(mutex_);
    if (items_.empty()) return std::nullopt;
    return items_.front().time_us();
}

}  // namespace subcults::indexer
