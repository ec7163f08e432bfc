// Presence: what LiveKit reports, in any order, beside what clients say.
#include "unit/api/ledger_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace subcults;
using namespace subcults::test;

namespace {

constexpr auto joined = Presence::Kind::joined;
constexpr auto left = Presence::Kind::left;
constexpr auto aborted = Presence::Kind::aborted;

struct Room : World {
    LedgerBatch batch{keys, now};
    std::string guest = participant(listener);

    Room() {
        batch.load(row());
        ParticipantRow invited;
        invited.token_issued_at = at(-90);
        batch.load({session, guest}, invited);
    }
    // Times in seconds before now.
    Status livekit(Presence::Kind kind, const std::string& sid, double since, double when) {
        return batch.apply(presence(kind, listener, sid, at(-since), at(-when))).status;
    }
    ParticipantRow state() const { return changed(batch, guest); }
    std::int64_t active() const {
        const auto rows = batch.changed_sessions();
        return rows.empty() ? 0 : rows.front()->active_count;
    }
};

}  // namespace

TEST_CASE_METHOD(Room, "a connection brings its participant in, its end takes it out") {
    CHECK(livekit(joined, "PA_1", 50, 49) == Status::applied);
    CHECK(state().present());
    CHECK(active() == 1);
    CHECK(livekit(joined, "PA_1", 50, 49) == Status::replayed);
    CHECK(active() == 1);
    CHECK(livekit(left, "PA_1", 50, 10) == Status::applied);
    CHECK_FALSE(state().present());
    CHECK(active() == 0);
    CHECK(livekit(left, "PA_1", 50, 10) == Status::replayed);
    CHECK(livekit(joined, "PA_1", 50, 49) == Status::replayed);
    CHECK(active() == 0);
    CHECK(state().reconnection_count == 0);
    // Nothing of this is an act of somebody, or a join.
    CHECK(batch.audit_entries().empty());
    CHECK(batch.changed_sessions().front()->join_count == 0);
    CHECK(batch.changed_sessions().front()->leave_count == 0);
}

TEST_CASE_METHOD(Room, "the end of an older connection does not end a newer one") {
    livekit(joined, "PA_1", 50, 50);
    livekit(joined, "PA_2", 20, 20);
    livekit(left, "PA_1", 50, 15);
    CHECK(state().present());
    CHECK(active() == 1);
    CHECK(state().reconnection_count == 1);
    livekit(left, "PA_2", 20, 5);
    CHECK_FALSE(state().present());
}

TEST_CASE_METHOD(Room, "a stranger's presence is none of ours") {
    const Command bot = presence(joined, "did:plc:bot", "PA_B", at(-5), at(-5));
    CHECK(batch.apply(bot).status == Status::unknown_participant);
    CHECK_FALSE(batch.writes_anything());
}

TEST_CASE_METHOD(Room, "a join and its connection are one stay, whichever is heard of first") {
    const Command join = command(CommandKind::join, listener);
    SECTION("the connection first") {
        livekit(joined, "PA_1", 1, 0);
        CHECK(batch.apply(join).status == Status::applied);
    }
    SECTION("the join first") {
        CHECK(batch.apply(join).status == Status::applied);
        livekit(joined, "PA_1", 0, 0);
    }
    CHECK(state().reconnection_count == 0);
    CHECK(active() == 1);
    CHECK(batch.changed_sessions().front()->join_count == 1);
    livekit(left, "PA_1", 1, -5);
    CHECK_FALSE(state().present());
    CHECK(active() == 0);
}

TEST_CASE_METHOD(Room, "a leave ends the stay at once, and the past does not bring it back") {
    livekit(joined, "PA_1", 50, 50);
    CHECK(batch.apply(command(CommandKind::leave, listener)).status == Status::applied);
    CHECK_FALSE(state().present());
    livekit(left, "PA_1", 50, 0);
    CHECK(active() == 0);
    // A second connection from before the leave, heard of only now.
    livekit(joined, "PA_2", 30, 30);
    CHECK_FALSE(state().present());
    CHECK(active() == 0);
}

