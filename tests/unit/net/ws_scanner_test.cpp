#include "net/ws_scanner.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using subcults::net::MessageScanner;

namespace {

std::string frame(unsigned first, std::size_t size, bool masked = false) {
    std::string text(1, static_cast<char>(first));
    const unsigned mask = masked ? 0x80U : 0U;
    const auto push = [&](std::size_t value, int bytes) {
        for (int i = bytes - 1; i >= 0; --i)
            text += static_cast<char>(value >> (8 * i) & 0xFFU);
    };
    if (size < 126) {
        text += static_cast<char>(mask | size);
    } else if (size < 65'536) {
        text += static_cast<char>(mask | 126U);
        push(size, 2);
    } else {
        text += static_cast<char>(mask | 127U);
        push(size, 8);
    }
    if (masked) text += "mask";
    text.append(size, 'x');
    return text;
}

constexpr unsigned text_frame = 0x81;
constexpr unsigned text_begins = 0x01;
constexpr unsigned more = 0x00;
constexpr unsigned last = 0x80;
constexpr unsigned ping = 0x89;

}  // namespace

TEST_CASE(
    "whole messages are seen whatever the cuts, and control frames disturb the one they precede") {
    const std::string wire = frame(text_frame, 5) + frame(text_frame, 0) + frame(text_frame, 200) +
                             frame(text_frame, 70'000) + frame(ping, 4) + frame(text_frame, 1) +
                             frame(text_frame, 2) + frame(text_begins, 3) + frame(ping, 0) +
                             frame(last, 3) + frame(text_begins, 3) + frame(more, 0) +
                             frame(last, 126, true) + frame(text_frame, 125);
    const std::vector<bool> expected{true, true, true, true, false, true, false, true, true};
    for (const std::size_t step : {1U, 2U, 3U, 7U, 1000U, 100'000U}) {
        CAPTURE(step);
        MessageScanner scanner;
        for (std::size_t at = 0; at < wire.size(); at += step) {
            std::string piece = wire.substr(at, step);
            scanner.feed(piece);
        }
        for (const bool whole : expected) {
            CHECK(scanner.next_is_whole() == whole);
            scanner.take();
        }
        CHECK_FALSE(scanner.next_is_whole());
    }
}

TEST_CASE("a message is whole only with its last byte") {
    MessageScanner scanner;
    std::string wire = frame(text_frame, 300);
    scanner.feed(std::span<char>(wire).first(wire.size() - 1));
    CHECK_FALSE(scanner.next_is_whole());
    scanner.feed(std::span<char>(wire).last(1));
    CHECK(scanner.next_is_whole());
    scanner.take();
    scanner.take();
    CHECK_FALSE(scanner.next_is_whole());
}

TEST_CASE("an absurd length is waited for, not believed in memory") {
    MessageScanner scanner;
    std::string header("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10);
    scanner.feed(header);
    std::string payload(100'000, '\x81');
    scanner.feed(payload);
    CHECK_FALSE(scanner.next_is_whole());
}

TEST_CASE("text frames pass as binary ones and are remembered as text, payloads are left alone") {
    const std::string sent = frame(text_frame, 5) + frame(0x82, 5) + frame(text_begins, 3) +
                             frame(ping, 1) + frame(last, 129);
    const std::string expected =
        frame(0x82, 5) + frame(0x82, 5) + frame(0x02, 3) + frame(ping, 1) + frame(last, 129);
    for (const std::size_t step : {1U, 2U, 5U, 1000U}) {
        CAPTURE(step);
        MessageScanner scanner;
        std::string passed_on;
        for (std::size_t at = 0; at < sent.size(); at += step) {
            std::string piece = sent.substr(at, step);
            scanner.feed(piece);
            passed_on += piece;
        }
        CHECK(passed_on == expected);
        std::vector<bool> text;
        for (int message = 0; message < 3; ++message) {
            text.push_back(scanner.next_was_text());
            scanner.take();
        }
        CHECK(text == std::vector<bool>{true, false, true});
    }
}
