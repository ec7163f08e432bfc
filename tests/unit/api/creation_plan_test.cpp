#include "streams/creation_plan.hpp"
#include "unit/api/ledger_world.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;

namespace {

struct Plan : World {
    Uuid scene = uuid_v7();
    Uuid other_scene = uuid_v7();
    LedgerBatch batch{keys, now};
    std::map<Uuid, SessionRow> existing;

    Command create(const Uuid& id, const Uuid& of, const std::string& did = host) {
        Command made = command(CommandKind::create, did);
        made.session = id;
        made.subject = Subject{Subject::Kind::scene, of};
        return made;
    }
    CreationPlan plan() {
        CreationPlan::Owner owner;
        owner.did = host;
        owner.scene = scene;
        CreationPlan::Owner other = owner;
        other.scene = other_scene;
        return CreationPlan({{scene, owner}, {other_scene, other}}, existing, now);
    }
    // With every claim winning.
    std::vector<Outcome> settle(const std::vector<Command>& commands) {
        CreationPlan made = plan();
        for (const Command& command : commands)
            made.add(command);
        const auto& claimed = made.claimed_sessions();
        return made.settle(batch, {claimed.begin(), claimed.end()});
    }
};

}  // namespace

TEST_CASE_METHOD(Plan, "a create that comes twice in one batch gets one session, twice") {
    const Command create = this->create(uuid_v7(), scene);
    const auto outcomes = settle({create, create, this->create(uuid_v7(), scene)});
    REQUIRE(outcomes.size() == 3);
    CHECK(outcomes[0].status == Status::applied);
    CHECK(outcomes[1].status == Status::replayed);
    CHECK(outcomes[1].session == create.session);
    CHECK(outcomes[1].room_name == outcomes[0].room_name);
    CHECK(outcomes[2].status == Status::already_active);
    CHECK(batch.created_sessions().size() == 1);
    CHECK(batch.audit_entries().size() == 1);
}

TEST_CASE_METHOD(Plan, "a key that comes with two scenes in one batch claims the first one only") {
    const Uuid id = uuid_v7();
    CreationPlan made = plan();
    const Command one = create(id, scene);
    const Command two = create(id, other_scene);
    made.add(one);
    made.add(two);
    // A claim for the second would stay: it belongs to no session's subject.
    CHECK(made.claimed_subjects() == std::vector<Uuid>{scene});
    const auto outcomes = made.settle(batch, {id});
    CHECK(outcomes[0].status == Status::applied);
    CHECK(outcomes[1].status == Status::key_reused);
}

TEST_CASE_METHOD(Plan, "without the subject neither a create nor its twin begins a session") {
    const Command create = this->create(uuid_v7(), scene);
    CreationPlan made = plan();
    made.add(create);
    made.add(create);
    const auto outcomes = made.settle(batch, {});
    CHECK(outcomes[0].status == Status::already_active);
    CHECK(outcomes[1].status == Status::already_active);
    CHECK_FALSE(batch.writes_anything());
}

TEST_CASE_METHOD(Plan, "a create is refused to strangers, for nothing and for what was deleted") {
    CHECK(settle({create(uuid_v7(), scene, listener)})[0].status == Status::forbidden);
    CHECK(settle({create(uuid_v7(), uuid_v7())})[0].status == Status::not_found);
    CreationPlan::Owner owner;
    owner.did = host;
    owner.deleted = true;
    CreationPlan made({{scene, owner}}, {}, now);
    const Command create = this->create(uuid_v7(), scene);
    made.add(create);
    CHECK(made.settle(batch, {})[0].status == Status::gone);
    CHECK_FALSE(batch.writes_anything());
}

TEST_CASE_METHOD(Plan, "a create's key stands for what it began, for a day, under any of its ids") {
    SessionRow row = this->row();
    row.subject = Subject{Subject::Kind::scene, scene};
    row.started_at = at(-23.0 * 3600);
    row.ended_at = at(-3600);
    Command retry = create(uuid_v7(), scene);
    retry.earlier_sessions = {uuid_v7(), row.id};
    existing.emplace(row.id, row);
    CHECK(settle({retry})[0].status == Status::replayed);
    CHECK(settle({retry})[0].session == row.id);
    Command misuse = retry;
    misuse.subject->id = other_scene;
    CHECK(settle({misuse})[0].status == Status::key_reused);

    existing.at(row.id).started_at = at(-25.0 * 3600);
    const Outcome fresh = settle({retry})[0];
    CHECK(fresh.status == Status::applied);
    CHECK(fresh.session == retry.session);
}
