// Records become typed rows, and what cannot be shown does not.
#include "integration/indexer/batch_writer.hpp"

#include <catch2/catch.hpp>

using namespace subcults::test;
using subcults::jetstream::Operation;

namespace {

CommitFields record(double at, std::string collection, std::string rkey, std::string json) {
    CommitFields fields;
    fields.time_us = stamp(at);
    fields.rev = rev_at(at);
    fields.collection = std::move(collection);
    fields.rkey = std::move(rkey);
    fields.record = std::move(json);
    if (fields.record.empty()) fields.operation = Operation::del;
    return fields;
}

}  // namespace

TEST_CASE("every kind of record becomes a row that refers to its scene by at-uri and by id") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const Written written = writer.write_items(
        // References come before what they refer to.
        commit(record(1, "app.subcult.post", "p",
                      R"({"text":"hi","sceneId":"s","eventId":"e","labels":["a"],
                      "createdAt":"2026-07-01T00:00:00Z"})")),
        commit(record(2, "app.subcult.event", "e",
                      R"({"name":"Night","sceneId":"s","startsAt":"2026-08-01T20:00:00Z",
                      "status":"scheduled"})")),
        commit(record(3, "app.subcult.scene", "s",
                      R"({"name":"Keller","tags":["dub","x\"y"],
                      "location":{"lat":52.52,"lng":13.405,"allowPrecise":true}})")),
        commit(record(4, "app.subcult.membership", "m",
                      R"({"scene":"at://did:plc:a/app.subcult.scene/s","member":"did:plc:m",
                      "role":"curator","status":"active","weight":80,
                      "createdAt":"2026-07-01T00:00:00Z"})")),
        commit(record(5, "app.subcult.alliance", "l",
                      R"({"fromSceneId":"s","toSceneId":"t","weight":0.25})")),
        commit(record(6, "app.subcult.event", "e2",
                      R"({"name":"Day","sceneId":"at://handle.example/app.subcult.scene/s",
                      "startsAt":"2026-08-01T20:00:00Z"})")),
        commit(record(7, "tv.subcult.event", "e3",
                      R"({"title":"Dusk","startsAt":"2026-08-01T20:00:00Z","disclosure":"public",
                      "place":"at://did:plc:c/tv.subcult.place/p",
                      "hostScenes":["at://did:plc:b/tv.subcult.scene/t"],
                      "createdAt":"2026-07-01T00:00:00Z"})")));
    CHECK(written.quarantined == 0);
    CHECK(written.upserts == 7);
    CHECK(
        database.execute("SELECT s.name || e.title || p.text || m.member_did || m.weight || m.role"
                         " || a.weight || s.coarse_geohash || array_to_string(s.tags, '+')"
                         " FROM visible_scenes s"
                         " JOIN visible_events e ON e.scene_id = s.id"
                         " JOIN visible_posts p ON p.scene_id = s.id AND p.event_id = e.id"
                         " JOIN visible_memberships m ON m.scene_id = s.id"
                         " JOIN visible_alliances a ON a.from_scene_id = s.id") ==
        "KellerNighthidid:plc:m80curator25u33dcdub+x\"y");
    CHECK(database.execute("SELECT labels::text || attachments::text || scene_uri || event_uri"
                           " FROM posts") ==
          R"(["a"][]at://did:plc:a/app.subcult.scene/sat://did:plc:a/app.subcult.event/e)");
    CHECK(database.execute("SELECT scene_uri || (scene_id IS NULL) FROM events"
                           " WHERE title = 'Day'") ==
          "at://handle.example/app.subcult.scene/strue");
    CHECK(database.execute("SELECT scene_uri || scene_id FROM events WHERE title = 'Dusk'") ==
          "at://did:plc:b/tv.subcult.scene/t" +
              subcults::uuid_v5(subcults::uuid_namespace_url, "at://did:plc:b/tv.subcult.scene/t")
                  .to_string());
    // The point itself is in no typed table.
    CHECK(content(database).find("13.405") == content(database).rfind("13.405"));
}

TEST_CASE("an invalid update removes the row, keeps the record and is set aside with its path") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    writer.write_items(commit(record(1, "app.subcult.post", "p", R"({"text":"a","sceneId":"s"})")));
    const Written written =
        writer.write_items(commit(record(2, "app.subcult.post", "p", R"({"text":"b"})")));
    CHECK(written.quarantined == 1);
    CHECK(written.events == 0);
    CHECK(database.execute("SELECT count(*) FROM visible_posts") == "0");
    CHECK(database.execute("SELECT text || rev FROM posts WHERE deleted_at IS NOT NULL") ==
          rev_at(2));
    CHECK(database.execute("SELECT record->>'text' FROM records") == "b");
    CHECK(database.execute("SELECT reason || path || did || collection || rkey || rev FROM"
                           " quarantined_events WHERE length(raw) = raw_bytes") ==
          "invalid_recordrecord.sceneIddid:plc:aapp.subcult.postp" + rev_at(2));
    // A replay of the older, valid revision does not bring it back.
    writer.write_items(commit(record(1, "app.subcult.post", "p", R"({"text":"a","sceneId":"s"})")));
    CHECK(database.execute("SELECT count(*) FROM visible_posts") == "0");
    // A newer one does.
    writer.write_items(commit(record(3, "app.subcult.post", "p", R"({"text":"c","sceneId":"s"})")));
    CHECK(database.execute("SELECT text FROM visible_posts") == "c");
}

TEST_CASE("private data is stored nowhere, and takes what was there before with it") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    writer.write_items(commit(record(1, "app.subcult.post", "p", R"({"text":"a","sceneId":"s"})")));
    const Written written = writer.write_items(commit(record(
        2, "app.subcult.post", "p", R"({"text":"a","sceneId":"s","contactEmail":"x@y.example"})")));
    CHECK(written.quarantined == 1);
    CHECK(database.execute("SELECT reason || path || coalesce(raw::text, '-') ||"
                           " length(fingerprint) FROM quarantined_events") ==
          "private_datarecord.contactEmail-32");
    CHECK(database.execute("SELECT rev FROM records WHERE record IS NULL") == rev_at(2));
    CHECK(database.execute("SELECT count(*) FROM visible_posts") == "0");
    CHECK(content(database).find("y.example") == std::string::npos);
}

TEST_CASE("a deleted record leaves a row without content that no older write fills again") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const auto made = record(1, "app.subcult.membership", "m",
                             R"({"scene":"at://did:plc:a/app.subcult.scene/s",
                             "member":"did:plc:m","createdAt":"2026-07-01T00:00:00Z"})");
    writer.write_items(commit(made), commit(record(2, "app.subcult.membership", "m", "")));
    writer.write_items(commit(made));
    CHECK(database.execute("SELECT count(*) FROM visible_memberships") == "0");
    CHECK(database.execute("SELECT rev || num_nonnulls(member_did, scene_uri, scene_id, since,"
                           " created_at) FROM memberships WHERE deleted_at IS NOT NULL") ==
          rev_at(2) + "0");
}

TEST_CASE("two records may say the same thing") {
    const TestDatabase database = TestDatabase::migrated();
    BatchWriter writer(database);
    const std::string same = R"({"name":"Basement"})";
    const Written written = writer.write_items(commit(record(1, "app.subcult.scene", "a", same)),
                                               commit(record(2, "app.subcult.scene", "b", same)));
    CHECK(written.quarantined == 0);
    CHECK(database.execute("SELECT count(*) FROM visible_scenes WHERE name = 'Basement'") == "2");
}
