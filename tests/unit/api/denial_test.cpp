// Which refusals are one and the same for the minute that the chain is silent about them.
#include "unit/api/ledger_world.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;

namespace {

struct Refused : World {
    LedgerBatch batch{keys, now};
    std::string guest = participant(listener);
    std::string other = participant("did:plc:other");

    Refused() {
        batch.load(row());
        for (const std::string& who : {guest, other}) {
            ParticipantRow known;
            known.first_joined_at = known.joined_at = at(-50);
            batch.load({session, who}, known);
        }
    }
    // The entries about refusals after asking for this twice.
    std::size_t entries(const Command& command) {
        for (int i = 0; i < 2; ++i)
            REQUIRE(batch.apply(command).status == Status::forbidden);
        return batch.audit_entries().size();
    }
};

}  // namespace

TEST_CASE_METHOD(Refused, "a refusal of one action does not silence that of its opposite") {
    CHECK(entries(about(CommandKind::lock, listener, "", true)) == 1);
    CHECK(entries(about(CommandKind::lock, listener, "", false)) == 2);
    CHECK(entries(about(CommandKind::mute, listener, other, true)) == 3);
    CHECK(entries(about(CommandKind::mute, listener, other, false)) == 4);
}

TEST_CASE_METHOD(Refused, "a refusal about one participant does not silence one about another") {
    CHECK(entries(about(CommandKind::kick, listener, guest)) == 1);
    CHECK(entries(about(CommandKind::kick, listener, other)) == 2);
    // Whoever makes up participants makes the chain grow by one entry.
    CHECK(entries(about(CommandKind::kick, listener, "user-nobody")) == 3);
    CHECK(entries(about(CommandKind::kick, listener, "user-no-one")) == 3);
}

TEST_CASE("refusals of one person in one place are told apart by action and target") {
    DenialMemory memory;
    const UnixMicros now{1'766'537'083'000'000};
    Denial denial;
    denial.action = "locked";
    memory.remember(denial, now);
    CHECK(memory.suppresses(denial, now));
    denial.action = "unlocked";
    CHECK_FALSE(memory.suppresses(denial, now));
    denial.action = "locked";
    denial.target[0] = 1;
    CHECK_FALSE(memory.suppresses(denial, now));
}
