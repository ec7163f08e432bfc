// Frames that come out of quarantine.
#include "integration/indexer/batch_writer.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;
using jetstream::Operation;

namespace {

CommitFields post(double at, std::string text) {
    CommitFields fields;
    fields.time_us = stamp(at);
    fields.rev = rev_at(at - 0.1);
    fields.collection = "app.subcult.post";
    fields.rkey = "p";
    fields.record = R"({"text":")" + text + R"(","sceneId":"s"})";
    return fields;
}

// As an earlier version of the product would have left it, to which this record was not valid.
void set_aside(const TestDatabase& database, BatchWriter& writer, const CommitFields& fields) {
    writer.write_items(commit(fields));
    database.execute(
        "UPDATE posts SET text = '', scene_uri = NULL, scene_id = NULL,"
        " deleted_at = now()");
    database.execute(
        "INSERT INTO quarantined_events (fingerprint, consumer, did, reason, raw_bytes)"
        " VALUES ('\\x01'::bytea || sha256(''), 'test', 'did:plc:a', 'invalid_record', 1)");
    database.execute("UPDATE quarantined_events SET fingerprint = sha256('x')");
}

std::string visible(const TestDatabase& database) {
    return database.execute("SELECT coalesce(string_agg(text, ','), '') FROM visible_posts");
}

std::vector<Digest256> resolved() {
    return {sha256("x")};
}

}  // namespace

TEST_CASE("a frame that is valid now fills the row that its own revision had emptied") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const CommitFields fields = post(1, "hi");
    set_aside(database, writer, fields);
    // The stream alone does not: the revision is known.
    writer.write_items(commit(fields));
    REQUIRE(visible(database).empty());
    const auto items = list(commit(fields));
    writer.retry(items, resolved());
    CHECK(visible(database) == "hi");
    CHECK(database.execute("SELECT count(*) FROM quarantined_events") == "0");
    const std::string before = versions(database);
    writer.retry(items, resolved());
    CHECK(versions(database) == before);
}

TEST_CASE("a retried frame neither replaces a newer revision nor fills one that was deleted") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const CommitFields fields = post(1, "old");
    set_aside(database, writer, fields);
    CommitFields next = post(2, "new");
    const bool deletes = GENERATE(false, true);
    if (deletes) next.operation = Operation::del;
    writer.write_items(commit(next));
    writer.retry(list(commit(fields)), resolved());
    CHECK(visible(database) == (deletes ? "" : "new"));
}

TEST_CASE("a retried frame of an account that was deleted meanwhile brings nothing back") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const CommitFields fields = post(1, "hi");
    CommitFields other = post(1, "other");
    other.rkey = "never-seen";
    set_aside(database, writer, fields);
    writer.write_items(account("did:plc:a", false, "deleted", 5, stamp(3)));
    CHECK(database.execute("SELECT count(*) FROM quarantined_events") == "0");
    writer.retry(list(commit(fields), commit(other)), resolved());
    CHECK(visible(database).empty());
    CHECK(database.execute("SELECT count(*) FROM records WHERE record IS NOT NULL") == "0");
}
