// The queue between the socket and the database: bounded in events and bytes, with a mark at which
// the reader stops reading and a lower one at which it goes on.
//
// Threading: one producer (the reader thread), one consumer (the writer thread), anyone may look.
// Cost: a short lock per event. Memory: at most one event beyond the marks.
#pragma once

#include "base/time.hpp"
#include "jetstream/cursor.hpp"
#include "jetstream/event.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace subcults::indexer {

// A frame that could not become an event; it travels with the events, so that its quarantine and
// the cursor past it commit together.
struct FaultyFrame {
    std::string_view reason;  // static text, a label value
    std::string path;
    std::string detail;
    std::string did;  // as far as it could be read
    std::int64_t time_us = 0;
    std::string raw;
};

struct QueueItem {
    std::variant<jetstream::Event, FaultyFrame> payload;
    std::size_t endpoint = 0;           // which server it came from
    jetstream::StoredCursor watermark;  // covers everything received up to this item
    SteadyClock::time_point received;
    std::uint64_t stream = 0;  // the run of reading it belongs to (StartPositions)

    const jetstream::Event* event() const noexcept {
        return std::get_if<jetstream::Event>(&payload);
    }
    const FaultyFrame* fault() const noexcept { return std::get_if<FaultyFrame>(&payload); }
    std::int64_t time_us() const noexcept;
    std::size_t bytes() const noexcept;
};

// Progress without content: frames were received that nobody wanted.
struct TrailingMark {
    std::size_t endpoint = 0;
    jetstream::StoredCursor watermark;
    std::uint64_t stream = 0;
};

struct QueueLimits {
    std::size_t pause_events = 8000;
    std::size_t resume_events = 2000;
    std::size_t pause_bytes = 16 * 1024 * 1024;
    std::size_t resume_bytes = 4 * 1024 * 1024;
};

class EventQueue {
  public:
    explicit EventQueue(QueueLimits limits) : limits_(limits) {}

    // Called (with no lock held) when the queue stops being empty, on the producer's thread.
    void on_items(std::function<void()> notify) { notify_items_ = std::move(notify); }
    // Called when the queue falls to the lower marks after a pause, on the consumer's thread.
    void on_resume(std::function<void()> notify) { notify_resume_ = std::move(notify); }

    // Returns false when an upper mark has been reached: read no more until on_resume. An item of
    // an earlier stream is dropped: its position could otherwise be committed in front of what the
    // present stream still has to deliver.
    [[nodiscard]] bool push(QueueItem item);
    // Everything up to this mark has been received, and nothing of it was wanted.
    void advance(TrailingMark mark);

    // Up to `most` items of one server, in order, and no more than `most_bytes` of them unless the
    // first alone is larger.
    std::vector<QueueItem> take(std::size_t most,
                                std::size_t most_bytes = std::numeric_limits<std::size_t>::max());
    // The mark behind the last item, once the queue is empty. Handed out once.
    std::optional<TrailingMark> take_trailing();
    // Drops everything (another process has taken over), ends a pause, and returns the number of
    // the stream that may push from now on. The first one is 0.
    std::uint64_t restart();

    bool paused() const;
    std::size_t size() const;
    std::size_t bytes() const;
    // The server's stamp of the oldest item.
    std::optional<std::int64_t> oldest_time_us() const;

  private:
    bool falls_to_lower_marks() const noexcept;

    QueueLimits limits_;
    std::function<void()> notify_items_;
    std::function<void()> notify_resume_;
    mutable std::mutex mutex_;
    std::deque<QueueItem> items_;
    std::size_t bytes_ = 0;
    bool paused_ = false;
    std::uint64_t stream_ = 0;
    std::optional<TrailingMark> trailing_;
};

}  // namespace subcults::indexer
