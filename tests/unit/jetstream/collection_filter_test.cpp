#include "jetstream/decoder.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using subcults::jetstream::CollectionFilter;

TEST_CASE("A filter without patterns wants everything") {
    const CollectionFilter filter({});
    CHECK(filter.everything());
    CHECK(filter.wants("app.bsky.feed.like"));
}

TEST_CASE("An asterisk among other patterns wants everything") {
    const std::vector<std::string> patterns{"tv.subcult.scene", "*"};
    const CollectionFilter filter(patterns);
    CHECK(filter.everything());
    CHECK(filter.wants("app.bsky.feed.like"));
    CHECK(filter.patterns() == patterns);
}

TEST_CASE("Exact names and prefixes want what they name and nothing that merely looks alike") {
    const std::vector<std::string> patterns{"tv.subcult.*", "app.subcult.scene",
                                            "app.subcult.event"};
    const CollectionFilter filter(patterns);
    CHECK_FALSE(filter.everything());
    for (const char* wanted :
         {"tv.subcult.scene", "tv.subcult.deep.er", "app.subcult.scene", "app.subcult.event"}) {
        INFO(wanted);
        CHECK(filter.wants(wanted));
    }
    for (const char* unwanted :
         {"tv.subcults.scene", "tv.subcult", "tv.subculture.scene", "", "app.subcult.sceneX",
          "app.subcult.scen", "app.subcult.post", "TV.subcult.scene", "xtv.subcult.scene"}) {
        INFO(unwanted);
        CHECK_FALSE(filter.wants(unwanted));
    }
}

TEST_CASE("Patterns that no server takes are named with a message") {
    for (const char* good : {"*", "tv.subcult.*", "tv.*", "app.bsky.feed.post"}) {
        INFO(good);
        CHECK(CollectionFilter::check(good).empty());
    }
    for (const char* bad : {"", ".*", "**", "tv.subcult.", "tv.subcult", "*.subcult", "tv.*.scene",
                            "tv.sub cult.*", "tv.subcult.*.*", "tv.subcult.3d"}) {
        INFO(bad);
        CHECK_FALSE(CollectionFilter::check(bad).empty());
    }
}
