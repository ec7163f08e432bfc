// Whose word counts about a scene, and which changes ask for its trust to be computed anew.
#include "integration/indexer/batch_writer.hpp"

#include "db/listener.hpp"
#include "support/asio_test.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;
using jetstream::Operation;

namespace {

CommitFields about(double at, std::string did, std::string collection, std::string rkey,
                   std::string json) {
    CommitFields fields;
    fields.did = std::move(did);
    fields.time_us = stamp(at);
    fields.rev = rev_at(at);
    fields.collection = std::move(collection);
    fields.rkey = std::move(rkey);
    fields.record = std::move(json);
    if (fields.record.empty()) fields.operation = Operation::del;
    return fields;
}

CommitFields alliance(double at, std::string did, int weight,
                      const std::string& reason = "friends") {
    return about(at, std::move(did), "app.subcult.alliance", "l",
                 R"({"fromScene":"at://did:plc:a/app.subcult.scene/s",
                 "toScene":"at://did:plc:b/app.subcult.scene/t","createdAt":"2026-07-01T00:00:00Z",
                 "reason":")" +
                     reason + R"(","weight":)" + std::to_string(weight) + "}");
}

CommitFields scene(double at, std::string did, std::string rkey = "s") {
    return about(at, std::move(did), "app.subcult.scene", std::move(rkey), R"({"name":"x"})");
}

CommitFields deleted(double at, std::string did, std::string collection, std::string rkey) {
    return about(at, std::move(did), std::move(collection), std::move(rkey), "");
}

std::string dirty(const TestDatabase& database) {
    return database.execute(
        "SELECT coalesce(string_agg(coalesce(s.uri, d.scene_id::text) || '=' || d.generation, ','"
        " ORDER BY s.uri), '') FROM trust_dirty d LEFT JOIN scenes s ON s.id = d.scene_id");
}

const std::string scene_s = "at://did:plc:a/app.subcult.scene/s";

}  // namespace

TEST_CASE("an alliance counts only in the repository of the vouching scene's owner") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const Written forged = writer.write_items(commit(alliance(1, "did:plc:b", 100)));
    CHECK(forged.marks == 0);
    CHECK(database.execute("SELECT count(*) FROM alliances") == "1");
    CHECK(database.execute("SELECT count(*) FROM visible_alliances") == "0");
    const Written own = writer.write_items(commit(alliance(2, "did:plc:a", 40)));
    CHECK(own.marks == 1);
    CHECK(database.execute("SELECT weight FROM visible_alliances") == "40");
}

TEST_CASE("a membership counts only in the repository of the scene's owner") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const std::string record = R"({"scene":"at://did:plc:a/app.subcult.scene/s",
        "member":"did:plc:m","role":"owner","status":"active","createdAt":"2026-07-01T00:00:00Z"})";
    const Written forged =
        writer.write_items(commit(about(1, "did:plc:m", "app.subcult.membership", "m", record)));
    CHECK(forged.marks == 0);
    CHECK(database.execute("SELECT count(*) FROM visible_memberships") == "0");
    const Written own =
        writer.write_items(commit(about(2, "did:plc:a", "app.subcult.membership", "m", record)));
    CHECK(own.marks == 1);
    CHECK(database.execute("SELECT author_did FROM visible_memberships") == "did:plc:a");
}

TEST_CASE("a transaction marks a scene once, and only for what trust depends on") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    CHECK(writer.write_items(commit(scene(1, "did:plc:a")), commit(alliance(2, "did:plc:a", 40)))
              .marks == 1);
    CHECK(dirty(database) == scene_s + "=1");
    // Another reason, another name: no other score.
    CHECK(writer
              .write_items(commit(alliance(3, "did:plc:a", 40, "old friends")),
                           commit(scene(3, "did:plc:a")))
              .marks == 0);
    CHECK(writer.write_items(commit(alliance(4, "did:plc:a", 41))).marks == 1);
    CHECK(dirty(database) == scene_s + "=2");
    // The same again: nothing.
    CHECK(writer.write_items(commit(alliance(4, "did:plc:a", 41)), commit(scene(1, "did:plc:a")))
              .marks == 0);
    CHECK(writer.write_items(commit(deleted(5, "did:plc:a", "app.subcult.alliance", "l"))).marks ==
          1);
    CHECK(writer.write_items(commit(deleted(6, "did:plc:a", "app.subcult.scene", "s"))).marks == 1);
    CHECK(dirty(database) == scene_s + "=4");
}

