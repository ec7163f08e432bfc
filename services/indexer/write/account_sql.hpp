// Statements about accounts: who writes here, their handles, their states, and what becomes of
// their content when they are deleted.
//
// Everything is guarded by the relay's numbers, which all servers pass on alike, so that a replayed
// event never undoes a newer one: an old deactivation hides nobody again, an old deletion purges
// nothing that was written since.
#pragma once

#include "db/statement.hpp"
#include "write/sql_text.hpp"

namespace subcults::indexer::writer_sql {

namespace parts {

// Events from before an account's first record here are not taken in (since_us), also when they
// are replayed later: else the state would depend on how often the stream was delivered.
inline constexpr std::string_view handles_from =
    "UPDATE accounts t SET handle = e.handle, handle_seq = nullif(e.seq, 0),"
    " handle_us = e.time_us, updated_at = now() FROM (SELECT e.did, e.handle, e.seq, e.time_us"
    " FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])"
    " AS e(did, handle, seq, time_us) CROSS JOIN LATERAL (SELECT true FROM accounts a"
    " WHERE a.did = e.did AND e.time_us >= a.since_us AND ";
inline constexpr std::string_view handles_into = " LIMIT 1) a) e WHERE t.did = e.did";

inline constexpr std::string_view states_from =
    "WITH incoming AS MATERIALIZED (SELECT e.did, e.active, e.status, e.seq, e.time_us"
    " FROM unnest($1::text[], $2::boolean[], $3::text[], $4::bigint[], $5::bigint[])"
    " AS e(did, active, status, seq, time_us) CROSS JOIN LATERAL (SELECT true FROM accounts a"
    " WHERE a.did = e.did AND e.time_us >= a.since_us AND ";
// A deleted account is not hidden: nothing is left of it, and what comes is of its next life.
inline constexpr std::string_view states_into =
    " LIMIT 1) a), written AS (UPDATE accounts t SET active = i.active, status = i.status,"
    " account_seq = nullif(i.seq, 0), account_us = i.time_us, updated_at = now()"
    " FROM incoming i WHERE t.did = i.did"
    " RETURNING t.did, t.status, NOT t.active AND t.status <> 'deleted' AS hides),"
    " shown AS (DELETE FROM hidden_accounts h USING written w"
    " WHERE h.did = w.did AND NOT w.hides RETURNING h.did),"
    " hidden AS (INSERT INTO hidden_accounts AS h (did, status) SELECT w.did, w.status"
    " FROM written w WHERE w.hides ORDER BY w.did ON CONFLICT (did) DO UPDATE"
    " SET status = EXCLUDED.status WHERE h.status <> EXCLUDED.status RETURNING h.did),"
    " marks AS (SELECT s.id AS scene_id FROM (SELECT did FROM shown UNION ALL"
    " SELECT did FROM hidden) c CROSS JOIN LATERAL (SELECT s.id FROM scenes s"
    " WHERE s.owner_did = c.did AND s.deleted_at IS NULL OFFSET 0) s)";

inline constexpr std::string_view purge_floor_from =
    "UPDATE accounts t SET purged_us = e.time_us, purged_rev = e.rev,"
    " handle = CASE WHEN e.clears THEN NULL ELSE t.handle END,"
    " handle_seq = CASE WHEN e.clears THEN nullif(e.seq, 0) ELSE t.handle_seq END,"
    " handle_us = CASE WHEN e.clears THEN e.time_us ELSE t.handle_us END, updated_at = now()"
    " FROM (SELECT e.did, e.seq, e.time_us, e.rev, a.clears"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[])"
    " AS e(did, seq, time_us, rev) CROSS JOIN LATERAL (SELECT ";
inline constexpr std::string_view purge_floor_where =
    " AS clears FROM accounts a WHERE a.did = e.did AND e.time_us >= a.since_us"
    " AND (a.purged_us IS NULL OR a.purged_us < e.time_us) AND ";
// Also an old deletion counts as long as none was ever taken in: it happened while nobody knew the
// account, whose older records came later. Its stamp must be older as well, for one that a
// restarted server stamps anew would take what was written since.
inline constexpr std::string_view purge_is_news =
    "((a.purged_us IS NULL AND e.time_us < a.account_us) OR ";
inline constexpr std::string_view purge_is_news_end = ")";
inline constexpr std::string_view purge_floor_into = " LIMIT 1) a) e WHERE t.did = e.did";

// The rows of a purged account's table whose record is gone. $1: accounts.
inline constexpr std::string_view purged_rows_of =
    " FROM unnest($1::text[]) AS d(did) CROSS JOIN LATERAL (SELECT * FROM ";
inline constexpr std::string_view purged_rows_by = " q WHERE q.author_did = d.did";
inline constexpr std::string_view purged_rows_by_owner = " q WHERE q.owner_did = d.did";
inline constexpr std::string_view purged_rows_where =
    " AND q.deleted_at IS NULL OFFSET 0) q LEFT JOIN LATERAL (SELECT true AS kept FROM records r"
    " WHERE r.did = d.did AND r.collection = split_part(q.uri, '/', 4)"
    " AND r.rkey = split_part(q.uri, '/', 5) AND r.deleted_at IS NULL LIMIT 1) r ON true"
    " WHERE r.kept IS NULL) q WHERE t.id = q.id";

inline constexpr std::string_view scenes{"scenes"};
inline constexpr std::string_view events{"events"};
inline constexpr std::string_view posts{"posts"};
inline constexpr std::string_view alliances{"alliances"};
inline constexpr std::string_view memberships{"memberships"};

inline constexpr std::string_view empty_scenes =
    "WITH emptied AS (UPDATE scenes t SET name = '', description = NULL, tags = '{}',"
    " visibility = 'public', coarse_geohash = NULL, created_at = NULL, indexed_at = now(),"
    " deleted_at = now() FROM (SELECT q.id";
inline constexpr std::string_view empty_events =
    "UPDATE events t SET scene_uri = NULL, scene_id = NULL, title = '', description = NULL,"
    " kind = NULL, status = NULL, starts_at = NULL, ends_at = NULL, created_at = NULL,"
    " indexed_at = now(), deleted_at = now() FROM (SELECT q.id";
inline constexpr std::string_view empty_posts =
    "UPDATE posts t SET scene_uri = NULL, scene_id = NULL, event_uri = NULL, event_id = NULL,"
    " text = '', attachments = '[]', labels = '[]', created_at = NULL, indexed_at = now(),"
    " deleted_at = now() FROM (SELECT q.id";
inline constexpr std::string_view empty_alliances =
    "WITH emptied AS (UPDATE alliances t SET from_scene_uri = NULL, from_scene_id = NULL,"
    " to_scene_uri = NULL, to_scene_id = NULL, weight = 0, status = '', reason = NULL,"
    " since = NULL, created_at = NULL, indexed_at = now(), deleted_at = now()"
    " FROM (SELECT q.id, CASE WHEN q.authoritative THEN q.from_scene_id END AS was_scene";
inline constexpr std::string_view empty_memberships =
    "WITH emptied AS (UPDATE memberships t SET scene_uri = NULL, scene_id = NULL,"
    " member_did = NULL, role = '', status = '', weight = 0, since = NULL, created_at = NULL,"
    " indexed_at = now(), deleted_at = now()"
    " FROM (SELECT q.id, CASE WHEN q.authoritative THEN q.scene_id END AS was_scene";
inline constexpr std::string_view mark_own =
    " RETURNING t.id), marks AS (SELECT id AS scene_id FROM emptied)";
inline constexpr std::string_view mark_former =
    " RETURNING q.was_scene), marks AS (SELECT was_scene AS scene_id FROM emptied)";

}  // namespace parts

