#include "cache/stamps.hpp"
#include "unit/cache/ids.hpp"

#include <catch2/catch.hpp>

#include <thread>
#include <vector>

using namespace subcults;
using namespace subcults::api;
using subcults::test::id_of;

TEST_CASE("a stamp holds until something is said of its row") {
    Stamps stamps;
    const std::uint64_t before = stamps.of(id_of(1));
    CHECK(stamps.of(id_of(1)) == before);
    stamps.invalidate(id_of(1));
    CHECK(stamps.of(id_of(1)) != before);
}

TEST_CASE("a change spoils few stamps but its own, a flush spoils all") {
    Stamps stamps;
    std::vector<std::uint64_t> before;
    for (std::uint32_t i = 0; i < 1000; ++i)
        before.push_back(stamps.of(id_of(i)));
    stamps.invalidate(id_of(500));
    std::size_t spoilt = 0;
    for (std::uint32_t i = 0; i < 1000; ++i)
        spoilt += stamps.of(id_of(i)) != before[i] ? 1 : 0;
    CHECK(spoilt >= 1);
    CHECK(spoilt < 10);
    stamps.invalidate_all();
    spoilt = 0;
    for (std::uint32_t i = 0; i < 1000; ++i)
        spoilt += stamps.of(id_of(i)) != before[i] ? 1 : 0;
    CHECK(spoilt == 1000);
}

TEST_CASE("a stamp never comes back, whatever moves it") {
    Stamps stamps;
    std::uint64_t last = stamps.of(id_of(1));
    for (int i = 0; i < 100; ++i) {
        i % 3 == 0 ? stamps.invalidate_all() : stamps.invalidate(id_of(1));
        const std::uint64_t now = stamps.of(id_of(1));
        CHECK(now > last);
        last = now;
    }
}

TEST_CASE("no change of any thread is lost") {
    Stamps stamps;
    const std::uint64_t before = stamps.of(id_of(1));
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&stamps] {
                for (int n = 0; n < 1000; ++n)
                    stamps.invalidate(id_of(1));
            });
        }
    }
    CHECK(stamps.of(id_of(1)) == before + 4000);
}