TEST_CASE_METHOD(Room, "whoever comes back after a leave is back") {
    livekit(joined, "PA_1", 50, 50);
    ParticipantRow gone = state();
    gone.left_at = gone.leave_requested_at = at(-30);
    batch.load({session, guest}, gone);
    livekit(joined, "PA_2", 20, 20);
    CHECK(state().present());
    CHECK(state().reconnection_count == 1);
}

TEST_CASE_METHOD(Room, "a participant whom LiveKit does not list is gone, unless it came since") {
    CHECK(batch.apply(command(CommandKind::join, listener)).status == Status::applied);
    CHECK(livekit(left, "", 0, 5) == Status::replayed);
    CHECK(state().present());
    ParticipantRow earlier = state();
    earlier.joined_at = earlier.first_joined_at = at(-60);
    batch.load({session, guest}, earlier);
    CHECK(livekit(left, "", 0, 5) == Status::applied);
    CHECK_FALSE(state().present());
}

TEST_CASE_METHOD(Room, "an aborted connection is no stay, and its participant is not there") {
    CHECK(batch.apply(command(CommandKind::join, listener)).status == Status::applied);
    livekit(aborted, "PA_1", 0, 0);
    CHECK_FALSE(state().present());
    for (const auto& [key, stay] : batch.changed_stays())
        CHECK(key->stay != "PA_1");
}

TEST_CASE_METHOD(Room, "times of another clock are kept within the session") {
    livekit(joined, "PA_1", 10'000, -10'000);
    CHECK(state().joined_at == row().started_at);
    livekit(left, "PA_1", 10'000, -10'000);
    REQUIRE_FALSE(state().present());
    CHECK(*state().left_at <= now);
}

TEST_CASE_METHOD(Room, "a token from before the lock lets nobody in after it, save the host") {
    ParticipantRow invited;
    invited.token_issued_at = at(-90);
    batch.load({session, participant(host)}, invited);
    batch.load({session, participant("did:plc:early")}, invited);
    const auto connect = [&](const std::string& did, const std::string& sid) {
        return batch.apply(presence(joined, did, sid, at(-1), at(0))).status;
    };
    REQUIRE(connect("did:plc:early", "PA_E") == Status::applied);
    REQUIRE(batch.apply(about(CommandKind::lock, host, "", true)).status == Status::applied);

    CHECK(livekit(joined, "PA_1", 1, 0) == Status::locked);
    CHECK(livekit(joined, "PA_1", 1, 0) == Status::locked);
    CHECK_FALSE(state().present());
    REQUIRE(batch.orders().size() == 1);
    CHECK(batch.orders()[0].second.action == "remove_participant");
    CHECK(batch.orders()[0].second.participant_id == guest);

    CHECK(connect(host, "PA_H") == Status::applied);
    // Who was inside stays, also with another connection.
    CHECK(connect("did:plc:early", "PA_E2") == Status::applied);
    CHECK(batch.orders().size() == 1);
    CHECK(active() == 2);
    REQUIRE(batch.apply(about(CommandKind::lock, host, "", false)).status == Status::applied);
    CHECK(livekit(joined, "PA_1", 1, 0) == Status::applied);
}

TEST_CASE_METHOD(Room, "whoever connects to an ended stream's room makes it be deleted again") {
    Command close;
    close.kind = CommandKind::close;
    close.session = session;
    REQUIRE(batch.apply(close).status == Status::applied);
    // The end's own order is carried out after this batch, so it does for these as well.
    for (int i = 0; i < 300; ++i)
        CHECK(livekit(joined, "PA_" + std::to_string(i), 1, 1) == Status::ended);
    CHECK(batch.orders().size() == 1);
    CHECK(active() == 0);

    LedgerBatch later(keys, now);
    later.load(*batch.changed_sessions().front());
    const auto told = [&](Presence::Kind kind) {
        return later.apply(presence(kind, listener, "PA_1", at(-1), at(-1))).status;
    };
    CHECK(told(left) == Status::ended);
    CHECK(later.orders().empty());
    CHECK(told(joined) == Status::ended);
    CHECK(told(joined) == Status::ended);
    REQUIRE(later.orders().size() == 1);
    CHECK(later.orders()[0].second.action == "delete_room");
}

