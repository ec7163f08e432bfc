#include "unit/api/ledger_world.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;

namespace {

struct Room : World {
    LedgerBatch batch{keys, now};
    std::string guest = participant(listener);

    Room() { batch.load(row()); }
    Status join(const std::string& did) {
        return batch.apply(command(CommandKind::join, did)).status;
    }
    Status token(const std::string& did) {
        return batch.apply(command(CommandKind::token, did)).status;
    }
    std::size_t failures() const {
        std::size_t count = 0;
        for (const AuditEntry& entry : batch.audit_entries())
            count += entry.outcome == "failure" ? 1 : 0;
        return count;
    }
    std::int64_t active() const { return batch.changed_sessions().front()->active_count; }
};

}  // namespace

TEST_CASE_METHOD(Room, "a locked stream lets in its host alone, to joins and tokens alike") {
    REQUIRE(join(listener) == Status::applied);
    Command lock = about(CommandKind::lock, host, "", true);
    CHECK(batch.apply(lock).status == Status::applied);
    CHECK(batch.apply(lock).status == Status::replayed);
    CHECK(join("did:plc:late") == Status::locked);
    CHECK(token("did:plc:late") == Status::locked);
    CHECK(token(listener) == Status::locked);
    CHECK(join(host) == Status::applied);
    CHECK(token(host) == Status::applied);
    // Who is in may go.
    CHECK(batch.apply(command(CommandKind::leave, listener)).status == Status::applied);
    lock.flag = false;
    CHECK(batch.apply(lock).status == Status::applied);
    CHECK(join("did:plc:late") == Status::applied);
    CHECK(failures() == 3);
}

TEST_CASE_METHOD(Room, "what only a host may do is refused to everybody else, and written down") {
    REQUIRE(join(listener) == Status::applied);
    const auto refused = [&](const Command& command) {
        return batch.apply(command).status == Status::forbidden;
    };
    CHECK(refused(about(CommandKind::lock, listener, "", true)));
    CHECK(refused(about(CommandKind::kick, listener, guest)));
    CHECK(refused(about(CommandKind::unkick, listener, guest)));
    CHECK(refused(about(CommandKind::mute, listener, guest, true)));
    CHECK(refused(command(CommandKind::end, listener)));
    CHECK(failures() == 5);
    CHECK(batch.orders().empty());
    CHECK(batch.new_bans().empty());
    CHECK_FALSE(batch.changed_sessions().front()->ended_at);
}

TEST_CASE_METHOD(Room, "a kicked participant is out, and stays out until readmitted") {
    REQUIRE(join(listener) == Status::applied);
    const Command kick = about(CommandKind::kick, host, guest);
    CHECK(batch.apply(kick).status == Status::applied);
    CHECK(active() == 0);
    CHECK(changed(batch, guest).left_at.has_value());
    REQUIRE(batch.new_bans().size() == 1);
    CHECK(batch.new_bans()[0].first->second == guest);
    REQUIRE(batch.orders().size() == 1);
    CHECK(batch.orders()[0].second.action == "remove_participant");
    CHECK(batch.orders()[0].second.participant_id == guest);

    CHECK(batch.apply(kick).status == Status::replayed);
    CHECK(join(listener) == Status::kicked);
    CHECK(token(listener) == Status::kicked);
    CHECK(active() == 0);
    CHECK(failures() == 2);

    const Command unkick = about(CommandKind::unkick, host, guest);
    CHECK(batch.apply(unkick).status == Status::applied);
    CHECK(batch.apply(unkick).status == Status::replayed);
    CHECK(batch.new_bans().empty());
    CHECK(batch.lifted_bans().size() == 1);
    // Nothing of the kick is left to be carried out, in this batch or in what waits.
    CHECK(batch.orders().empty());
    REQUIRE(batch.withdrawn_orders().size() == 1);
    CHECK(batch.withdrawn_orders()[0].room_name == "scene-x-1");
    CHECK(batch.withdrawn_orders()[0].participant_id == guest);
    CHECK(token(listener) == Status::applied);
    CHECK(join(listener) == Status::applied);
    CHECK(active() == 1);
}

