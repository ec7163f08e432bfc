// What the fold makes of accounts: states, handles, deletions.
#include "items.hpp"
#include "project/fold.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::indexer;
using subcults::test::account;
using subcults::test::commit;
using subcults::test::CommitFields;
using subcults::test::identity;
using subcults::test::list;

namespace {

constexpr std::int64_t t = test::some_time_us;

AccountTime at(std::int64_t seq, std::int64_t time_us) {
    AccountTime time;
    time.seq = seq;
    time.time_us = time_us;
    return time;
}

}  // namespace

TEST_CASE(
    "relay numbers decide which of two account events is newer, stamps where there are none") {
    CHECK(is_newer(at(8, t), at(7, t)));
    CHECK_FALSE(is_newer(at(7, t), at(7, t + 5)));
    CHECK_FALSE(is_newer(at(6, t + 60'000'000), at(7, t)));
    CHECK(is_newer(at(0, t + 1), at(7, t)));
    CHECK_FALSE(is_newer(at(0, t), at(0, t)));
    CHECK(is_newer(at(9, t + 1), at(0, t)));
}

TEST_CASE("after a day the stamps decide, because another relay counts from somewhere else") {
    constexpr std::int64_t day = 86'400'000'000;
    CHECK(is_newer(at(3, t + day + 1), at(1'000'000, t)));
    CHECK_FALSE(is_newer(at(1'000'000, t), at(3, t + day + 1)));
}

TEST_CASE("of several states of an account the newest counts, whatever the order") {
    Projector projector;
    const auto items =
        list(account("did:plc:a", false, "deactivated", 5), account("did:plc:a", true, {}, 9),
             account("did:plc:a", false, "deactivated", 5), account("did:plc:b", true, {}, 6),
             account("did:plc:b", false, "takendown", 7), account("did:plc:c", false, {}, 8));
    const FoldedBatch batch = fold(items, projector);
    CHECK(batch.accounts.at("did:plc:a").active);
    CHECK_FALSE(batch.accounts.at("did:plc:a").status);
    CHECK(batch.accounts.at("did:plc:b").status == "takendown");
    CHECK(batch.accounts.at("did:plc:c").status == "inactive");
    CHECK(batch.purges.empty());
    CHECK(batch.events == 6);
}

TEST_CASE("the newest identity names the handle, and may take it away") {
    Projector projector;
    const auto items =
        list(identity("did:plc:a", "new.example", 9), identity("did:plc:a", "old.example", 5),
             identity("did:plc:b", "b.example", 6), identity("did:plc:b", std::nullopt, 7));
    const FoldedBatch batch = fold(items, projector);
    CHECK(batch.handles.at("did:plc:a").handle == "new.example");
    CHECK_FALSE(batch.handles.at("did:plc:b").handle);
}

TEST_CASE("a deleted account dooms what came before it in the batch, and only that") {
    Projector projector;
    CommitFields neighbour;
    neighbour.did = "did:plc:b";
    CommitFields bad;
    bad.rkey = "bad";
    bad.record = R"({"name":17})";
    CommitFields later;
    later.rkey = "r2";
    later.rev = "3mptbypluud2z";
    const auto items = list(commit({}), commit(neighbour), commit(bad),
                            account("did:plc:a", false, "deleted", 7), commit(later));
    const FoldedBatch batch = fold(items, projector);
    REQUIRE(batch.purges.size() == 1);
    CHECK(batch.purges.at("did:plc:a").seq == 7);
    CHECK(batch.doomed.contains({"did:plc:a", "app.subcult.scene", "r1"}));
    CHECK(batch.doomed.contains({"did:plc:a", "app.subcult.scene", "bad"}));
    CHECK(batch.doomed.size() == 2);
    CHECK(batch.records.contains({"did:plc:a", "app.subcult.scene", "r2"}));
    CHECK(batch.records.contains({"did:plc:b", "app.subcult.scene", "r1"}));
    CHECK(batch.records.size() == 2);
    CHECK(batch.record_rows() == 4);
    REQUIRE(batch.quarantine.size() == 1);
    CHECK(batch.quarantine[0].before_purge);
}

TEST_CASE("a deletion that is older than another state of its account dooms nothing") {
    Projector projector;
    const auto items = list(account("did:plc:a", true, {}, 9), commit({}),
                            account("did:plc:a", false, "deleted", 7));
    const FoldedBatch batch = fold(items, projector);
    CHECK(batch.purges.empty());
    CHECK(batch.doomed.empty());
    CHECK(batch.records.size() == 1);
    CHECK(batch.accounts.at("did:plc:a").active);
}

TEST_CASE("who writes is known from its first stamp on") {
    Projector projector;
    CommitFields second;
    second.rkey = "r2";
    second.time_us = t + 10;
    const auto items = list(commit({}), commit(second), identity("did:plc:z", "z.example", 1));
    const FoldedBatch batch = fold(items, projector);
    REQUIRE(batch.writers.size() == 1);
    CHECK(batch.writers.at("did:plc:a") == t);
}
