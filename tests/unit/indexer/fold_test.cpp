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
using subcults::test::list;

namespace {

CommitFields with(std::string rev, std::string record, Operation operation = Operation::update) {
    CommitFields fields;
    fields.rev = std::move(rev);
    fields.record = std::move(record);
    fields.operation = operation;
    return fields;
}

const SceneRow& scene(const FoldedBatch& batch) {
    REQUIRE(batch.records.size() == 1);
    return std::get<SceneRow>(batch.records.begin()->second.typed);
}

}  // namespace

TEST_CASE("of several revisions of a record the highest is written, whatever the order") {
    Projector projector;
    const auto items = list(commit(with("3mptbypluud2a", R"({"name":"one"})")),
                            commit(with("3mptbypluud2c", R"({"name":"three"})")),
                            commit(with("3mptbypluud2b", R"({"name":"two"})")));
    const FoldedBatch batch = fold(items, projector);
    CHECK(scene(batch).name == "three");
    CHECK(batch.records.begin()->second.rev == "3mptbypluud2c");
    CHECK(batch.events == 3);
    CHECK(batch.commits == 3);
}

TEST_CASE("a deletion is a tombstone with the revision of the deletion") {
    Projector projector;
    const auto items = list(commit(with("3mptbypluud2a", R"({"name":"one"})")),
                            commit(with("3mptbypluud2b", "", Operation::del)));
    const FoldedBatch batch = fold(items, projector);
    CHECK(scene(batch).deleted);
    CHECK(scene(batch).rev == "3mptbypluud2b");
    CHECK_FALSE(batch.records.begin()->second.record);
    CHECK(batch.records.begin()->second.rev == "3mptbypluud2b");
}

TEST_CASE("a scene that cannot be shown is kept as a record and set aside with its reason") {
    Projector projector;
    const auto items = list(commit(with("3mptbypluud2a", R"({"name":17})")));
    const FoldedBatch batch = fold(items, projector);
    CHECK(scene(batch).deleted);
    CHECK(scene(batch).rev == "3mptbypluud2a");
    CHECK(batch.records.begin()->second.record == R"({"name":17})");
    REQUIRE(batch.quarantine.size() == 1);
    CHECK(batch.quarantine[0].reason == "invalid_record");
    CHECK(batch.quarantine[0].path == "record.name");
    CHECK(batch.quarantine[0].collection == "app.subcult.scene");
    CHECK(batch.quarantine[0].rkey == "r1");
    CHECK(batch.quarantine[0].rev == "3mptbypluud2a");
    CHECK_FALSE(batch.quarantine[0].raw.empty());
    CHECK(batch.events == 0);
}

TEST_CASE("an invalid revision is set aside even when a later one of the batch replaces it") {
    Projector projector;
    const auto items = list(commit(with("3mptbypluud2a", R"({"name":17})")),
                            commit(with("3mptbypluud2b", R"({"name":"fine"})")));
    const FoldedBatch batch = fold(items, projector);
    CHECK(scene(batch).name == "fine");
    CHECK(batch.quarantine.size() == 1);
    CHECK(batch.events == 1);
}

TEST_CASE("of a record with private data nothing is kept but digest, path and a tombstone") {
    Projector projector;
    const auto items = list(
        commit(with("3mptbypluud2b", R"({"name":"Basement","contactPhone":"+49 30 123456"})")));
    for (const auto& reason : {std::optional<std::string_view>(),
                               std::optional<std::string_view>("rejected_by_database")}) {
        const FoldedBatch batch = fold(items, projector, reason);
        REQUIRE(batch.quarantine.size() == 1);
        const QuarantineRow& row = batch.quarantine[0];
        CHECK(row.reason == "private_data");
        CHECK(row.path == "record.contactPhone");
        CHECK(row.raw.empty());
        CHECK(row.raw_bytes > 50);
        CHECK(row.fingerprint == sha256(render_frame(items[0].event()->view())));
        CHECK(batch.events == 0);
        if (reason) continue;
        CHECK(scene(batch).deleted);
        CHECK_FALSE(batch.records.begin()->second.record);
        CHECK_FALSE(batch.records.begin()->second.cid);
        CHECK(batch.records.begin()->second.rev == "3mptbypluud2b");
    }
}

TEST_CASE("a faulty frame goes to quarantine with its bytes") {
    Projector projector;
    FaultyFrame frame;
    frame.reason = "malformed_json";
    frame.raw = "{\"did\":";
    QueueItem item{std::move(frame), 0, {}, SteadyClock::now()};
    const FoldedBatch batch = fold(std::span<const QueueItem>(&item, 1), projector);
    REQUIRE(batch.quarantine.size() == 1);
    CHECK(batch.quarantine[0].raw == "{\"did\":");
    CHECK(batch.quarantine[0].fingerprint == sha256("{\"did\":"));
    CHECK(batch.events == 0);
}

TEST_CASE("an event that the database refused is set aside whole and can be read again") {
    Projector projector;
    for (auto make : {+[] { return commit({}); },
                      +[] { return commit(with("3mptbypluud2b", "", Operation::del)); },
                      +[] { return account("did:plc:abc", false, "suspended"); },
                      +[] { return test::identity("did:plc:abc", "a.example", 5); }}) {
        const QueueItem item = make();
        const FoldedBatch batch =
            fold(std::span<const QueueItem>(&item, 1), projector, "rejected_by_database");
        CHECK(batch.record_rows() == 0);
        CHECK(batch.writers.empty());
        CHECK(batch.accounts.empty());
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

TEST_CASE("records of other namespaces are taken as they are") {
    Projector projector;
    CommitFields fields = with("3mptbypluud2a", R"({"email":"a@example.org"})");
    fields.collection = "org.example.card";
    const auto items = list(commit(fields));
    const FoldedBatch batch = fold(items, projector);
    CHECK(batch.events == 1);
    CHECK(batch.quarantine.empty());
    REQUIRE(batch.records.size() == 1);
    CHECK(batch.records.begin()->second.record == fields.record);
    CHECK(std::holds_alternative<std::monostate>(batch.records.begin()->second.typed));
}