TEST_CASE("whatever the order of LiveKit's news, and however often, the end is the same") {
    std::mt19937 random(20'261'122);
    const auto pick = [&](int below) {
        return static_cast<int>(random() % static_cast<unsigned>(below));
    };
    World world;
    const std::string guest = world.participant(listener);

    for (int round = 0; round < 400; ++round) {
        // Connections one after the other; all but perhaps the last one have ended, some a moment
        // after their successor began.
        std::vector<Command> news;
        const int connections = 1 + pick(5);
        double begin = 95;
        bool last_is_open = false;
        for (int i = 0; i < connections; ++i) {
            const std::string sid = "PA_" + std::to_string(pick(1000)) + "_" + std::to_string(i);
            const double end = begin - 2 - pick(6);
            const double next = end - 3 + pick(5);
            news.push_back(world.presence(joined, listener, sid, world.at(-begin),
                                          world.at(-begin + pick(2))));
            const bool open = i + 1 == connections && pick(2) == 0;
            if (!open) {
                news.push_back(
                    world.presence(left, listener, sid, world.at(-begin), world.at(-end)));
            }
            last_is_open = open;
            begin = std::min(next, begin - 1);
        }
        std::optional<std::vector<std::int64_t>> expected;
        for (int order = 0; order < 8; ++order) {
            std::vector<Command> told = news;
            for (int copy = pick(4); copy > 0; --copy)
                told.push_back(news[static_cast<std::size_t>(pick(static_cast<int>(news.size())))]);
            if (order > 0) std::shuffle(told.begin(), told.end(), random);

            // Told in several batches, each of which sees only what the one before has stored.
            SessionRow session = world.row();
            ParticipantRow participant;
            participant.token_issued_at = world.at(-99);
            std::map<StayKey, StayRow> stays;
            for (std::size_t from = 0; from < told.size();) {
                LedgerBatch batch(world.keys, world.now);
                batch.load(session);
                batch.load({world.session, guest}, participant);
                const std::size_t until =
                    std::min(told.size(), from + 1 + static_cast<std::size_t>(pick(3)));
                for (std::size_t i = from; i < until; ++i) {
                    StayKey key;
                    key.session = world.session;
                    key.participant_id = guest;
                    key.stay = told[i].presence->sid;
                    if (stays.contains(key)) batch.load(key, stays.at(key));
                }
                for (; from < until; ++from)
                    batch.apply(told[from]);
                for (const SessionRow* row : batch.changed_sessions())
                    session = *row;
                for (const auto& [key, row] : batch.changed_participants())
                    participant = *row;
                for (const auto& [key, row] : batch.changed_stays())
                    stays[*key] = *row;
                for (const auto& [key, closed] : batch.closed_stays()) {
                    StayRow& stay = stays.at(key);
                    if (!stay.left_at || *stay.left_at > closed) stay.left_at = closed;
                }
            }
            CHECK(participant.present() == last_is_open);
            CHECK(session.active_count == (last_is_open ? 1 : 0));
            CHECK(participant.reconnection_count == connections - 1);
            CHECK(stays.size() == static_cast<std::size_t>(connections));
            // Covered time, second by second: what analytics will see.
            std::vector<std::int64_t> covered;
            for (std::int64_t tick = world.at(-99).value; tick < world.now.value;
                 tick += second / 2) {
                const bool there = std::any_of(stays.begin(), stays.end(), [&](const auto& item) {
                    const StayRow& stay = item.second;
                    return stay.joined_at.value <= tick &&
                           (!stay.left_at || tick < stay.left_at->value);
                });
                if (there) covered.push_back(tick);
            }
            if (!expected) expected = covered;
            CHECK(covered == *expected);
        }
    }
}

