// What the network says of accounts: handles, hiding and showing, and being deleted.
#include "integration/indexer/batch_writer.hpp"

#include <catch2/catch.hpp>

using namespace subcults::test;
using subcults::jetstream::Operation;

namespace {

CommitFields post(double at, std::string rkey = "p", std::string did = "did:plc:a") {
    CommitFields fields;
    fields.did = std::move(did);
    fields.time_us = stamp(at);
    fields.rev = rev_at(at - 0.1);  // made a moment before it was seen
    fields.collection = "app.subcult.post";
    fields.rkey = std::move(rkey);
    fields.record = R"({"text":"hi","sceneId":"s"})";
    return fields;
}

auto state(double at, std::int64_t seq, bool active, std::optional<std::string_view> status = {}) {
    return account("did:plc:a", active, status, seq, stamp(at));
}

std::string visible(const TestDatabase& database) {
    return database.execute(
        "SELECT coalesce(string_agg(split_part(uri, '/', 5), ',' ORDER BY uri), '')"
        " FROM visible_posts");
}

std::string handle(const TestDatabase& database) {
    return database.execute("SELECT coalesce(handle, 'unknown') FROM accounts");
}

}  // namespace

TEST_CASE("only accounts that write here are stored") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    writer.write_items(identity("did:plc:x", "x.example", 1, stamp(1)),
                       account("did:plc:y", false, "deactivated", 2, stamp(1)),
                       account("did:plc:z", false, "deleted", 3, stamp(1)));
    CHECK(database.execute("SELECT count(*) FROM accounts") == "0");
    CHECK(database.execute("SELECT count(*) FROM hidden_accounts") == "0");
    writer.write_items(commit(post(2)), identity("did:plc:a", "a.example", 4, stamp(3)));
    CHECK(database.execute("SELECT did || handle FROM accounts") == "did:plc:aa.example");
}

TEST_CASE("what was said of an account before its first record does not count, replayed or not") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const auto early = [] { return identity("did:plc:a", "early.example", 1, stamp(1)); };
    writer.write_items(early(), commit(post(2)));
    CHECK(handle(database) == "unknown");
    const std::string before = versions(database);
    writer.write_items(early());
    writer.write_items(early(), commit(post(2)));
    CHECK(versions(database) == before);
    // An even older record that comes later moves that beginning.
    writer.write_items(commit(post(0.5, "older")), early());
    CHECK(handle(database) == "early.example");
}

TEST_CASE("the newest identity names the handle, and an older one never does again") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    writer.write_items(commit(post(1)), identity("did:plc:a", "one.example", 5, stamp(2)));
    writer.write_items(identity("did:plc:a", "two.example", 6, stamp(3)));
    CHECK(handle(database) == "two.example");
    // Stamped anew by a restarted server.
    writer.write_items(identity("did:plc:a", "one.example", 5, stamp(30)));
    CHECK(handle(database) == "two.example");
    writer.write_items(identity("did:plc:a", std::nullopt, 7, stamp(31)));
    CHECK(handle(database) == "unknown");
    // No number: the stamp decides.
    writer.write_items(identity("did:plc:a", "three.example", 0, stamp(30.5)));
    CHECK(handle(database) == "unknown");
    writer.write_items(identity("did:plc:a", "three.example", 0, stamp(32)));
    CHECK(handle(database) == "three.example");
}

TEST_CASE("an inactive account is hidden, shown again when active, and no old event undoes that") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    writer.write_items(commit(post(1)), state(2, 5, false, "deactivated"));
    CHECK(visible(database).empty());
    CHECK(database.execute("SELECT status FROM hidden_accounts") == "deactivated");
    writer.write_items(state(3, 6, false, "suspended"));
    CHECK(database.execute("SELECT status FROM hidden_accounts") == "suspended");
    writer.write_items(state(4, 7, true));
    CHECK(visible(database) == "p");
    writer.write_items(state(2, 5, false, "deactivated"));
    CHECK(visible(database) == "p");
    writer.write_items(state(40, 6, false, "suspended"));
    CHECK(visible(database) == "p");
    CHECK(database.execute("SELECT active || account_seq::text || coalesce(status, '-')"
                           " FROM accounts") == "true7-");
    // Whatever the network calls it: what is not active is hidden.
    writer.write_items(state(41, 8, false, "something-new"));
    CHECK(visible(database).empty());
}