// Comes before everything else about an account: here its first record is on its way. Should older
// ones be delivered later, what was said of the account since then counts as well.
inline constexpr db::Statement know_accounts{
    "indexer_know_accounts",
    "INSERT INTO accounts AS t (did, since_us) SELECT e.did, e.since_us"
    " FROM unnest($1::text[], $2::bigint[]) AS e(did, since_us) LEFT JOIN LATERAL"
    " (SELECT a.since_us FROM accounts a WHERE a.did = e.did LIMIT 1) a ON true"
    " WHERE a.since_us IS NULL OR a.since_us > e.since_us"
    " ON CONFLICT (did) DO UPDATE SET since_us = EXCLUDED.since_us, updated_at = now()"
    " WHERE t.since_us > EXCLUDED.since_us"};

inline constexpr db::Statement update_handles{
    "indexer_handles", joined<parts::handles_from, handle_is_newer, parts::handles_into>};
// Hides, or shows again. The scenes of whoever comes or goes are marked.
inline constexpr db::Statement update_accounts{
    "indexer_accounts",
    joined<parts::states_from, account_is_newer, parts::states_into, mark_trust>};

// Sets how far back an account is deleted, if that is news (purge_is_news). What has this floor
// is purged by the statements below, which may thus run for old ones too: they find nothing.
inline constexpr db::Statement raise_purge_floor{
    "indexer_purge_floor",
    joined<parts::purge_floor_from, handle_is_newer, parts::purge_floor_where, parts::purge_is_news,
           account_is_newer, parts::purge_is_news_end, parts::purge_floor_into>};

