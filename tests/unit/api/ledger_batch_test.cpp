#include "unit/api/ledger_world.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;

TEST_CASE("a crowd in one batch gets consecutive counts, one row and a chain without gaps") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    batch.load(world.row());
    for (int i = 1; i <= 200; ++i) {
        const Outcome outcome =
            batch.apply(world.command(CommandKind::join, "did:plc:l" + std::to_string(i)));
        REQUIRE(outcome.status == Status::applied);
        REQUIRE(outcome.count == i);
        REQUIRE(outcome.room_name == "scene-x-1");
    }
    REQUIRE(batch.changed_sessions().size() == 1);
    const SessionRow& row = *batch.changed_sessions().front();
    CHECK(row.join_count == 200);
    CHECK(row.active_count == 200);
    CHECK(row.head_seq == 201);
    CHECK(batch.changed_participants().size() == 200);

    const auto& entries = batch.audit_entries();
    REQUIRE(entries.size() == 200);
    std::string previous(32, 'h');
    for (std::size_t i = 0; i < entries.size(); ++i) {
        CHECK(entries[i].seq == static_cast<std::int64_t>(i) + 2);
        CHECK(entries[i].hash == audit_hash(world.keys, entries[i], previous));
        previous.assign(subcults::as_view(entries[i].hash));
        if (i > 0) CHECK(entries[i].created_at > entries[i - 1].created_at);
    }
    CHECK(row.head_hash == previous);
}

TEST_CASE("every join counts, and a participant who is back is a reconnection") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    batch.load(world.row());
    CHECK(batch.apply(world.command(CommandKind::join, listener)).count == 1);
    CHECK(batch.apply(world.command(CommandKind::join, listener)).count == 2);
    CHECK(batch.apply(world.command(CommandKind::leave, listener)).count == 1);
    CHECK(batch.apply(world.command(CommandKind::join, listener)).count == 3);
    REQUIRE(batch.changed_participants().size() == 1);
    const ParticipantRow& participant = *batch.changed_participants().front().second;
    CHECK(participant.reconnection_count == 2);
    CHECK_FALSE(participant.left_at);
    CHECK(batch.changed_sessions().front()->active_count == 1);
}

TEST_CASE("a leave without a join counts and leaves participants alone") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    batch.load(world.row());
    const Outcome outcome = batch.apply(world.command(CommandKind::leave, listener));
    CHECK(outcome.status == Status::applied);
    CHECK(outcome.count == 1);
    CHECK(batch.changed_participants().empty());
    CHECK(batch.changed_sessions().front()->active_count == 0);
    CHECK(batch.changed_stays().empty());
}

TEST_CASE("a retry with the same key gets the first answer and counts nothing") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    batch.load(world.row());
    const Command join = world.with_key(world.command(CommandKind::join, listener), "k1", "{}");
    CHECK(batch.apply(join).count == 1);
    CHECK(batch.apply(world.command(CommandKind::join, "did:plc:other")).count == 2);
    const Outcome again = batch.apply(join);
    CHECK(again.status == Status::replayed);
    CHECK(again.count == 1);
    CHECK(batch.audit_entries().size() == 2);
    CHECK(batch.new_keys().size() == 1);

    SECTION("the same key with another body is refused") {
        const Command other =
            world.with_key(world.command(CommandKind::join, listener), "k1", "{\"a\":1}");
        CHECK(batch.apply(other).status == Status::key_reused);
        REQUIRE(batch.audit_entries().size() == 3);
        CHECK(batch.audit_entries().back().outcome == "failure");
        CHECK(batch.changed_sessions().front()->join_count == 2);
        // Written once a minute, like every refusal.
        CHECK(batch.apply(other).status == Status::key_reused);
        CHECK(batch.audit_entries().size() == 3);
    }
    SECTION("another caller's key is another key") {
        const Command other =
            world.with_key(world.command(CommandKind::join, "did:plc:third"), "k1", "{}");
        CHECK(batch.apply(other).count == 3);
    }
    SECTION("a retry after the end still gets the first answer") {
        REQUIRE(batch.apply(world.command(CommandKind::end, host)).status == Status::applied);
        CHECK(batch.apply(join).status == Status::replayed);
    }
}

TEST_CASE("a key that was stored before is honoured") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    SessionRow row = world.row();
    row.join_count = 9;
    batch.load(row);
    const Command join = world.with_key(world.command(CommandKind::join, listener), "k", "");
    batch.load({world.session, join.idempotency->key}, {join.idempotency->request, 4});
    const Outcome outcome = batch.apply(join);
    CHECK(outcome.status == Status::replayed);
    CHECK(outcome.count == 4);
    CHECK_FALSE(batch.writes_anything());
}

TEST_CASE("a key from before a rotation of the privacy key is honoured under its successor") {
    World world;
    const Secret before(std::string(32, 'k'));
    PrivacyKeys rotated({Secret(std::string(32, 'n')), before});
    REQUIRE(rotated.kids().size() == 2);
    const auto tagged = [&](std::int64_t kid, std::string_view body) {
        IdempotencyKey key;
        key.key = rotated.idempotency_tag(kid, listener, "join", "k1");
        key.request = rotated.idempotency_tag(kid, listener, "body", body);
        return key;
    };
    const auto retry = [&](std::string_view body) {
        Command command = world.command(CommandKind::join, listener);
        command.idempotency = tagged(rotated.kids()[0], body);
        command.earlier_keys.push_back(tagged(rotated.kids()[1], body));
        return command;
    };
    LedgerBatch batch(rotated, world.now);
    batch.load(world.row());
    const IdempotencyKey stored = tagged(world.keys.current_kid(), "{}");
    batch.load({world.session, stored.key}, {stored.request, 4});

    const Outcome again = batch.apply(retry("{}"));
    CHECK(again.status == Status::replayed);
    CHECK(again.count == 4);
    CHECK_FALSE(batch.writes_anything());
    CHECK(batch.apply(retry("{\"a\":1}")).status == Status::key_reused);
}