TEST_CASE_METHOD(Room, "a ban from before is honoured, and a kicked one who connects is removed") {
    ParticipantRow known;
    known.first_joined_at = known.joined_at = at(-50);
    known.left_at = at(-40);
    batch.load({session, guest}, known);
    batch.load_ban({session, guest});
    CHECK(join(listener) == Status::kicked);
    const Command back = presence(Presence::Kind::joined, listener, "PA_1", at(-1), at(-1));
    CHECK(batch.apply(back).status == Status::kicked);
    CHECK(batch.apply(back).status == Status::kicked);
    CHECK(batch.changed_participants().empty());
    REQUIRE(batch.orders().size() == 1);
    CHECK(batch.orders()[0].second.action == "remove_participant");
    // Of the row alone, without an entry in the chain, nothing is left to look for.
    CHECK(batch.writes_anything());
}

TEST_CASE_METHOD(Room, "nobody kicks the host, or mutes whom nobody has seen") {
    REQUIRE(join(host) == Status::applied);
    CHECK(batch.apply(about(CommandKind::kick, host, participant(host))).status ==
          Status::target_is_host);
    const std::string stranger = participant("did:plc:stranger");
    CHECK(batch.apply(about(CommandKind::kick, host, stranger)).status ==
          Status::unknown_participant);
    CHECK(batch.apply(about(CommandKind::unkick, host, stranger)).status ==
          Status::unknown_participant);
    CHECK(batch.apply(about(CommandKind::mute, host, stranger, true)).status ==
          Status::unknown_participant);
    CHECK(batch.orders().empty());
    // Keeping the host in is a refusal; naming nobody is not.
    CHECK(failures() == 1);
}

TEST_CASE_METHOD(Room, "what comes after the end is refused and written down, once a minute") {
    REQUIRE(join(listener) == Status::applied);
    REQUIRE(batch.apply(command(CommandKind::end, host)).status == Status::applied);
    for (int i = 0; i < 20; ++i) {
        CHECK(join(listener) == Status::ended);
        CHECK(token(listener) == Status::ended);
        CHECK(batch.apply(command(CommandKind::leave, listener)).status == Status::ended);
        CHECK(batch.apply(about(CommandKind::lock, host, "", true)).status == Status::ended);
        CHECK(batch.apply(about(CommandKind::kick, host, guest)).status == Status::ended);
        CHECK(batch.apply(about(CommandKind::unkick, host, guest)).status == Status::ended);
        CHECK(batch.apply(about(CommandKind::mute, host, guest, true)).status == Status::ended);
    }
    CHECK(failures() == 7);
    CHECK(batch.changed_sessions().front()->join_count == 1);
    CHECK(batch.changed_sessions().front()->leave_count == 0);
    CHECK(batch.new_bans().empty());
}

TEST_CASE_METHOD(Room, "a participant who is kicked again after being readmitted is removed") {
    REQUIRE(join(listener) == Status::applied);
    const Command kick = about(CommandKind::kick, host, guest);
    REQUIRE(batch.apply(kick).status == Status::applied);
    REQUIRE(batch.apply(about(CommandKind::unkick, host, guest)).status == Status::applied);
    REQUIRE(batch.apply(kick).status == Status::applied);
    REQUIRE(batch.orders().size() == 1);
    CHECK(batch.orders()[0].second.action == "remove_participant");
    CHECK(batch.new_bans().size() == 1);
    CHECK(batch.lifted_bans().empty());
}

TEST_CASE_METHOD(Room, "an order for LiveKit remembers the trace of who gave it, if anybody did") {
    REQUIRE(join(listener) == Status::applied);
    const std::string traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Command kick = about(CommandKind::kick, host, guest);
    kick.trace.self = *TraceParent::parse(traceparent);
    kick.trace.take_state("congo=t61rcWkgMzE");
    REQUIRE(batch.apply(kick).status == Status::applied);
    REQUIRE(batch.orders().size() == 1);
    CHECK(batch.orders()[0].second.traceparent == traceparent);
    CHECK(batch.orders()[0].second.tracestate == "congo=t61rcWkgMzE");

    Command close;
    close.kind = CommandKind::close;
    close.session = session;
    REQUIRE(batch.apply(close).status == Status::applied);
    REQUIRE(batch.orders().size() == 2);
    CHECK(batch.orders()[1].second.action == "delete_room");
    CHECK(batch.orders()[1].second.traceparent.empty());
    CHECK(batch.orders()[1].second.tracestate.empty());
}