// What was written before the deletion. The stamps tell, except within the half minute by which
// servers may disagree: there the revision does, which is the same everywhere and holds the time
// at which it was made. So a later life survives a replay of the deletion, and a record that was
// stamped by a server ahead of the deletion's does not survive the deletion.
inline constexpr db::Statement purge_records{
    "indexer_purge_records",
    "UPDATE records t SET record = NULL, cid = NULL, deleted_at = now()"
    " FROM (SELECT q.did, q.collection, q.rkey FROM unnest($1::text[]) AS d(did)"
    " CROSS JOIN LATERAL (SELECT a.purged_us, a.purged_rev FROM accounts a"
    " WHERE a.did = d.did AND a.purged_us IS NOT NULL LIMIT 1) a"
    " CROSS JOIN LATERAL (SELECT r.did, r.collection, r.rkey FROM records r"
    " WHERE r.did = d.did AND r.deleted_at IS NULL AND (r.time_us <= a.purged_us"
    " OR (r.time_us <= a.purged_us + 30000000 AND r.rev <= a.purged_rev)) OFFSET 0) q) q"
    " WHERE t.did = q.did AND t.collection = q.collection AND t.rkey = q.rkey"};

inline constexpr db::Statement purge_scenes{
    "indexer_purge_scenes",
    joined<parts::empty_scenes, parts::purged_rows_of, parts::scenes, parts::purged_rows_by_owner,
           parts::purged_rows_where, parts::mark_own, mark_trust>};
inline constexpr db::Statement purge_events{
    "indexer_purge_events", joined<parts::empty_events, parts::purged_rows_of, parts::events,
                                   parts::purged_rows_by, parts::purged_rows_where>};
inline constexpr db::Statement purge_posts{
    "indexer_purge_posts", joined<parts::empty_posts, parts::purged_rows_of, parts::posts,
                                  parts::purged_rows_by, parts::purged_rows_where>};
inline constexpr db::Statement purge_alliances{
    "indexer_purge_alliances",
    joined<parts::empty_alliances, parts::purged_rows_of, parts::alliances, parts::purged_rows_by,
           parts::purged_rows_where, parts::mark_former, mark_trust>};
inline constexpr db::Statement purge_memberships{
    "indexer_purge_memberships",
    joined<parts::empty_memberships, parts::purged_rows_of, parts::memberships,
           parts::purged_rows_by, parts::purged_rows_where, parts::mark_former, mark_trust>};
// Also of accounts that have nothing but quarantined frames here.
inline constexpr db::Statement purge_quarantine{
    "indexer_purge_quarantine",
    "DELETE FROM quarantined_events t USING (SELECT q.fingerprint"
    " FROM unnest($1::text[], $2::bigint[]) AS e(did, time_us) LEFT JOIN LATERAL"
    " (SELECT a.purged_us FROM accounts a WHERE a.did = e.did LIMIT 1) a ON true"
    " CROSS JOIN LATERAL (SELECT q.fingerprint FROM quarantined_events q WHERE q.did = e.did"
    " AND coalesce(q.time_us, 0) <= coalesce(a.purged_us, e.time_us) OFFSET 0) q) q"
    " WHERE t.fingerprint = q.fingerprint"};

}  // namespace subcults::indexer::writer_sql
