#include "cache/changes.hpp"
#include "unit/cache/ids.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api;
using subcults::test::id_of;

namespace {

// What a receiver of all these payloads knows.
Changes received(const std::vector<std::string>& payloads, const Uuid& origin) {
    Changes all;
    for (const std::string& payload : payloads) {
        CHECK(payload.size() < 8000);
        const auto message = decode_changes(payload);
        REQUIRE(message);
        CHECK(message->origin == origin);
        all.merge(message->changes);
    }
    return all;
}

}  // namespace

TEST_CASE("what is told of changes is what is understood") {
    Changes changes;
    changes.sessions.add(id_of(1));
    changes.sessions.add(id_of(2));
    changes.sessions.add(id_of(1));
    changes.trust.add(id_of(3));
    changes.probe = 42;
    const auto payloads = encode_changes(id_of(9), changes);
    CHECK(payloads.size() == 3);
    CHECK(received(payloads, id_of(9)) == changes);
    CHECK(encode_changes(id_of(9), Changes()).empty());
}

TEST_CASE("many changes take several notifications, each below the limit of the database") {
    Changes changes;
    for (std::uint32_t i = 0; i < 1999; ++i)
        changes.sessions.add(id_of(i));
    const auto payloads = encode_changes(id_of(9), changes);
    CHECK(payloads.size() == 7);
    CHECK(received(payloads, id_of(9)) == changes);
}

TEST_CASE("too many changes to be named are all") {
    Changes changes;
    for (std::uint32_t i = 0; i <= ChangedIds::most; ++i)
        changes.sessions.add(id_of(i));
    CHECK(changes.sessions.all());
    CHECK(changes.sessions.ids().empty());
    CHECK_FALSE(changes.trust.all());
    const auto payloads = encode_changes(id_of(9), changes);
    CHECK(payloads.size() == 1);
    CHECK(received(payloads, id_of(9)) == changes);
    Changes other;
    other.sessions.add(id_of(1));
    other.merge(changes);
    CHECK(other.sessions.all());
}

TEST_CASE("of two probes the later one counts") {
    Changes changes;
    Changes later;
    changes.probe = 5;
    later.probe = 4;
    changes.merge(later);
    CHECK(changes.probe == 5);
    later.probe = 6;
    changes.merge(later);
    CHECK(changes.probe == 6);
    CHECK_FALSE(changes.empty());
}

TEST_CASE("what is not one of our messages is not understood") {
    Changes changes;
    changes.sessions.add(id_of(1));
    const std::string good = encode_changes(id_of(9), changes).front();
    REQUIRE(decode_changes(good));
    for (const std::string& bad :
         {std::string(), std::string("1"), std::string("1 "), std::string("nonsense"),
          "2" + good.substr(1), good + "A", good + " x*", good + " s", good + "  t*",
          good.substr(0, good.size() - 1), std::string("1 short s*"), std::string(9000, ' '),
          good + " p", good + " p-1", good + " p99999999999999999999"}) {
        INFO(bad);
        CHECK_FALSE(decode_changes(bad));
    }
    // Every beginning of a message is either not understood or tells of something.
    for (std::size_t length = 0; length < good.size(); ++length) {
        const auto part = decode_changes(std::string_view(good).substr(0, length));
        if (part) CHECK_FALSE(part->changes.empty());
    }
}
