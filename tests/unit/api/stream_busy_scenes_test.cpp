#include "streams/busy_scenes.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <vector>

using namespace subcults;
using namespace subcults::api;

namespace {

struct Clock {
    SteadyClock::time_point now{std::chrono::hours(1000)};
    void pass(std::chrono::minutes minutes) { now += minutes; }
};

}  // namespace

TEST_CASE("the first scenes get a label at once, the others share one") {
    BusyScenes busy;
    const Clock clock;
    std::vector<Uuid> scenes(60);
    for (Uuid& scene : scenes)
        scene = uuid_v7();
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < scenes.size(); ++i) {
            CHECK(busy.note(scenes[i], 1, clock.now).labelled == (i < 50));
        }
    }
}

TEST_CASE("a scene in use keeps its label, however busy the others are") {
    BusyScenes::Limits limits;
    limits.labels = 2;
    BusyScenes busy(limits);
    Clock clock;
    const Uuid small = uuid_v7();
    const Uuid other = uuid_v7();
    const Uuid star = uuid_v7();
    busy.note(small, 1, clock.now);
    busy.note(other, 1, clock.now);
    for (int i = 0; i < 100; ++i) {
        clock.pass(std::chrono::minutes(5));
        CHECK(busy.note(small, 1, clock.now).labelled);
        CHECK(busy.note(other, 1, clock.now).labelled);
        CHECK_FALSE(busy.note(star, 1000, clock.now).labelled);
    }
    SECTION("and loses it to a busier one when it has been quiet for an hour") {
        for (int i = 0; i < 11; ++i) {
            clock.pass(std::chrono::minutes(5));
            CHECK(busy.note(other, 1, clock.now).labelled);
            CHECK_FALSE(busy.note(star, 10, clock.now).labelled);
        }
        clock.pass(std::chrono::minutes(5));
        const auto place = busy.note(star, 10, clock.now);
        CHECK(place.labelled);
        CHECK(place.displaced == small);
        CHECK(busy.note(star, 1, clock.now).labelled);
        CHECK_FALSE(busy.note(small, 1, clock.now).labelled);
    }
}

TEST_CASE("thousands of passing scenes neither grow the tables nor win a label by luck") {
    BusyScenes::Limits limits;
    limits.labels = 1;
    limits.watched = 8;
    BusyScenes busy(limits);
    Clock clock;
    const Uuid quiet = uuid_v7();
    busy.note(quiet, 5, clock.now);
    clock.pass(std::chrono::minutes(9));  // within the half-life: its count still stands
    const Uuid steady = uuid_v7();
    for (int i = 0; i < 5000; ++i) {
        CHECK_FALSE(busy.note(uuid_v7(), 1, clock.now).labelled);
    }
    // It is quiet for an hour, but its five events were more than any passer-by has had for
    // certain.
    BusyScenes::Limits longer = limits;
    longer.half_life = std::chrono::minutes(600);
    BusyScenes patient(longer);
    patient.note(quiet, 5, clock.now);
    clock.pass(std::chrono::minutes(90));
    for (int i = 0; i < 5000; ++i)
        REQUIRE_FALSE(patient.note(uuid_v7(), 1, clock.now).labelled);
    for (int i = 0; i < 5; ++i)
        REQUIRE_FALSE(patient.note(steady, 1, clock.now).labelled);
    CHECK(patient.note(steady, 1, clock.now).labelled);
}
