#include "records.hpp"
#include "sim/generator.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <string>

using namespace subcults;
using namespace subcults::atproto::test;

TEST_CASE("Every record that the generator writes is valid by the lexicons") {
    constexpr std::int64_t start = 1'790'000'000'000'000;
    std::set<std::string> seen;
    for (const std::uint64_t seed : {1U, 7U, 2026U}) {
        sim::GeneratorOptions options;
        options.seed = seed;
        options.dids = 100;
        sim::Generator generator(options);
        for (std::int64_t i = 0; i < 5'000; ++i) {
            const sim::GeneratedEvent event = generator.next(start + i * 1'000);
            if (event.kind != jetstream::Kind::commit) continue;
            if (event.operation == jetstream::Operation::del) continue;
            INFO(event.collection << " " << event.record);
            REQUIRE(verdict(event.collection, event.record) == "");
            REQUIRE(validator().key_fits(event.collection, event.rkey));
            seen.insert(event.collection);
        }
    }
    CHECK(seen.size() == 14);
}
