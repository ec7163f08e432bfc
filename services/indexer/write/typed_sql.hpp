// Upserts of typed rows. $1 of each says whether this is a retry out of quarantine, the arrays
// follow. Guarded by rev, with the anti-join in front, like records.
//
// Scenes, alliances and memberships mark the scenes whose trust may have changed: compared are the
// fields that the score depends on, so that a corrected typo marks nothing. Of several records
// about one member or ally the newest counts, and a rewrite makes one the newest: where there is
// another one, any rewrite marks. Only rewrites that change nothing look for one. What is deleted
// has no authority; asking for that alone leaves the planner one index (memberships_scene,
// alliances_from), however empty the table is when it plans.
#pragma once

#include "db/statement.hpp"
#include "write/sql_text.hpp"

namespace subcults::indexer::writer_sql {

namespace parts {

inline constexpr std::string_view scenes_from =
    "WITH incoming AS MATERIALIZED (SELECT e.*, coalesce(o.live, false) AS was_live"
    " FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[],"
    " $8::text[], $9::jsonb[], $10::text[], $11::text[], $12::timestamptz[])"
    " AS e(id, uri, owner_did, rev, deleted, name, description, tags, visibility, geohash,"
    " created_at)"
    " LEFT JOIN LATERAL (SELECT s.rev, s.deleted_at IS NULL AS live FROM scenes s"
    " WHERE s.id = e.id LIMIT 1) o ON true";
inline constexpr std::string_view scenes_into =
    "), written AS (INSERT INTO scenes AS t (id, uri, owner_did, rev, name, description, tags,"
    " visibility, coarse_geohash, created_at, deleted_at)"
    " SELECT i.id, i.uri, i.owner_did, i.rev, i.name, i.description,"
    " ARRAY(SELECT jsonb_array_elements_text(i.tags)), i.visibility, i.geohash, i.created_at,"
    " CASE WHEN i.deleted THEN now() END FROM incoming i"
    " ON CONFLICT (id) DO UPDATE SET rev = EXCLUDED.rev, name = EXCLUDED.name,"
    " description = EXCLUDED.description, tags = EXCLUDED.tags, visibility = EXCLUDED.visibility,"
    " coarse_geohash = EXCLUDED.coarse_geohash, created_at = EXCLUDED.created_at,"
    " indexed_at = now(), deleted_at = EXCLUDED.deleted_at";
inline constexpr std::string_view scenes_marks =
    " RETURNING t.id), marks AS (SELECT i.id AS scene_id FROM incoming i JOIN written w"
    " ON w.id = i.id WHERE i.was_live = i.deleted)";

inline constexpr std::string_view alliances_from =
    "WITH incoming AS MATERIALIZED (SELECT e.*, o.was_from, o.was_to, o.was_weight, o.was_status"
    " FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[],"
    " $8::uuid[], $9::text[], $10::uuid[], $11::int[], $12::text[], $13::text[],"
    " $14::timestamptz[], $15::timestamptz[])"
    " AS e(id, uri, author_did, rev, deleted, from_uri, from_id, to_uri, to_id, weight, status,"
    " reason, since, created_at)"
    " LEFT JOIN LATERAL (SELECT s.rev, s.deleted_at IS NULL AS live,"
    " CASE WHEN s.authoritative THEN s.from_scene_id END AS was_from, s.to_scene_id AS was_to,"
    " s.weight AS was_weight, s.status AS was_status"
    " FROM alliances s WHERE s.id = e.id LIMIT 1) o ON true";
inline constexpr std::string_view alliances_into =
    "), written AS (INSERT INTO alliances AS t (id, uri, author_did, rev, from_scene_uri,"
    " from_scene_id, to_scene_uri, to_scene_id, weight, status, reason, since, created_at,"
    " deleted_at) SELECT i.id, i.uri, i.author_did, i.rev, i.from_uri, i.from_id, i.to_uri,"
    " i.to_id, i.weight, i.status, i.reason, i.since, i.created_at,"
    " CASE WHEN i.deleted THEN now() END FROM incoming i"
    " ON CONFLICT (id) DO UPDATE SET rev = EXCLUDED.rev, from_scene_uri = EXCLUDED.from_scene_uri,"
    " from_scene_id = EXCLUDED.from_scene_id, to_scene_uri = EXCLUDED.to_scene_uri,"
    " to_scene_id = EXCLUDED.to_scene_id, weight = EXCLUDED.weight, status = EXCLUDED.status,"
    " reason = EXCLUDED.reason, since = EXCLUDED.since, created_at = EXCLUDED.created_at,"
    " indexed_at = now(), deleted_at = EXCLUDED.deleted_at";
// Emptied rows have neither scene nor authority, so a deletion is a change like any other.
inline constexpr std::string_view alliances_marks =
    " RETURNING t.id, CASE WHEN t.authoritative THEN t.from_scene_id END AS now_from,"
    " t.to_scene_uri, t.to_scene_id, t.weight, t.status), changed AS (SELECT i.was_from, w.now_from"
    " FROM incoming i JOIN written w ON w.id = i.id"
    " WHERE (i.was_from, i.was_to, i.was_weight, i.was_status)"
    " IS DISTINCT FROM (w.now_from, w.to_scene_id, w.weight, w.status)"
    " OR (SELECT true FROM alliances o WHERE o.from_scene_id = w.now_from"
    " AND hashtextextended(o.to_scene_uri, 0) = hashtextextended(w.to_scene_uri, 0)"
    " AND o.to_scene_uri = w.to_scene_uri AND o.id <> w.id AND o.authoritative LIMIT 1)),"
    " marks AS (SELECT was_from AS scene_id FROM changed UNION SELECT now_from FROM changed)";

inline constexpr std::string_view memberships_from =
    "WITH incoming AS MATERIALIZED (SELECT e.*, o.was_scene, o.was_member, o.was_role,"
    " o.was_status, o.was_weight"
    " FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[],"
    " $8::uuid[], $9::text[], $10::text[], $11::text[], $12::int[], $13::timestamptz[],"
    " $14::timestamptz[])"
    " AS e(id, uri, author_did, rev, deleted, scene_uri, scene_id, member, role, status, weight,"
    " since, created_at)"
    " LEFT JOIN LATERAL (SELECT s.rev, s.deleted_at IS NULL AS live,"
    " CASE WHEN s.authoritative THEN s.scene_id END AS was_scene, s.member_did AS was_member,"
    " s.role AS was_role, s.status AS was_status, s.weight AS was_weight"
    " FROM memberships s WHERE s.id = e.id LIMIT 1) o ON true";
inline constexpr std::string_view memberships_into =
    "), written AS (INSERT INTO memberships AS t (id, uri, author_did, rev, scene_uri, scene_id,"
    " member_did, role, status, weight, since, created_at, deleted_at)"
    " SELECT i.id, i.uri, i.author_did, i.rev, i.scene_uri, i.scene_id, i.member, i.role,"
    " i.status, i.weight, i.since, i.created_at, CASE WHEN i.deleted THEN now() END"
    " FROM incoming i"
    " ON CONFLICT (id) DO UPDATE SET rev = EXCLUDED.rev, scene_uri = EXCLUDED.scene_uri,"
    " scene_id = EXCLUDED.scene_id, member_did = EXCLUDED.member_did, role = EXCLUDED.role,"
    " status = EXCLUDED.status, weight = EXCLUDED.weight, since = EXCLUDED.since,"
    " created_at = EXCLUDED.created_at, indexed_at = now(), deleted_at = EXCLUDED.deleted_at";
inline constexpr std::string_view memberships_marks =
    " RETURNING t.id, CASE WHEN t.authoritative THEN t.scene_id END AS now_scene, t.member_did,"
    " t.role, t.status, t.weight), changed AS (SELECT i.was_scene, w.now_scene"
    " FROM incoming i JOIN written w ON w.id = i.id"
    " WHERE (i.was_scene, i.was_member, i.was_role, i.was_status, i.was_weight)"
    " IS DISTINCT FROM (w.now_scene, w.member_did, w.role, w.status, w.weight)"
    " OR (SELECT true FROM memberships o WHERE o.scene_id = w.now_scene"
    " AND hashtextextended(o.member_did, 0) = hashtextextended(w.member_did, 0)"
    " AND o.member_did = w.member_did AND o.id <> w.id AND o.authoritative LIMIT 1)),"
    " marks AS (SELECT was_scene AS scene_id FROM changed UNION SELECT now_scene FROM changed)";

inline constexpr std::string_view events_from =
    "INSERT INTO events AS t (id, uri, author_did, rev, scene_uri, scene_id, title, description,"
    " kind, status, starts_at, ends_at, created_at, deleted_at)"
    " SELECT e.id, e.uri, e.author_did, e.rev, e.scene_uri, e.scene_id, e.title, e.description,"
    " e.kind, e.status, e.starts_at, e.ends_at, e.created_at, CASE WHEN e.deleted THEN now() END"
    " FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[],"
    " $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],"
    " $14::timestamptz[], $15::timestamptz[])"
    " AS e(id, uri, author_did, rev, deleted, scene_uri, scene_id, title, description, kind,"
    " status, starts_at, ends_at, created_at)"
    " LEFT JOIN LATERAL (SELECT s.rev, s.deleted_at IS NULL AS live FROM events s"
    " WHERE s.id = e.id LIMIT 1) o ON true";
inline constexpr std::string_view events_into =
    " ON CONFLICT (id) DO UPDATE SET rev = EXCLUDED.rev, scene_uri = EXCLUDED.scene_uri,"
    " scene_id = EXCLUDED.scene_id, title = EXCLUDED.title, description = EXCLUDED.description,"
    " kind = EXCLUDED.kind, status = EXCLUDED.status, starts_at = EXCLUDED.starts_at,"
    " ends_at = EXCLUDED.ends_at, created_at = EXCLUDED.created_at, indexed_at = now(),"
    " deleted_at = EXCLUDED.deleted_at";

inline constexpr std::string_view posts_from =
    "INSERT INTO posts AS t (id, uri, author_did, rev, scene_uri, scene_id, event_uri, event_id,"
    " text, attachments, labels, created_at, deleted_at)"
    " SELECT e.id, e.uri, e.author_did, e.rev, e.scene_uri, e.scene_id, e.event_uri, e.event_id,"
    " e.text, e.attachments, e.labels, e.created_at, CASE WHEN e.deleted THEN now() END"
    " FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[],"
    " $8::uuid[], $9::text[], $10::uuid[], $11::text[], $12::jsonb[], $13::jsonb[],"
    " $14::timestamptz[])"
    " AS e(id, uri, author_did, rev, deleted, scene_uri, scene_id, event_uri, event_id, text,"
    " attachments, labels, created_at)"
    " LEFT JOIN LATERAL (SELECT s.rev, s.deleted_at IS NULL AS live FROM posts s"
    " WHERE s.id = e.id LIMIT 1) o ON true";
inline constexpr std::string_view posts_into =
    " ON CONFLICT (id) DO UPDATE SET rev = EXCLUDED.rev, scene_uri = EXCLUDED.scene_uri,"
    " scene_id = EXCLUDED.scene_id, event_uri = EXCLUDED.event_uri, event_id = EXCLUDED.event_id,"
    " text = EXCLUDED.text, attachments = EXCLUDED.attachments, labels = EXCLUDED.labels,"
    " created_at = EXCLUDED.created_at, indexed_at = now(), deleted_at = EXCLUDED.deleted_at";

}  // namespace parts

inline constexpr db::Statement upsert_scenes{
    "indexer_scenes", joined<parts::scenes_from, is_written, parts::scenes_into, may_overwrite,
                             parts::scenes_marks, mark_trust>};
inline constexpr db::Statement upsert_alliances{
    "indexer_alliances", joined<parts::alliances_from, is_written, parts::alliances_into,
                                may_overwrite, parts::alliances_marks, mark_trust>};
inline constexpr db::Statement upsert_memberships{
    "indexer_memberships", joined<parts::memberships_from, is_written, parts::memberships_into,
                                  may_overwrite, parts::memberships_marks, mark_trust>};
inline constexpr db::Statement upsert_events{
    "indexer_events", joined<parts::events_from, is_written, parts::events_into, may_overwrite>};
inline constexpr db::Statement upsert_posts{
    "indexer_posts", joined<parts::posts_from, is_written, parts::posts_into, may_overwrite>};

}  // namespace subcults::indexer::writer_sql
