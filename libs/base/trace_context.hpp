// W3C Trace Context: which trace a piece of work belongs to, and how that is handed on over HTTP
// (https://www.w3.org/TR/trace-context-2/).
//
// A trace is everything that one action causes, in whatever services; a span is one piece of work
// in it. A caller sends `traceparent` (trace, its own span, flags) and perhaps `tracestate`
// (opaque, of tracing systems). Whoever takes them over works under a span id of its own and sends
// that on. What comes from outside is judged strictly, and a header that is not right is as good as
// none: never an error. Nothing of a trace can be logged but ids that have been read and written
// again.
//
// Values, safe in any thread. Reading allocates nothing; new ids cost a copy of random bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace subcults {

// The content of `traceparent`. All zero = no trace; every other one has two ids that are not zero.
struct TraceParent {
    std::array<std::uint8_t, 16> trace_id{};
    std::array<std::uint8_t, 8> span_id{};
    std::uint8_t flags = 0;

    // The caller may have recorded its part.
    static constexpr std::uint8_t sampled = 0x01;
    // The last seven bytes of the trace id are random, so it may be sampled by.
    static constexpr std::uint8_t random_trace = 0x02;

    bool operator==(const TraceParent&) const = default;
    bool empty() const noexcept { return *this == TraceParent(); }

    // The value of the header, blanks around it cut off. Version 00 is exactly 55 characters; of a
    // later version what 00 knows is taken, if it stands in the same places. Flags that are not
    // known are dropped.
    static std::optional<TraceParent> parse(std::string_view value) noexcept;
    // A new trace: random ids, not sampled.
    static TraceParent start();
    // A new span of the same trace, with its flags.
    TraceParent child() const;

    // The header in version 00.
    std::string header() const;
    // 32 and 16 lower-case hex digits: the fields `trace_id` and `span_id` of log lines.
    std::string trace_text() const;
    std::string span_text() const;
};

// Longer ones are not passed on: what everybody must be able to pass on, and no more.
inline constexpr std::size_t longest_tracestate = 512;

// Whether a `tracestate` (several lines joined by commas) is worth passing on: 1 to 32 members
// "key=value" of which none is malformed and no key comes twice. Empty members are no mistake, but
// count.
bool is_tracestate(std::string_view value) noexcept;

// What a piece of work hands on.
struct TraceContext {
    TraceParent self;   // its span id is this work's own
    std::string state;  // `tracestate`, printable ASCII; empty = none

    static TraceContext start();
    TraceContext child() const;
    // Takes over the caller's `tracestate`, or none when it is not worth passing on. It is kept as
    // it came, but tabs, which may stand between members, become blanks.
    void take_state(std::string_view value);
};

}  // namespace subcults