TEST_CASE(
    "of two records about one member the one rewritten last counts, and its scene is marked") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const auto member = [](double at, const std::string& rkey, const std::string& did, int weight) {
        return commit(about(at, "did:plc:a", "app.subcult.membership", rkey,
                            R"({"scene":"at://did:plc:a/app.subcult.scene/s","role":"owner",
                            "status":"active","createdAt":"2026-07-01T00:00:00Z","member":")" +
                                did + R"(","weight":)" + std::to_string(weight) + "}"));
    };
    const auto score = [&database] {
        return database.execute("SELECT t.score FROM scenes s, scene_trust(ARRAY[s.id]) t");
    };
    writer.write_items(commit(scene(1, "did:plc:a")));
    CHECK(writer.write_items(member(2, "first", "did:plc:m", 50)).marks == 1);
    CHECK(writer.write_items(member(3, "first", "did:plc:m", 50)).marks == 0);
    CHECK(writer.write_items(member(4, "second", "did:plc:m", 80)).marks == 1);
    CHECK(score() == "0.8");
    CHECK(writer.write_items(member(5, "first", "did:plc:m", 50)).marks == 1);
    CHECK(score() == "0.5");
    // About somebody else, by somebody else, and no more: none of these is another word on it.
    CHECK(writer.write_items(member(6, "third", "did:plc:n", 50)).marks == 1);
    writer.write_items(commit(about(6, "did:plc:b", "app.subcult.membership", "forged",
                                    R"({"scene":"at://did:plc:a/app.subcult.scene/s",
                                    "createdAt":"2026-07-01T00:00:00Z",
                                    "member":"did:plc:n","role":"owner","status":"active"})")));
    CHECK(writer.write_items(member(7, "third", "did:plc:n", 50)).marks == 0);
    CHECK(writer.write_items(commit(deleted(8, "did:plc:a", "app.subcult.membership", "second")))
              .marks == 1);
    CHECK(writer.write_items(member(9, "first", "did:plc:m", 50)).marks == 0);
}

TEST_CASE("of two records about one ally the one rewritten last counts, and its scene is marked") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const auto ally = [](double at, const std::string& rkey, const std::string& to, int weight) {
        return commit(about(at, "did:plc:a", "app.subcult.alliance", rkey,
                            R"({"fromScene":"at://did:plc:a/app.subcult.scene/s",
                            "createdAt":"2026-07-01T00:00:00Z","toScene":")" +
                                to + R"(","weight":)" + std::to_string(weight) + "}"));
    };
    const auto weight = [&database] {
        return database.execute(
            "SELECT t.alliance_weight FROM scenes s, scene_trust(ARRAY[s.id]) t");
    };
    writer.write_items(commit(scene(1, "did:plc:a")));
    const std::string to = "at://did:plc:b/app.subcult.scene/t";
    CHECK(writer.write_items(ally(2, "first", to, 50)).marks == 1);
    CHECK(writer.write_items(ally(3, "first", to, 50)).marks == 0);
    CHECK(writer.write_items(ally(4, "second", to, 80)).marks == 1);
    CHECK(weight() == "0.8");
    CHECK(writer.write_items(ally(5, "first", to, 50)).marks == 1);
    CHECK(weight() == "0.5");
    const std::string other = "at://did:plc:c/app.subcult.scene/t";
    CHECK(writer.write_items(ally(6, "third", other, 50)).marks == 1);
    CHECK(writer.write_items(ally(7, "third", other, 50)).marks == 0);
    double at = 7;
    for (const std::string rkey : {"first", "second", "third"}) {
        CHECK(writer.write_items(commit(deleted(++at, "did:plc:a", "app.subcult.alliance", rkey)))
                  .marks == 1);
    }
}

TEST_CASE("an alliance that moves to another scene marks both") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const auto from = [](double at, const std::string& rkey) {
        return commit(about(at, "did:plc:a", "app.subcult.alliance", "l",
                            R"({"fromSceneId":")" + rkey + R"(","toSceneId":"z"})"));
    };
    writer.write_items(from(1, "s"));
    CHECK(writer.write_items(from(2, "t")).marks == 2);
}

TEST_CASE("hiding, showing and purging an owner marks the owner's scenes") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    writer.write_items(commit(scene(1, "did:plc:a")), commit(scene(1, "did:plc:a", "t")),
                       commit(scene(1, "did:plc:b", "u")), commit(alliance(2, "did:plc:a", 40)));
    CHECK(writer.write_items(account("did:plc:a", false, "deactivated", 5, stamp(3))).marks == 2);
    CHECK(writer.write_items(account("did:plc:a", true, {}, 6, stamp(4))).marks == 2);
    CHECK(writer.write_items(account("did:plc:a", true, {}, 7, stamp(5))).marks == 0);
    // Scenes and alliances go in one transaction.
    CHECK(writer.write_items(account("did:plc:a", false, "deleted", 8, stamp(6))).marks == 2);
    CHECK(database.execute("SELECT count(*) FROM trust_dirty") == "3");
    CHECK(database.execute("SELECT count(*) FROM visible_alliances") == "0");
}

TEST_CASE("whoever listens is told once per transaction that marks, and not otherwise") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    boost::asio::io_context io(1);
    db::ConnectionOptions options;
    options.uri = database.url();
    db::Connection listener(io.get_executor(), options);
    const auto soon = [] { return deadline_in(std::chrono::seconds(20)); };
    REQUIRE(run_on(io, listener.connect()).has_value());
    REQUIRE(run_on(io, listener.execute("LISTEN subcults_trust", soon())).has_value());

    writer.write_items(commit(scene(1, "did:plc:a")), commit(scene(1, "did:plc:a", "t")),
                       commit(alliance(2, "did:plc:a", 40)));
    writer.write_items(commit(scene(3, "did:plc:a")));  // marks nothing
    database.execute("SELECT pg_notify('subcults_trust', 'end')");
    const auto first = run_on(io, listener.next_notification(soon()));
    REQUIRE(first.has_value());
    CHECK(first->payload.empty());
    const auto second = run_on(io, listener.next_notification(soon()));
    REQUIRE(second.has_value());
    CHECK(second->payload == "end");
}