TEST_CASE("only the host ends a session, once, and it closes who is there") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    batch.load(world.row());
    batch.apply(world.command(CommandKind::join, listener));
    CHECK(batch.apply(world.command(CommandKind::end, listener)).status == Status::forbidden);
    const Outcome ended = batch.apply(world.command(CommandKind::end, host));
    CHECK(ended.status == Status::applied);
    CHECK(ended.ended_at);
    CHECK(batch.apply(world.command(CommandKind::end, host)).status == Status::replayed);
    CHECK(batch.ended_sessions().size() == 1);
    CHECK(batch.changed_participants().front().second->left_at == ended.ended_at);
    CHECK(batch.changed_sessions().front()->active_count == 0);

    CHECK(batch.apply(world.command(CommandKind::join, listener)).status == Status::ended);
    CHECK(batch.apply(world.command(CommandKind::leave, listener)).status == Status::ended);
    CHECK(batch.apply(world.command(CommandKind::token, listener)).status == Status::ended);
    // joined, a refused end, ended, and each refusal of somebody who came too late.
    CHECK(batch.audit_entries().size() == 6);
    CHECK(batch.audit_entries().back().action == "token_issued");
    CHECK(batch.audit_entries().back().outcome == "failure");
    REQUIRE(batch.orders().size() == 1);
    CHECK(batch.orders()[0].second.action == "delete_room");
    CHECK(batch.orders()[0].second.room_name == "scene-x-1");
    REQUIRE(batch.effects().durations.size() == 1);
    CHECK(batch.effects().durations[0] == Approx(100.0));
}

TEST_CASE("a session whose room is gone ends without a host, by the system, once") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    batch.load(world.row());
    Command close;
    close.kind = CommandKind::close;
    close.session = world.session;
    CHECK(batch.apply(close).status == Status::applied);
    CHECK(batch.apply(close).status == Status::replayed);
    CHECK(batch.apply(world.command(CommandKind::end, host)).status == Status::replayed);
    REQUIRE(batch.audit_entries().size() == 1);
    CHECK(batch.audit_entries()[0].action == "ended");
    CHECK(batch.audit_entries()[0].actor == world.keys.actor(world.keys.current_kid(), "system"));
    CHECK(batch.ended_sessions().size() == 1);
}

TEST_CASE("a session is closed for being empty only while nobody is there") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    batch.load(world.row());
    Command close;
    close.kind = CommandKind::close;
    close.session = world.session;
    close.flag = true;
    batch.apply(world.command(CommandKind::join, listener));
    CHECK(batch.apply(close).status == Status::replayed);
    CHECK(batch.ended_sessions().empty());
    batch.apply(world.command(CommandKind::leave, listener));
    CHECK(batch.apply(close).status == Status::applied);
    CHECK(batch.ended_sessions().size() == 1);
}

TEST_CASE("joins and leaves count for the scene that hosts the stream") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    const SessionRow row = world.row();
    batch.load(row);
    batch.apply(world.command(CommandKind::join, listener));
    batch.apply(world.command(CommandKind::join, host));
    batch.apply(world.command(CommandKind::leave, listener));
    REQUIRE(batch.effects().by_scene.size() == 1);
    CHECK(batch.effects().by_scene.at(*row.hosting_scene).joins == 2);
    CHECK(batch.effects().by_scene.at(*row.hosting_scene).leaves == 1);
}

TEST_CASE("a session that was not loaded does not exist") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    CHECK(batch.apply(world.command(CommandKind::join, listener)).status == Status::not_found);
    CHECK_FALSE(batch.writes_anything());
}

TEST_CASE("times in a chain rise by at least a microsecond although the clock runs backwards") {
    World world;
    SessionRow row = world.row();
    row.head_at = UnixMicros{world.now.value + 5'000'000};
    LedgerBatch batch(world.keys, world.now);
    batch.load(row);
    batch.apply(world.command(CommandKind::join, listener));
    batch.apply(world.command(CommandKind::join, listener));
    CHECK(batch.audit_entries()[0].created_at.value == world.now.value + 5'000'001);
    CHECK(batch.audit_entries()[1].created_at.value == world.now.value + 5'000'002);
}

TEST_CASE("a created session begins its own chain") {
    World world;
    LedgerBatch batch(world.keys, world.now);
    Command create = world.command(CommandKind::create, host);
    create.subject = Subject{Subject::Kind::event, uuid_v7()};
    const Outcome outcome = batch.create(create, "event-room", std::nullopt);
    CHECK(outcome.status == Status::applied);
    REQUIRE(batch.created_sessions().size() == 1);
    CHECK(batch.changed_sessions().empty());
    const SessionRow& row = *batch.created_sessions().front();
    CHECK(row.head_seq == 1);
    CHECK(row.room_name == "event-room");
    REQUIRE(batch.audit_entries().size() == 1);
    CHECK(batch.audit_entries()[0].action == "created");
    CHECK(batch.audit_entries()[0].hash == audit_hash(world.keys, batch.audit_entries()[0], ""));
}
