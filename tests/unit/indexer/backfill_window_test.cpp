#include "backfill/replay_window.hpp"

#include <catch2/catch.hpp>

using subcults::indexer::ReplayWindow;

using Place = ReplayWindow::Place;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t from = 1'783'175'888'000'000;
constexpr std::int64_t to = from + 100 * second;

ReplayWindow fresh() {
    return {from, to, std::nullopt};
}

}  // namespace

TEST_CASE("both ends belong to the window and nothing beyond them") {
    ReplayWindow window = fresh();
    CHECK(window.observe(from - 1) == Place::outside);
    CHECK_FALSE(window.position().has_value());
    CHECK(window.observe(from) == Place::inside);
    CHECK(window.observe(to) == Place::inside);
    CHECK(window.position() == to);
    CHECK(window.observe(to + 1) == Place::accounts);
    CHECK(window.observe(to + 3 * second) == Place::outside);
}

TEST_CASE("what becomes of accounts counts until the last record was written, and no longer") {
    ReplayWindow window = fresh();
    window.observe(from + second);
    const std::int64_t wrote = to + 1000 * second;
    window.record_read();
    // As long as it is not written nobody knows until when.
    CHECK(window.observe(wrote + 29 * second) == Place::accounts);
    CHECK_FALSE(window.over());
    window.committed(wrote);
    window.committed(wrote - second);
    window.committed(std::nullopt);
    CHECK(window.observe(to + 500 * second) == Place::accounts);
    CHECK(window.position() == wrote + 29 * second);
    CHECK(window.share() == 1);
    CHECK(window.observe(wrote + 30 * second) == Place::accounts);
    CHECK_FALSE(window.over());
    CHECK(window.observe(wrote + 30 * second + 1) == Place::outside);
    CHECK(window.over());
    // Whoever takes over knows it from the row.
    ReplayWindow resumed(from, to, to + second, wrote);
    CHECK(resumed.cursor(true) == to - 4 * second);
    CHECK(resumed.observe(wrote) == Place::accounts);
    CHECK_FALSE(resumed.over());
}

TEST_CASE("the end is believed in when an event is two seconds behind it") {
    ReplayWindow window = fresh();
    window.observe(to);
    window.observe(to + 2 * second);
    CHECK_FALSE(window.over());
    // One that was overtaken still belongs to it.
    CHECK(window.observe(to - 1) == Place::inside);
    window.observe(to + 2 * second + 1);
    CHECK(window.over());
}

TEST_CASE("the position is the latest stamp, whatever comes late") {
    ReplayWindow window = fresh();
    window.observe(from + 50 * second);
    window.observe(from + 20 * second);
    CHECK(window.position() == from + 50 * second);
    CHECK(window.share() == Approx(0.5));
}

TEST_CASE(
    "a fresh window asks for its beginning, a resumed one for a little more than is missing") {
    CHECK(fresh().cursor(true) == from);
    const ReplayWindow resumed(from, to, from + 50 * second);
    CHECK(resumed.cursor(true) == from + 45 * second);
    CHECK(resumed.cursor(false) == from + 40 * second);
    const ReplayWindow just_begun(from, to, from + second);
    CHECK(just_begun.cursor(true) == from);
}

TEST_CASE("silence ends it only where what is known came again and nothing later") {
    ReplayWindow window = fresh();
    window.begin_connection(window.cursor(true));
    window.observe(from + 10 * second);
    window.fell_silent();
    CHECK_FALSE(window.over());  // perhaps the server only paused
    window.begin_connection(window.cursor(true));
    window.observe(from + 10 * second);
    window.observe(from + 11 * second);
    window.fell_silent();
    CHECK_FALSE(window.over());  // it did
    window.begin_connection(window.cursor(true));
    window.observe(from + 10 * second);
    window.observe(from + 11 * second);
    CHECK_FALSE(window.progressed());
    window.fell_silent();
    CHECK(window.over());
}

TEST_CASE("a server that delivers nothing at all is asked twice") {
    ReplayWindow window = fresh();
    window.begin_connection(window.cursor(true));
    window.fell_silent();
    CHECK_FALSE(window.over());
    window.begin_connection(window.cursor(true));
    window.fell_silent();
    CHECK(window.over());
    CHECK_FALSE(window.position().has_value());
    CHECK(window.share() == 0);

    // Not twice in a row: no.
    ReplayWindow other = fresh();
    other.begin_connection(other.cursor(true));
    other.fell_silent();
    other.begin_connection(other.cursor(true));
    other.observe(from + second);
    other.fell_silent();
    other.begin_connection(other.cursor(true));
    other.fell_silent();
    CHECK_FALSE(other.over());
}

TEST_CASE("a server that begins far before what was asked for is not written again") {
    ReplayWindow window(from, to, from + 50 * second);
    window.begin_connection(window.cursor(true));
    CHECK(window.observe(from + 10 * second) == Place::outside);
    CHECK(window.observe(from + 45 * second - 1) == Place::outside);
    // Silence before it comes to what was asked for says nothing yet.
    window.fell_silent();
    CHECK_FALSE(window.over());
    window.begin_connection(window.cursor(true));
    CHECK(window.observe(from + 10 * second) == Place::outside);
    CHECK(window.observe(from + 45 * second) == Place::inside);
    CHECK(window.position() == from + 50 * second);
    window.fell_silent();
    CHECK(window.over());
}
