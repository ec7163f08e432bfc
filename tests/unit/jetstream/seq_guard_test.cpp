#include "jetstream/seq_guard.hpp"

#include <catch2/catch.hpp>

using namespace subcults::jetstream;

namespace {

constexpr std::int64_t stamp = 1'783'175'888'000'000;

std::uint64_t print_of(std::int64_t seq) {
    return static_cast<std::uint64_t>(seq) * 0x9e3779b97f4a7c15U | 1U;
}

// Sees numbers [from, to), a millisecond apart.
bool see(SeqGuard& guard, std::int64_t from, std::int64_t to) {
    for (std::int64_t seq = from; seq < to; ++seq) {
        if (!guard.observe(seq, stamp + seq * 1000, print_of(seq))) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("without a number there is nothing to resume from") {
    SeqGuard guard;
    CHECK_FALSE(guard.resume_from().has_value());
    CHECK(guard.passes(0));
}

TEST_CASE("resuming asks for 12,288 less than the highest number, and never below 1") {
    SeqGuard guard;
    REQUIRE(see(guard, 1, 100));
    CHECK(guard.resume_from() == 1);
    REQUIRE(see(guard, 24'600'000'000, 24'600'000'010));
    CHECK(guard.resume_from() == 24'600'000'009 - 12'288);
}

TEST_CASE("a faithful repeat and gaps between numbers are ordinary") {
    SeqGuard guard;
    REQUIRE(see(guard, 1000, 30'000));
    guard.begin(guard.resume_from());
    CHECK(see(guard, *guard.resume_from(), 31'000));
    CHECK(guard.observe(90'000, stamp + 90'000'000, 5));
    CHECK(guard.observe(4'000'000, stamp + 91'000'000, 6));
    CHECK(guard.floor() == 4'000'000);
}

TEST_CASE("a known number with another event is a regression, and everything is forgotten") {
    SeqGuard guard;
    REQUIRE(see(guard, 1000, 5000));
    guard.begin(guard.resume_from());
    REQUIRE(see(guard, 1000, 4000));
    CHECK_FALSE(guard.observe(4000, stamp, 1));
    CHECK_FALSE(guard.resume_from().has_value());
    // From here on the new numbering is as good as any.
    guard.begin(std::nullopt);
    CHECK(guard.observe(4000, stamp, 1));
    CHECK(guard.floor() == 4000);
}

TEST_CASE("a first number below the one asked for is a regression") {
    SeqGuard guard;
    REQUIRE(see(guard, 50'000, 70'000));
    const auto asked = guard.resume_from();
    guard.begin(asked);
    // Numbers that no ring entry stands for.
    CHECK_FALSE(guard.observe(*asked - 1000, stamp + 70'000'000, 3));

    SeqGuard other;
    REQUIRE(see(other, 50'000, 70'000));
    other.begin(other.resume_from());
    CHECK(other.observe(*other.resume_from(), stamp + *other.resume_from() * 1000,
                        print_of(*other.resume_from())));
    // Only the first one counts: later ones may come in another order.
    CHECK(other.observe(50'001, stamp + 50'001'000, print_of(50'001)));
}

TEST_CASE("a number that was passed long ago and comes with a new time is a regression") {
    SeqGuard guard;
    // A narrow filter: few numbers are known.
    REQUIRE(guard.observe(10'000, stamp, 1));
    REQUIRE(guard.observe(20'000, stamp + 1'000'000, 2));
    guard.begin(guard.resume_from());
    CHECK(guard.observe(15'000, stamp + 500'000, 3));
    CHECK_FALSE(guard.observe(16'000, stamp + 62'000'000, 4));
}

TEST_CASE("an event whose number is not above the floor does not move the position") {
    SeqGuard guard;
    REQUIRE(see(guard, 10, 20));
    CHECK_FALSE(guard.passes(19));
    CHECK_FALSE(guard.passes(12));
    CHECK(guard.passes(20));
}
