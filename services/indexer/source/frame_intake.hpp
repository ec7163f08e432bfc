// What happens to a frame between socket and queue: decompressed, decoded, counted, put into the
// queue with the position that it brings us to. Also keeps the positions, and hence knows where to
// resume; and watches for gaps and for servers that count their events anew.
//
// Nothing that was received is dropped. A frame that cannot be read goes to the queue as a fault;
// what nobody wants, or another shard takes care of, moves the position. An event that is
// recognised as a repeat, or that gives a regression away, is queued like any other.
//
// A position moves when an event with a readable time is queued or passed over. It never moves by
// an event whose number is not above those seen before (seq_guard.hpp): until a regression is ruled
// out, such an event proves nothing about what lies before it.
//
// Who has no position begins live. If that connection ends before it has brought one, the next one
// asks for the time at which the first began, so that the wait between them is not skipped.
//
// No sockets; the clock is read for `heard_us` and the time of receipt only. Belongs to the
// reader's thread. Memory: about 2 MB, and what the largest frame needs.
#pragma once

#include "base/log.hpp"
#include "indexer_metrics.hpp"
#include "jetstream/cursor.hpp"
#include "jetstream/decoder.hpp"
#include "jetstream/frame_decompressor.hpp"
#include "jetstream/gap_detector.hpp"
#include "jetstream/recent_set.hpp"
#include "jetstream/seq_guard.hpp"
#include "jetstream/shard.hpp"
#include "queue/event_queue.hpp"
#include "source/start_positions.hpp"
#include "state.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::indexer {

struct IntakeOptions {
    std::vector<std::string> hosts;  // by endpoint; never empty
    std::vector<std::string> collections;
    jetstream::Shard shard;
    jetstream::Rewind rewind;
};

struct ResumePoint {
    std::optional<std::int64_t> cursor;  // to ask for; nullopt = begin live
    bool by_seq = false;
    bool same_host = true;
    std::optional<std::int64_t> held_us;  // the position that this goes back from
};

enum class Taken {
    go_on,
    queue_full,        // taken, but read no more until there is room
    seq_regression,    // taken; give the connection up and resume
    other_dictionary,  // not taken: the server compresses with a dictionary that is not ours
};

class FrameIntake {
  public:
    FrameIntake(IntakeOptions options, std::optional<jetstream::FrameDecompressor> decompressor,
                EventQueue& queue, IndexerMetrics& metrics, IndexerState& state, Log& log);

    // From now on reading goes on from here; what was known is forgotten.
    void restart(const StartPositions& positions);

    // Where a connection to this server resumes.
    ResumePoint resume_at(std::size_t endpoint) const;
    // A connection begins that asked for this. `compressed`: it asked for zstd frames.
    void begin(std::size_t endpoint, const ResumePoint& resume, bool compressed);

    // `frame` is followed by at least 64 readable bytes.
    [[nodiscard]] Taken take(std::string_view frame, bool binary);

    bool decompresses() const noexcept { return decompressor_.has_value(); }
    // Whether the present connection's server numbers its events.
    bool numbered() const noexcept { return guard_.floor().has_value(); }
    const jetstream::StoredCursor& position(std::size_t endpoint) const {
        return marks_[endpoint].cursor();
    }

  private:
    Taken take_event(const jetstream::EventView& event);
    Taken take_fault(FaultyFrame fault, std::string_view raw);
    Taken pass_over();
    Taken push(QueueItem item);
    // An event was seen there. `moves` = it may move the position.
    void note(std::int64_t time_us, std::optional<std::int64_t> seq, bool moves);
    void report(const jetstream::Gap& gap);
    void report_regression(std::int64_t seq);

    IntakeOptions options_;
    std::optional<jetstream::FrameDecompressor> decompressor_;
    EventQueue& queue_;
    IndexerMetrics& metrics_;
    IndexerState& state_;
    Log& log_;
    jetstream::Decoder decoder_;
    jetstream::RecentSet recent_;
    jetstream::SeqGuard guard_;
    jetstream::GapDetector gap_;
    LogLimit fault_log_{std::chrono::seconds(1)};

    std::vector<jetstream::Watermark> marks_;  // by endpoint
    // The server that the newest position comes from; asking another one needs a longer rewind.
    std::optional<std::size_t> read_from_;
    std::optional<std::int64_t> elsewhere_us_;
    std::optional<std::int64_t> begun_live_us_;  // by our clock
    std::uint64_t stream_ = 0;
    std::size_t endpoint_ = 0;
    bool compressed_ = false;
};

}  // namespace subcults::indexer