TEST_CASE_METHOD(Room, "muting is an order for LiveKit and an entry in the chain") {
    REQUIRE(token(listener) == Status::applied);  // a token is enough to be known
    CHECK(batch.apply(about(CommandKind::mute, host, guest, true)).status == Status::applied);
    CHECK(batch.apply(about(CommandKind::mute, host, guest, false)).status == Status::applied);
    REQUIRE(batch.orders().size() == 2);
    CHECK(batch.orders()[0].second.action == "mute");
    CHECK(batch.orders()[1].second.action == "unmute");
    CHECK(batch.audit_entries()[1].action == "muted");
    CHECK(batch.audit_entries()[2].action == "unmuted");
}

TEST_CASE_METHOD(Room, "a token carries what is needed to mint it") {
    const Outcome outcome = batch.apply(command(CommandKind::token, listener));
    CHECK(outcome.status == Status::applied);
    CHECK(outcome.participant_id == guest);
    CHECK(outcome.room_name == "scene-x-1");
    CHECK_FALSE(outcome.is_host);
    CHECK(outcome.at == now);
    CHECK(changed(batch, guest).token_issued_at == now);
    CHECK_FALSE(changed(batch, guest).present());
    CHECK(batch.apply(command(CommandKind::token, host)).is_host);
    CHECK(batch.audit_entries()[0].action == "token_issued");
}

TEST_CASE_METHOD(Room, "a refusal is written once per actor, action and minute") {
    REQUIRE(batch.apply(about(CommandKind::lock, host, "", true)).status == Status::applied);
    for (int i = 0; i < 50; ++i) {
        CHECK(join("did:plc:pest") == Status::locked);
        CHECK(token("did:plc:pest") == Status::locked);
        CHECK(join("did:plc:other") == Status::locked);
    }
    CHECK(failures() == 3);
    REQUIRE(batch.effects().denials.size() == 3);

    DenialMemory memory;
    for (const Denial& denial : batch.effects().denials)
        memory.remember(denial, now);
    SessionRow locked = row();
    locked.is_locked = true;
    for (const auto& [later, entries] : {std::pair{59.0, 0U}, std::pair{61.0, 1U}}) {
        LedgerBatch next(keys, at(later), &memory);
        next.load(locked);
        CHECK(next.apply(command(CommandKind::join, "did:plc:pest")).status == Status::locked);
        CHECK(next.audit_entries().size() == entries);
        CHECK(next.writes_anything() == (entries > 0));
    }
}

TEST_CASE("the memory of refusals is bounded, and forgets") {
    DenialMemory memory(10);
    const auto denial = [](std::uint8_t number) {
        Denial made;
        made.actor[0] = number;
        return made;
    };
    const UnixMicros begin{1'766'537'083'000'000};
    for (std::uint8_t i = 0; i < 10; ++i) {
        CHECK_FALSE(memory.suppresses(denial(i), begin));
        memory.remember(denial(i), begin);
    }
    // Full: nobody can make the chain grow any faster by being many.
    CHECK(memory.suppresses(denial(99), begin));
    const UnixMicros later{begin.value + 61 * second};
    CHECK_FALSE(memory.suppresses(denial(99), later));
    CHECK_FALSE(memory.suppresses(denial(3), later));
    memory.remember(denial(3), later);
    CHECK(memory.suppresses(denial(3), UnixMicros{later.value + 59 * second}));
    // A clock that is set back does not silence anybody.
    CHECK_FALSE(memory.suppresses(denial(3), UnixMicros{later.value - 3600 * second}));
}
