// The decoder against an independent reading: the same verdict and the same event; a filter and the
// place of the bytes change nothing else; an owned event equals its view.
#include "fuzz/frame_reading.hpp"
#include "jetstream/decoder.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace subcults;
using jetstream::EventView;

namespace {

void expect(bool condition, const char* what, std::string_view frame) {
    if (!condition) fuzz::fail(what, frame);
}

bool equal(const EventView& a, const EventView& b) {
    return a.kind == b.kind && a.operation == b.operation && a.time_us == b.time_us &&
           a.seq == b.seq && a.did == b.did && a.rev == b.rev && a.collection == b.collection &&
           a.rkey == b.rkey && a.cid == b.cid && a.record == b.record && a.handle == b.handle &&
           a.active == b.active && a.status == b.status && a.upstream_seq == b.upstream_seq;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view frame(reinterpret_cast<const char*>(data), size);
    jetstream::Decoder everything{jetstream::CollectionFilter({})};
    const auto copied = everything.decode(frame, false);

    // The same bytes in place, with the worst possible neighbours behind them.
    std::string padded(frame);
    padded.append(64, '"');
    const std::string_view in_frame = std::string_view(padded).substr(0, size);
    jetstream::Decoder second{jetstream::CollectionFilter({})};
    const auto in_place = second.decode(in_frame, true);
    expect(copied.has_value() == in_place.has_value(), "padding changed the verdict", frame);

    const fuzz::Reading reading = fuzz::read_independently(frame);
    if (reading.verdict != fuzz::Verdict::undecided) {
        expect(copied.has_value() == (reading.verdict == fuzz::Verdict::accepted),
               "another parser comes to another verdict", frame);
    }

    const std::vector<std::string> patterns{"tv.subcult.*"};
    jetstream::Decoder filtered{jetstream::CollectionFilter(patterns)};
    const auto wanted = filtered.decode(frame, false);
    if (!copied.has_value()) {
        expect(copied.error().fault == in_place.error().fault, "padding changed the fault", frame);
        expect(!wanted.has_value() || !wanted->has_value(), "a filter let a fault pass", frame);
        return 0;
    }
    expect(copied->has_value(), "unwanted without a filter", frame);
    const EventView& event = **copied;
    expect(wanted.has_value(), "a filter made a fault", frame);
    const bool ours =
        event.kind != jetstream::Kind::commit || event.collection.starts_with("tv.subcult.");
    expect(wanted->has_value() == ours, "the filter is wrong", frame);

    if (reading.verdict == fuzz::Verdict::accepted) {
        const char* const field = fuzz::difference(event, reading, frame);
        expect(field == nullptr, field, frame);
    }
    expect(equal(event, **in_place), "padding changed the event", frame);
    jetstream::Event owned(event);
    const jetstream::Event moved(std::move(owned));
    expect(equal(event, moved.view()), "the owned event differs", frame);
    return 0;
}
