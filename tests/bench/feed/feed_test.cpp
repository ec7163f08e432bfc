#include "bench/feed/bare_reader.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::bench;

namespace {

std::string stamped(std::int64_t time_us) {
    return "{\"time_us\":" + std::to_string(time_us) + "}";
}

std::string everything(FeedReader& reader, std::size_t pieces) {
    std::string bytes;
    for (std::size_t i = 0; i < pieces; ++i)
        bytes.append(reader.next(SteadyClock::time_point{}).bytes);
    return bytes;
}

// What a client sends: masked, with a mask that is not all zero.
std::string masked(Opcode opcode, std::string_view payload) {
    const std::string_view mask = "\x01\x02\x03\x04";
    std::string frame;
    frame.push_back(static_cast<char>(0x80 | static_cast<unsigned char>(opcode)));
    frame.push_back(static_cast<char>(0x80 | payload.size()));
    frame.append(mask);
    for (std::size_t i = 0; i < payload.size(); ++i)
        frame.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
    return frame;
}

constexpr std::int64_t noon = 1'783'175'888'000'000;

}  // namespace

TEST_CASE("frames of every length are counted, however their bytes are cut") {
    std::string bytes;
    std::uint64_t payload = 0;
    for (const std::size_t size : {0U, 1U, 125U, 126U, 65'535U, 65'536U, 200'000U}) {
        append_frame(bytes, std::string(size, 'x'));
        payload += size;
    }
    for (const std::size_t step : {1U, 7U, 4096U, 1'000'000U}) {
        FrameCounter counter;
        for (std::size_t at = 0; at < bytes.size(); at += step)
            counter.feed(std::string_view(bytes).substr(at, step));
        CHECK(counter.frames() == 7);
        CHECK(counter.payload_bytes() == payload);
    }
}

TEST_CASE("a listener's frames are read when they are whole, and refused when unmasked") {
    std::string bytes = masked(Opcode::ping, "are you there") + masked(Opcode::close, "");
    const std::string rest = bytes.substr(10);
    bytes.resize(10);
    std::vector<ClientFrame> frames;
    REQUIRE(take_client_frames(bytes, frames));
    CHECK(frames.empty());
    bytes += rest;
    REQUIRE(take_client_frames(bytes, frames));
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].opcode == Opcode::ping);
    CHECK(frames[0].payload == "are you there");
    CHECK(frames[1].opcode == Opcode::close);
    CHECK(bytes.empty());

    std::string unmasked;
    append_frame(unmasked, "no client does this");
    CHECK_FALSE(take_client_frames(unmasked, frames));
}

TEST_CASE("an upgrade request gives its target and parameters") {
    const auto request = parse_upgrade(
        "GET /subscribe?wantedCollections=a.b.*&cursor=17 HTTP/1.1\r\nHost: here\r\n"
        "SEC-websocket-KEY:  dGhlIHNhbXBsZSBub25jZQ== \r\n\r\n");
    REQUIRE(request);
    CHECK(request->parameter("cursor") == "17");
    CHECK(request->parameter("wantedCollections") == "a.b.*");
    CHECK_FALSE(request->parameter("compress"));
    // The example of RFC 6455.
    CHECK(accept_upgrade(*request).find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string::npos);
    CHECK_FALSE(parse_upgrade("GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"));
}

TEST_CASE("a list is sent once, from the cursor on, and no further than allowed") {
    ListedFrames list({"one", "two", "three"}, {10, 20, 30});
    const auto from = list.open(20);
    std::string expected;
    append_frame(expected, "two");
    append_frame(expected, "three");
    CHECK(everything(*from, 3) == expected);

    list.allow(1);
    const auto held = list.open(std::nullopt);
    CHECK(held->next(SteadyClock::time_point{}).frames == 1);
    const Piece nothing = held->next(SteadyClock::time_point{});
    CHECK(nothing.bytes.empty());
    CHECK(nothing.again < SteadyClock::time_point::max());
    list.allow(3);
    CHECK(held->next(SteadyClock::time_point{}).frames == 2);
}

TEST_CASE("a loop never repeats a time, and goes on where a cursor says") {
    LoopedFrames loop({stamped(noon), stamped(noon)}, noon);
    const auto reader = loop.open(std::nullopt);
    std::string expected;
    for (int i = 0; i < 4; ++i)
        append_frame(expected, stamped(noon + i));
    CHECK(everything(*reader, 2) == expected);
    const auto later = loop.open(noon + 3);
    std::string rest;
    append_frame(rest, stamped(noon + 3));
    CHECK(everything(*later, 1) == rest);
}

TEST_CASE("a paced feed keeps its rate and says when it sent what") {
    PacedFrames paced(1000, 1000, 1, [](std::size_t index) { return std::to_string(index); });
    const auto reader = paced.open(std::nullopt);
    const SteadyClock::time_point begin{std::chrono::seconds(1)};
    auto now = begin;
    while (paced.sent() < 1000) {
        const Piece piece = reader->next(now);
        if (piece.bytes.empty()) now = piece.again;
    }
    const std::chrono::duration<double> taken = now - begin;
    CHECK(taken.count() > 0.8);
    CHECK(taken.count() < 1.2);
    CHECK(paced.sent_at(0) <= paced.sent_at(999));
}

TEST_CASE("a bare reader finds every frame of a server at full speed") {
    LoopedFrames loop({stamped(noon), stamped(noon), stamped(noon)}, noon);
    FeedServer server(loop);
    BareReader reader(server.port(), 64 * 1024);
    const ReadRate rate = reader.read_for(std::chrono::milliseconds(50));
    CHECK(rate.events_per_second > 0);
    CHECK(rate.cpu_us_per_event > 0);
    CHECK(server.connections() == 1);
    CHECK(server.last_target() == "/subscribe");
    CHECK(server.bytes_sent() > 0);
}