TEST_CASE("a deletion takes records, rows, handle and quarantined frames with it") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    CommitFields bad = post(2, "bad");
    bad.record = R"({"text":17,"sceneId":"s"})";
    writer.write_items(commit(post(1)), commit(bad), commit(post(1, "theirs", "did:plc:b")),
                       identity("did:plc:a", "a.example", 4, stamp(3)));
    REQUIRE(database.execute("SELECT count(*) FROM quarantined_events") == "1");
    writer.write_items(state(4, 5, false, "deleted"));
    CHECK(visible(database) == "theirs");
    CHECK(database.execute("SELECT count(*) FROM records WHERE did = 'did:plc:a' AND"
                           " (record IS NOT NULL OR cid IS NOT NULL)") == "0");
    CHECK(database.execute("SELECT count(*) FROM posts WHERE author_did = 'did:plc:a' AND"
                           " (text <> '' OR scene_uri IS NOT NULL OR deleted_at IS NULL)") == "0");
    CHECK(database.execute("SELECT count(*) FROM quarantined_events") == "0");
    CHECK(database.execute("SELECT coalesce(handle, '-') || status FROM accounts"
                           " WHERE did = 'did:plc:a'") == "-deleted");
    // Nor does a replay of what it had written bring anything back.
    const std::string before = content(database);
    writer.write_items(commit(post(1)), identity("did:plc:a", "a.example", 4, stamp(3)));
    CHECK(content(database) == before);
}

TEST_CASE("what comes before a deletion in the same batch goes, what comes after it stays") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    CommitFields bad = post(2, "bad");
    bad.record = R"({"text":17,"sceneId":"s"})";
    writer.write_items(commit(post(1, "old")), commit(bad), state(3, 5, false, "deleted"),
                       commit(post(5, "new")));
    CHECK(visible(database) == "new");
    CHECK(database.execute("SELECT count(*) FROM records") == "3");
    CHECK(database.execute("SELECT count(*) FROM quarantined_events") == "0");
}

TEST_CASE("a deletion that is replayed does not take what a later life has written") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const auto deletion = [](double at) { return state(at, 5, false, "deleted"); };
    SECTION("when the deletion was seen at work before") {
        writer.write_items(commit(post(1, "old")), deletion(2));
        writer.write_items(state(3, 6, true), commit(post(4, "new")));
        SECTION("with the same stamp") {
            writer.write_items(deletion(2));
        }
        SECTION("with a stamp of another server") {
            writer.write_items(deletion(4.5));
        }
        SECTION("together with everything around it") {
            writer.write_items(commit(post(4, "new")), commit(post(1, "old")), deletion(2),
                               state(3, 6, true), commit(post(4, "new")));
        }
        CHECK(database.execute("SELECT active FROM accounts") == "t");
    }
    SECTION("when the account had written nothing before its deletion") {
        writer.write_items(deletion(2));
        writer.write_items(commit(post(4, "new")));
        writer.write_items(deletion(2));
    }
    CHECK(visible(database) == "new");
}

TEST_CASE("a deletion of which nobody knew takes what was written before it, and no more") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const auto deletion = [](double at) { return state(at, 5, false, "deleted"); };
    writer.write_items(commit(post(4, "new")), state(5, 6, true));
    SECTION("when its records come later, in the same batch") {
        writer.write_items(commit(post(1, "old")), deletion(2));
    }
    SECTION("when they come later, one by one") {
        writer.write_items(commit(post(1, "old")));
        writer.write_items(deletion(2));
        writer.write_items(commit(post(1, "old")));
    }
    SECTION("not when a restarted server stamps it anew") {
        writer.write_items(deletion(40));
    }
    CHECK(visible(database) == "new");
    CHECK(database.execute("SELECT active::text || account_seq FROM accounts") == "true6");
}

TEST_CASE("a record stamped by a server whose clock is ahead does not survive the deletion") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    CommitFields ahead = post(1, "ahead");
    ahead.time_us = stamp(8);  // written at 0.9, but the other server's clock said 8
    writer.write_items(commit(ahead), commit(post(1, "old")));
    writer.write_items(state(2, 5, false, "deleted"));
    CHECK(visible(database).empty());
}
