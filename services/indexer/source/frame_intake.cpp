#include "source/frame_intake.hpp"

#include "source/dictionary.hpp"

#include <algorithm>
#include <utility>

namespace subcults::indexer {
namespace {

// Of a frame that cannot be read, so much is kept.
constexpr std::size_t max_raw_bytes = 256 * 1024;

}  // namespace

FrameIntake::FrameIntake(IntakeOptions options,
                         std::optional<jetstream::FrameDecompressor> decompressor,
                         EventQueue& queue, IndexerMetrics& metrics, IndexerState& state, Log& log)
    : options_(std::move(options)),
      decompressor_(std::move(decompressor)),
      queue_(queue),
      metrics_(metrics),
      state_(state),
      log_(log),
      decoder_(jetstream::CollectionFilter(options_.collections), max_frame_bytes),
      marks_(options_.hosts.size()) {}

void FrameIntake::restart(const StartPositions& positions) {
    marks_.assign(options_.hosts.size(), jetstream::Watermark());
    read_from_.reset();
    std::int64_t newest = 0;
    for (std::size_t i = 0; i < std::min(marks_.size(), positions.by_endpoint.size()); ++i) {
        const jetstream::StoredCursor& stored = positions.by_endpoint[i];
        marks_[i] = jetstream::Watermark(stored);
        // Where the newest position comes from is where this consumer has been reading.
        if (!stored.time_us || *stored.time_us <= newest) continue;
        newest = *stored.time_us;
        read_from_ = i;
    }
    elsewhere_us_ = positions.elsewhere_us;
    begun_live_us_.reset();
    stream_ = positions.stream;
    guard_.forget();
    gap_.begin(std::nullopt);
}

ResumePoint FrameIntake::resume_at(std::size_t endpoint) const {
    ResumePoint point;
    if (elsewhere_us_) {
        const jetstream::StoredCursor stored{elsewhere_us_, std::nullopt};
        point.same_host = false;
        point.held_us = elsewhere_us_;
        point.cursor = jetstream::connect_cursor(stored, false, options_.rewind);
        return point;
    }
    if (!read_from_) {
        // Our clock is one more that differs from the server's. Nothing is held: no gap can show.
        const jetstream::StoredCursor begun{begun_live_us_, std::nullopt};
        point.cursor = jetstream::connect_cursor(begun, false, options_.rewind);
        return point;
    }
    const jetstream::StoredCursor& held = marks_[*read_from_].cursor();
    point.same_host = options_.hosts[*read_from_] == options_.hosts[endpoint];
    point.held_us = held.time_us;
    // The guard watches the server of the connection before this one.
    const bool watched = options_.hosts[endpoint_] == options_.hosts[endpoint];
    if (const auto seq = guard_.resume_from(); seq && point.same_host && watched) {
        point.cursor = seq;
        point.by_seq = true;
        return point;
    }
    point.cursor = jetstream::connect_cursor(held, point.same_host, options_.rewind);
    return point;
}

void FrameIntake::begin(std::size_t endpoint, const ResumePoint& resume, bool compressed) {
    if (options_.hosts[endpoint_] != options_.hosts[endpoint]) guard_.forget();
    guard_.begin(resume.by_seq ? resume.cursor : std::nullopt);
    gap_.begin(resume.held_us,
               resume.same_host ? std::chrono::microseconds(0) : options_.rewind.other_host);
    endpoint_ = endpoint;
    compressed_ = compressed;
    if (!resume.cursor && !begun_live_us_) begun_live_us_ = now_micros().value;
}

Taken FrameIntake::take(std::string_view frame, bool binary) {
    metrics_.received_bytes.increment(frame.size());
    state_.heard_us = now_micros().value;
    std::string_view text = frame;
    if (binary && decompressor_) {
        const auto inflated = decompressor_->decompress(frame);
        if (!inflated) {
            const auto fault = inflated.error();
            // Where we did not ask for compression there is nothing better to ask for.
            if (fault == jetstream::DecompressFault::wrong_dictionary && compressed_) {
                return Taken::other_dictionary;
            }
            FaultyFrame faulty;
            faulty.reason = "malformed_compression";
            faulty.detail = jetstream::to_string(fault);
            return take_fault(std::move(faulty), frame);
        }
        text = *inflated;
    }
    metrics_.decoded_bytes.increment(text.size());
    auto decoded = decoder_.decode(text, true);
    if (!decoded) {
        jetstream::DecodeError error = std::move(decoded).error();
        FaultyFrame faulty;
        faulty.reason = jetstream::to_string(error.fault);
        faulty.path = std::move(error.path);
        faulty.detail = std::move(error.reason);
        faulty.did = std::move(error.did);
        faulty.time_us = error.time_us;
        return take_fault(std::move(faulty), text);
    }
    if (*decoded) return take_event(**decoded);
    const jetstream::Decoder::Passed& passed = decoder_.passed();
    note(passed.time_us, passed.seq, !passed.seq || guard_.passes(*passed.seq));
    return pass_over();
}

Taken FrameIntake::take_event(const jetstream::EventView& event) {
    const std::uint64_t fingerprint = recent_.fingerprint(event);
    bool moves = true;
    bool regressed = false;
    if (event.seq) {
        moves = guard_.passes(*event.seq);
        regressed = !guard_.observe(*event.seq, event.time_us, fingerprint);
    } else if (guard_.floor()) {
        guard_.forget();  // another kind of server answers there now
    }
    if (regressed) {
        report_regression(*event.seq);
    } else {
        note(event.time_us, event.seq, moves);
    }
    state_.last_event_us = std::max(state_.last_event_us.load(), event.time_us);

    Taken taken = Taken::go_on;
    if (options_.shard.owns(event.did)) {
        metrics_.count_event(event);
        if (recent_.seen_before(fingerprint)) metrics_.redelivered.increment();
        QueueItem item{jetstream::Event(event), endpoint_, marks_[endpoint_].cursor(),
                       SteadyClock::now()};
        taken = push(std::move(item));
    } else {
        taken = pass_over();
    }
    return regressed ? Taken::seq_regression : taken;
}

Taken FrameIntake::take_fault(FaultyFrame fault, std::string_view raw) {
    // Where events are numbered the next readable one moves the position.
    if (fault.time_us != 0) note(fault.time_us, std::nullopt, !numbered());
    // One shard keeps what belongs to nobody.
    const bool ours =
        fault.did.empty() ? options_.shard.index == 0 : options_.shard.owns(fault.did);
    if (!ours) return pass_over();
    std::uint64_t held_back = 0;
    if (fault_log_.allow(held_back)) {
        log_.warn("frame set aside", {{"reason", fault.reason},
                                      {"path", fault.path},
                                      {"detail", fault.detail},
                                      {"more", held_back}});
    }
    fault.raw = raw.substr(0, max_raw_bytes);
    QueueItem item{std::move(fault), endpoint_, marks_[endpoint_].cursor(), SteadyClock::now()};
    return push(std::move(item));
}

// Nothing to keep but the position.
Taken FrameIntake::pass_over() {
    TrailingMark trailing;
    trailing.endpoint = endpoint_;
    trailing.watermark = marks_[endpoint_].cursor();
    trailing.stream = stream_;
    queue_.advance(trailing);
    return Taken::go_on;
}

Taken FrameIntake::push(QueueItem item) {
    item.stream = stream_;
    return queue_.push(std::move(item)) ? Taken::go_on : Taken::queue_full;
}

void FrameIntake::note(std::int64_t time_us, std::optional<std::int64_t> seq, bool moves) {
    if (const auto gap = gap_.observe(time_us)) report(*gap);
    if (!moves) return;
    marks_[endpoint_].observe(time_us, seq);
    read_from_ = endpoint_;
    elsewhere_us_.reset();
}

void FrameIntake::report(const jetstream::Gap& gap) {
    metrics_.gaps.increment();
    metrics_.gap_seconds.add(gap.seconds());
    log_.error("part of the stream is missing", {{"host", options_.hosts[endpoint_]},
                                                 {"from", format_rfc3339(UnixMicros{gap.from_us})},
                                                 {"to", format_rfc3339(UnixMicros{gap.to_us})},
                                                 {"seconds", gap.seconds()}});
}

void FrameIntake::report_regression(std::int64_t seq) {
    marks_[endpoint_].forget_seq();
    metrics_.seq_regressions.increment();
    log_.error("a server uses sequence numbers again for other events: resuming by time",
               {{"host", options_.hosts[endpoint_]}, {"seq", seq}});
}

}  // namespace subcults::indexer
