#include "cache/bounded_cache.hpp"
#include "unit/cache/ids.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace subcults;
using namespace subcults::api;
using namespace std::chrono_literals;
using subcults::test::id_of;

namespace {

using Cache = BoundedCache<std::string>;

Cache::Time at(std::chrono::milliseconds since) {
    return Cache::Time(1h + since);
}

CacheLimits limits(std::chrono::milliseconds max_age, std::size_t capacity) {
    CacheLimits made;
    made.max_age = max_age;
    made.capacity = capacity;
    return made;
}

std::string value_of(Cache& cache, std::uint32_t id, std::uint64_t stamp, Cache::Time now) {
    const std::string* found = cache.find(id_of(id), stamp, now);
    return found != nullptr ? *found : "none";
}

}  // namespace

TEST_CASE("a value is used while its stamp holds and it is younger than the bound") {
    Cache cache(limits(1000ms, 10));
    cache.store(id_of(1), "a", 7, at(0ms));
    CHECK(value_of(cache, 1, 7, at(0ms)) == "a");
    CHECK(value_of(cache, 1, 7, at(999ms)) == "a");
    CHECK(value_of(cache, 1, 7, at(1000ms)) == "none");
    // Once found too old it takes no memory any more.
    CHECK(cache.size() == 0);
    cache.store(id_of(1), "b", 7, at(1000ms));
    CHECK(value_of(cache, 1, 8, at(1001ms)) == "none");
    CHECK(value_of(cache, 2, 7, at(1001ms)) == "none");
}

TEST_CASE("age counts from before the database was asked, not from when the answer came") {
    Cache cache(limits(1000ms, 10));
    // Asked at 0, stored whenever: the caller says when it asked.
    cache.store(id_of(1), "slow", 1, at(0ms));
    CHECK(value_of(cache, 1, 1, at(1001ms)) == "none");
}

TEST_CASE("of two answers the one asked for later stays, whichever comes last") {
    Cache cache(limits(1000ms, 10));
    cache.store(id_of(1), "new", 2, at(10ms));
    cache.store(id_of(1), "old", 2, at(0ms));
    CHECK(value_of(cache, 1, 2, at(20ms)) == "new");
    CHECK(cache.size() == 1);
}

TEST_CASE("no more than the capacity is kept, and what is used stays longest") {
    Cache cache(limits(1000ms, 3));
    for (std::uint32_t i = 0; i < 3; ++i)
        cache.store(id_of(i), std::to_string(i), 1, at(0ms));
    CHECK(value_of(cache, 0, 1, at(1ms)) == "0");
    cache.store(id_of(3), "3", 1, at(2ms));
    CHECK(cache.size() == 3);
    CHECK(value_of(cache, 0, 1, at(3ms)) == "0");
    CHECK(value_of(cache, 1, 1, at(3ms)) == "none");
    for (std::uint32_t i = 10; i < 1000; ++i)
        cache.store(id_of(i), "x", 1, at(4ms));
    CHECK(cache.size() == 3);
}

TEST_CASE("without an age or a capacity nothing is kept") {
    for (const CacheLimits& none : {limits(0ms, 10), limits(1000ms, 0)}) {
        CHECK_FALSE(none.enabled());
        Cache cache(none);
        cache.store(id_of(1), "a", 1, at(0ms));
        CHECK(cache.size() == 0);
        CHECK(value_of(cache, 1, 1, at(0ms)) == "none");
    }
}
