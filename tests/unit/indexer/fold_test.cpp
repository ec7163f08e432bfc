#include "project/fold.hpp"
#include "items.hpp"

#include "jetstream/decoder.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::indexer;
using jetstream::Operation;
using subcults::test::account;
using subcults::test::commit;
using subcults::test::CommitFields;

namespace {

CommitFields with(std::string rev, std::string record, Operation operation = Operation::update) {
    CommitFields fields;
    fields.rev = std::move(rev);
    fields.record = std::move(record);
    fields.operation = operation;
    return fields;
}

std::vector<QueueItem> list(auto... items) {
    std::vector<QueueItem> all;
    (all.push_back(std::move(items)), ...);
    return all;
}

}  // namespace

TEST_CASE("of several revisions of a record the highest is written, whatever the order") {
    SceneProjector projector;
    const auto items = list(commit(with("3mptbypluud2a", R"({"name":"one"})")),
                            commit(with("3mptbypluud2c", R"({"name":"three"})")),
                            commit(with("3mptbypluud2b", R"({"name":"two"})")));
    const FoldedBatch batch = fold(items, projector);
    REQUIRE(batch.records.size() == 1);
    CHECK(batch.records.begin()->second.rev == "3mptbypluud2c");
    CHECK(batch.events == 3);
    REQUIRE(batch.scenes.size() == 1);
    CHECK(batch.scenes[0].name == "three");
}

TEST_CASE("a deletion is a tombstone with the revision of the deletion") {
    SceneProjector projector;
    const auto items = list(commit(with("3mptbypluud2a", R"({"name":"one"})")),
                            commit(with("3mptbypluud2b", "", Operation::del)));
    const FoldedBatch batch = fold(items, projector);
    REQUIRE(batch.records.size() == 1);
    CHECK_FALSE(batch.records.begin()->second.record);
    CHECK(batch.records.begin()->second.rev == "3mptbypluud2b");
    REQUIRE(batch.scenes.size() == 1);
    CHECK(batch.scenes[0].deleted);
}

TEST_CASE("a deleted account takes along what came before it in the batch, and only that") {
    SceneProjector projector;
    CommitFields neighbour;
    neighbour.did = "did:plc:b";
    CommitFields later;
    later.rkey = "r2";
    later.rev = "3mptbypluud2z";
    const auto items =
        list(commit({}), commit(neighbour), account("did:plc:a", false, "deleted"), commit(later));
    const FoldedBatch batch = fold(items, projector);
    CHECK(batch.purged == std::vector<std::string_view>{"did:plc:a"});
    REQUIRE(batch.records.size() == 3);
    CHECK_FALSE(batch.records.at({"did:plc:a", "tv.subcult.scene", "r1"}).record);
    CHECK(batch.records.at({"did:plc:a", "tv.subcult.scene", "r2"}).record);
    CHECK(batch.records.at({"did:plc:b", "tv.subcult.scene", "r1"}).record);
    CHECK(batch.hidden.empty());
}

TEST_CASE("of several states of an account the last one counts") {
    SceneProjector projector;
    auto items = list(account("did:plc:a", false, "deactivated"), account("did:plc:a", true),
                      account("did:plc:b", true), account("did:plc:b", false, "takendown"),
                      account("did:plc:c", false));
    const FoldedBatch batch = fold(items, projector);
    CHECK(batch.shown == std::vector<std::string_view>{"did:plc:a"});
    CHECK(batch.hidden.at("did:plc:b") == "takendown");
    CHECK(batch.hidden.at("did:plc:c") == "inactive");
    CHECK(batch.purged.empty());
}

TEST_CASE("a scene that cannot be shown is kept as a record and set aside with its reason") {
    SceneProjector projector;
    const auto items = list(commit(with("3mptbypluud2a", R"({"name":17})")));
    const FoldedBatch batch = fold(items, projector);
    CHECK(batch.records.size() == 1);
    REQUIRE(batch.scenes.size() == 1);
    CHECK(batch.scenes[0].deleted);
    REQUIRE(batch.quarantine.size() == 1);
    CHECK(batch.quarantine[0].reason == "invalid_record");
    CHECK(batch.quarantine[0].path == "record.name");
    CHECK(batch.events == 0);
}

TEST_CASE("a faulty frame goes to quarantine with its bytes") {
    SceneProjector projector;
    FaultyFrame frame;
    frame.reason = "malformed_json";
    frame.raw = "{\"did\":";
    QueueItem item{std::move(frame), 0, {}, SteadyClock::now()};
    const FoldedBatch batch = fold(std::span<const QueueItem>(&item, 1), projector);
    REQUIRE(batch.quarantine.size() == 1);
    CHECK(batch.quarantine[0].raw == "{\"did\":");
    CHECK(batch.events == 0);
}

TEST_CASE("an event that the database refused is set aside whole and can be read again") {
    SceneProjector projector;
    for (auto make : {+[] { return commit({}); },
                      +[] { return commit(with("3mptbypluud2b", "", Operation::del)); },
                      +[] { return account("did:plc:abc", false, "suspended"); }}) {
        const QueueItem item = make();
        const FoldedBatch batch =
            fold(std::span<const QueueItem>(&item, 1), projector, "rejected_by_database");
        CHECK(batch.records.empty());
        CHECK(batch.scenes.empty());
        REQUIRE(batch.quarantine.size() == 1);
        CHECK(batch.quarantine[0].reason == "rejected_by_database");

        jetstream::Decoder decoder(jetstream::CollectionFilter({}));
        const auto decoded = decoder.decode(batch.quarantine[0].raw, false);
        REQUIRE(decoded.has_value());
        REQUIRE(decoded->has_value());
        CHECK((*decoded)->did == item.event()->view().did);
        CHECK((*decoded)->record == item.event()->view().record);
    }
}
