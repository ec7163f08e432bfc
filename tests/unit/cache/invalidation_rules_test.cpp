#include "cache/invalidation_rules.hpp"
#include "unit/cache/ids.hpp"

#include <catch2/catch.hpp>

#include <memory>

using namespace subcults;
using namespace subcults::api;
using subcults::test::id_of;

namespace {

const Uuid here = id_of(1000);
const Uuid elsewhere = id_of(1001);

struct World {
    std::unique_ptr<CacheStamps> stamps = std::make_unique<CacheStamps>();
    InvalidationRules rules{*stamps, here};

    void hear(const Uuid& origin, const Changes& changes) {
        for (const std::string& payload : encode_changes(origin, changes))
            rules.on_message(payload);
    }
};

Changes session(std::uint32_t id) {
    Changes changes;
    changes.sessions.add(id_of(id));
    return changes;
}

}  // namespace

TEST_CASE("what another process has changed is spoilt when it is applied, in one go") {
    World world;
    const auto first = world.stamps->sessions.of(id_of(1));
    const auto trust = world.stamps->trust.of(id_of(3));
    world.hear(elsewhere, session(1));
    world.hear(elsewhere, session(2));
    world.hear(elsewhere, session(1));
    CHECK(world.rules.pending());
    CHECK(world.stamps->sessions.of(id_of(1)) == first);
    const Invalidated done = world.rules.apply();
    CHECK(done.remote == 2);
    CHECK(done.flushes == 0);
    CHECK(world.stamps->sessions.of(id_of(1)) != first);
    CHECK(world.stamps->trust.of(id_of(3)) == trust);
    CHECK_FALSE(world.rules.pending());
    CHECK(world.rules.apply().total() == 0);
}

TEST_CASE("a process does not heed its own messages, because it has spoilt them before") {
    World world;
    const auto before = world.stamps->sessions.of(id_of(1));
    world.hear(here, session(1));
    CHECK_FALSE(world.rules.pending());
    CHECK(world.rules.apply().total() == 0);
    CHECK(world.stamps->sessions.of(id_of(1)) == before);
    CHECK(spoil(*world.stamps, session(1)) == 1);
    CHECK(world.stamps->sessions.of(id_of(1)) != before);
}

TEST_CASE("a change of the trust graph spoils trust and ownership of all scenes, not sessions") {
    World world;
    const auto session_stamp = world.stamps->sessions.of(id_of(1));
    const auto scene = world.stamps->scenes.of(id_of(1));
    const auto trust = world.stamps->trust.of(id_of(1));
    for (int i = 0; i < 5; ++i)
        world.rules.on_trust_graph();
    CHECK(world.rules.apply().trust_graph == 1);
    CHECK(world.stamps->sessions.of(id_of(1)) == session_stamp);
    CHECK(world.stamps->scenes.of(id_of(1)) != scene);
    CHECK(world.stamps->trust.of(id_of(1)) != trust);
}

TEST_CASE("a loss spoils everything, and so does a message that nobody understands") {
    World world;
    const auto all = [&world] {
        return std::vector{world.stamps->sessions.of(id_of(1)), world.stamps->scenes.of(id_of(2)),
                           world.stamps->trust.of(id_of(3))};
    };
    const auto before = all();
    world.rules.on_loss();
    CHECK(world.rules.apply().flushes == 1);
    const auto after = all();
    for (std::size_t i = 0; i < before.size(); ++i)
        CHECK(after[i] != before[i]);
    world.rules.on_message("7 what a later version has to say");
    CHECK(world.rules.apply().flushes == 1);
    CHECK(all() != after);
}

TEST_CASE("a probe has returned when its own number has been heard, and no other's counts") {
    World world;
    CHECK(world.rules.probe_returned());
    Changes probe;
    probe.probe = world.rules.next_probe();
    CHECK_FALSE(world.rules.probe_returned());
    world.hear(elsewhere, probe);
    CHECK_FALSE(world.rules.probe_returned());
    CHECK_FALSE(world.rules.pending());
    world.hear(here, probe);
    CHECK(world.rules.probe_returned());
    probe.probe = world.rules.next_probe();
    CHECK_FALSE(world.rules.probe_returned());
    world.rules.next_probe();
    world.hear(here, probe);
    CHECK_FALSE(world.rules.probe_returned());
}