TEST_CASE_METHOD(Room, "a join is measured from its token to its media, once") {
    // Token 90 s ago; the join says nothing about it.
    ParticipantRow invited;
    invited.token_issued_at = at(-10);
    batch.load({session, guest}, invited);
    const auto samples = [&] { return batch.effects().latencies; };
    const auto join = [&] { batch.apply(command(CommandKind::join, listener)); };
    const auto connect = [&] { livekit(joined, "PA_1", 9, 8); };
    const auto track = [&](double when) { batch.apply(first_track(at(-when))); };

    SECTION("connection, track, join") {
        connect();
        track(7);
        CHECK(samples().empty());
        join();
        CHECK(samples() == std::vector<double>{3.0});
    }
    SECTION("join, track, connection") {
        join();
        track(9);
        connect();
        CHECK(samples() == std::vector<double>{2.0});
    }
    SECTION("track long before, then join and connection") {
        track(80);
        join();
        connect();
        CHECK(samples() == std::vector<double>{2.0});
    }
    const auto before = samples().size();
    REQUIRE(before == 1);
    join();
    connect();
    track(6);
    livekit(joined, "PA_2", 4, 4);
    CHECK(samples().size() == before);  // one token, one sample

    // Another token, another join, but still the old connection: nothing to measure.
    batch.apply(command(CommandKind::token, listener));
    join();
    CHECK(samples().size() == before);
    livekit(joined, "PA_3", 0, 0);
    CHECK(samples().size() == before + 1);
}

TEST_CASE_METHOD(Room, "a token got right after connecting is not measured by that connection") {
    ParticipantRow invited;
    invited.token_issued_at = at(-10);
    batch.load({session, guest}, invited);
    batch.apply(first_track(at(-80)));
    livekit(joined, "PA_1", 1, 0.5);
    batch.apply(command(CommandKind::join, listener));
    REQUIRE(batch.effects().latencies == std::vector<double>{9.5});

    batch.apply(command(CommandKind::token, listener));
    batch.apply(command(CommandKind::join, listener));
    CHECK(batch.effects().latencies.size() == 1);
    // The connection that it is for does.
    livekit(joined, "PA_2", 0, 0);
    CHECK(batch.effects().latencies.size() == 2);
}

TEST_CASE_METHOD(Room, "a join that names its token is not measured by LiveKit as well") {
    livekit(joined, "PA_1", 80, 80);
    batch.apply(first_track(at(-70)));
    Command join = command(CommandKind::join, listener);
    join.measured_by_client = true;
    batch.apply(join);
    batch.apply(command(CommandKind::join, listener));
    CHECK(batch.effects().latencies.empty());
}

TEST_CASE_METHOD(Room, "the first track measures everybody who waits for it, the late ones not") {
    ParticipantRow waiting;
    waiting.latency_wanted = true;
    for (const auto& [did, issued] : {std::pair{"did:plc:a", 20.0}, std::pair{"did:plc:b", 30.0},
                                      std::pair{"did:plc:slow", 301.0}}) {
        waiting.token_issued_at = at(-issued);
        waiting.livekit_active_at = at(-issued + 1);
        batch.load({session, participant(did)}, waiting);
    }
    CHECK(batch.apply(first_track(at(0))).status == Status::applied);
    std::vector<double> samples = batch.effects().latencies;
    std::sort(samples.begin(), samples.end());
    CHECK(samples == std::vector<double>{20.0, 30.0});
    CHECK(batch.effects().latencies_too_old == 1);
    CHECK(batch.apply(first_track(at(0))).status == Status::replayed);
    CHECK(batch.effects().latencies.size() == 2);
}
