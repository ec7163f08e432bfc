// The statements of the reports. The roll-up of a period is one statement, and the only place where
// it stands what a report counts.
#pragma once

#include "db/statement.hpp"

namespace subcults::api::reports::report_sql {

// $1 = everything within the horizon, however recently it was computed. $2 = how many, newest
// first.
//
// A period is due two minutes after its end (what was under way then has committed, and what was
// measured has been collected); then again whenever, counted from its end, twice the time has
// passed, and at least a quarter of its length; for the last time when three days have passed.
// What has been computed once stays in the calendar: its sessions may be gone since.
inline constexpr db::Statement due{
    "report_due",
    "WITH began AS (SELECT least("
    "  (SELECT min(started_at) FROM stream_sessions WHERE ended_at IS NULL),"
    "  (SELECT min(started_at) FROM stream_sessions WHERE ended_at IS NOT NULL),"
    "  (SELECT min(starts_at) FROM stream_report_periods WHERE period = 'hour'),"
    "  (SELECT min(starts_at) FROM stream_report_periods WHERE period = 'day')) AS at),"
    " calendar AS (SELECT k.period, k.width, g.starts, g.starts + k.width AS ends"
    "  FROM began b CROSS JOIN (VALUES ('hour', interval '1 hour'), ('day', interval '24 hours'))"
    "   AS k(period, width)"
    "  CROSS JOIN LATERAL generate_series(date_trunc(k.period, b.at, 'UTC'),"
    "   now() - interval '2 minutes' - k.width, k.width) AS g(starts))"
    " SELECT c.period, c.starts, c.ends FROM calendar c"
    " LEFT JOIN stream_report_periods r ON r.period = c.period AND r.starts_at = c.starts"
    " WHERE r.rolled_at IS NULL"
    "  OR ($1::boolean AND c.ends > now() - interval '72 hours')"
    "  OR (r.rolled_at - c.ends < interval '72 hours' AND now() - c.ends >="
    "   greatest(2 * (r.rolled_at - c.ends), r.rolled_at - c.ends + c.width / 4))"
    " ORDER BY c.ends DESC, c.width LIMIT $2::bigint"};

// Computes the period $1 from $2 to $3, stores what differs, and takes back the reports of scenes
// that were not live in it after all; affects as many rows as it has scenes whose reports changed,
// plus none for the rest and for those taken back.
//
// Measurements of quality are dropped after some days: a later computation that finds fewer of
// them keeps what was found before. The nil uuid stands for all scenes.
inline constexpr db::Statement roll{
    "report_roll",
    "WITH live AS MATERIALIZED ("
    "  SELECT id, head_seq, head_at, hosting_scene_id AS scene, started_at,"
    "    NULL::timestamptz AS ended_at"
    "   FROM stream_sessions WHERE ended_at IS NULL AND started_at < $3::timestamptz"
    "  UNION ALL"
    "  SELECT id, head_seq, head_at, hosting_scene_id, started_at, ended_at"
    "   FROM stream_sessions WHERE ended_at >= $2::timestamptz AND started_at < $3::timestamptz"
    "    AND (ended_at > $2::timestamptz OR started_at >= $2::timestamptz)),"
    // What each participant was there, clipped to period and session, merged where it overlaps.
    " stays AS (SELECT l.id, p.participant_id, p.joined_at, least(coalesce(p.left_at, l.ended_at,"
    "   'infinity'), coalesce(l.ended_at, 'infinity')) AS until"
    "  FROM live l JOIN stream_participations p ON p.stream_session_id = l.id"
    "  WHERE p.joined_at < $3::timestamptz AND p.joined_at <= coalesce(l.ended_at, 'infinity')),"
    " heard AS (SELECT s.id, s.participant_id, range_agg(tstzrange("
    "   greatest(s.joined_at, $2::timestamptz), greatest(s.joined_at, $2::timestamptz,"
    "   least(s.until, $3::timestamptz)), '[)')) AS times"
    "  FROM stays s WHERE s.until > $2::timestamptz OR s.joined_at >= $2::timestamptz"
    "  GROUP BY s.id, s.participant_id),"
    " people AS (SELECT h.id, count(*) AS everyone, sum((SELECT"
    "   coalesce(sum((extract(epoch FROM upper(x) - lower(x)) * 1000000)::bigint), 0)"
    "   FROM unnest(h.times) AS u(x))) AS listened FROM heard h GROUP BY h.id),"
    // The entries of the period by their numbers in the chain, which says when each was. Hardly any
    // session crosses an edge, so few of them have to be searched.
    " pages AS MATERIALIZED (SELECT l.id, CASE WHEN l.started_at >= $2::timestamptz THEN 0"
    "   ELSE audit_entries_before(l.id, l.head_seq, $2::timestamptz) END AS before,"
    "  CASE WHEN l.head_at < $3::timestamptz THEN l.head_seq"
    "   ELSE audit_entries_before(l.id, l.head_seq, $3::timestamptz) END AS last FROM live l),"
    " acts AS (SELECT g.id, a.joins, a.leaves FROM pages g CROSS JOIN LATERAL"
    "  (SELECT count(*) FILTER (WHERE a.action = 'joined') AS joins,"
    "    count(*) FILTER (WHERE a.action = 'left') AS leaves FROM audit_logs a"
    "    WHERE a.entity_id = g.id AND a.seq > g.before AND a.seq <= g.last"
    "     AND a.outcome = 'success') a),"
    " facts AS MATERIALIZED (SELECT l.scene, (l.started_at >= $2::timestamptz)::int AS started,"
    "   coalesce(a.joins, 0) AS joins, coalesce(a.leaves, 0) AS leaves,"
    "   coalesce(p.everyone, 0) AS everyone, coalesce(p.listened, 0) AS listened"
    "  FROM live l LEFT JOIN people p ON p.id = l.id LEFT JOIN acts a ON a.id = l.id),"
    // No scene beside GROUPING 0 = sessions of no scene that is known.
    " counts AS (SELECT GROUPING(f.scene) AS whole, f.scene, count(*) AS sessions,"
    "   sum(f.started) AS started, sum(f.joins) AS joins, sum(f.leaves) AS leaves,"
    "   sum(f.everyone) AS everyone, max(f.everyone) AS at_least, sum(f.listened) AS listened"
    "  FROM facts f GROUP BY GROUPING SETS ((f.scene), ())),"
    " quality AS (SELECT GROUPING(l.scene) AS whole, l.scene, count(*) AS samples,"
    "   percentile_cont(ARRAY[0.5, 0.05]) WITHIN GROUP (ORDER BY q.bitrate_kbps)"
    "    FILTER (WHERE NOT q.muted) AS bitrate,"
    "   percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY q.jitter_ms) AS jitter,"
    "   percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY q.packet_loss_percent) AS loss,"
    "   percentile_cont(ARRAY[0.5]) WITHIN GROUP (ORDER BY q.audio_level)"
    "    FILTER (WHERE NOT q.muted) AS level,"
    "   percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY q.rtt_ms) AS rtt,"
    "   percentile_cont(ARRAY[0.5, 0.05]) WITHIN GROUP (ORDER BY q.mos) AS mos"
    "  FROM live l JOIN stream_quality_metrics q ON q.stream_session_id = l.id"
    "   AND q.measured_at >= $2::timestamptz AND q.measured_at < $3::timestamptz"
    "  GROUP BY GROUPING SETS ((l.scene), ())),"
    // Equality, because IS NOT DISTINCT FROM compares every scene with every other.
    " fresh AS (SELECT coalesce(c.scene, '00000000-0000-0000-0000-000000000000') AS scene_id,"
    "   c.sessions, c.started, c.joins, c.leaves, c.everyone, c.at_least, c.listened,"
    "   coalesce(q.samples, 0) AS samples, q.bitrate, q.jitter, q.loss, q.level, q.rtt, q.mos"
    "  FROM counts c LEFT JOIN quality q ON q.whole = c.whole"
    "   AND coalesce(q.scene, '00000000-0000-0000-0000-000000000000')"
    "    = coalesce(c.scene, '00000000-0000-0000-0000-000000000000')"
    "  WHERE (c.whole = 1 OR c.scene IS NOT NULL) AND c.sessions > 0),"
    " kept AS (SELECT f.scene_id, coalesce(o.quality_samples > f.samples, false) AS lost, o.*"
    "  FROM fresh f LEFT JOIN LATERAL (SELECT quality_samples, bitrate_kbps_p50,"
    "   bitrate_kbps_p05, jitter_ms_p50, jitter_ms_p95, packet_loss_percent_p50,"
    "   packet_loss_percent_p95, audio_level_p50, rtt_ms_p50, rtt_ms_p95, mos_p50, mos_p05"
    "   FROM stream_reports t WHERE t.scene_id = f.scene_id AND t.period = $1::text"
    "    AND t.starts_at = $2::timestamptz) o ON true),"
    " gone AS (DELETE FROM stream_reports t WHERE t.period = $1::text"
    "   AND t.starts_at = $2::timestamptz"
    "   AND NOT EXISTS (SELECT 1 FROM fresh f WHERE f.scene_id = t.scene_id)),"
    " mark AS (INSERT INTO stream_report_periods AS m (period, starts_at, rolled_at)"
    "  VALUES ($1::text, $2::timestamptz, now()) ON CONFLICT (period, starts_at)"
    "  DO UPDATE SET rolled_at = EXCLUDED.rolled_at, rolls = m.rolls + 1)"
    " INSERT INTO stream_reports AS t (scene_id, period, starts_at, sessions, sessions_started,"
    "  joins, leaves, unique_participants, unique_participants_at_least, listening_us,"
    "  quality_samples, bitrate_kbps_p50, bitrate_kbps_p05, jitter_ms_p50, jitter_ms_p95,"
    "  packet_loss_percent_p50, packet_loss_percent_p95, audio_level_p50, rtt_ms_p50, rtt_ms_p95,"
    "  mos_p50, mos_p05, computed_at)"
    " SELECT f.scene_id, $1::text, $2::timestamptz, f.sessions, f.started, f.joins, f.leaves,"
    "  f.everyone, f.at_least, f.listened,"
    "  CASE WHEN k.lost THEN k.quality_samples ELSE f.samples END,"
    "  CASE WHEN k.lost THEN k.bitrate_kbps_p50 ELSE f.bitrate[1] END,"
    "  CASE WHEN k.lost THEN k.bitrate_kbps_p05 ELSE f.bitrate[2] END,"
    "  CASE WHEN k.lost THEN k.jitter_ms_p50 ELSE f.jitter[1] END,"
    "  CASE WHEN k.lost THEN k.jitter_ms_p95 ELSE f.jitter[2] END,"
    "  CASE WHEN k.lost THEN k.packet_loss_percent_p50 ELSE f.loss[1] END,"
    "  CASE WHEN k.lost THEN k.packet_loss_percent_p95 ELSE f.loss[2] END,"
    "  CASE WHEN k.lost THEN k.audio_level_p50 ELSE f.level[1] END,"
    "  CASE WHEN k.lost THEN k.rtt_ms_p50 ELSE f.rtt[1] END,"
    "  CASE WHEN k.lost THEN k.rtt_ms_p95 ELSE f.rtt[2] END,"
    "  CASE WHEN k.lost THEN k.mos_p50 ELSE f.mos[1] END,"
    "  CASE WHEN k.lost THEN k.mos_p05 ELSE f.mos[2] END, now()"
    " FROM fresh f JOIN kept k ON k.scene_id = f.scene_id"
    " ON CONFLICT (scene_id, period, starts_at) DO UPDATE SET sessions = EXCLUDED.sessions,"
    "  sessions_started = EXCLUDED.sessions_started, joins = EXCLUDED.joins,"
    "  leaves = EXCLUDED.leaves, unique_participants = EXCLUDED.unique_participants,"
    "  unique_participants_at_least = EXCLUDED.unique_participants_at_least,"
    "  listening_us = EXCLUDED.listening_us, quality_samples = EXCLUDED.quality_samples,"
    "  bitrate_kbps_p50 = EXCLUDED.bitrate_kbps_p50, bitrate_kbps_p05 = EXCLUDED.bitrate_kbps_p05,"
    "  jitter_ms_p50 = EXCLUDED.jitter_ms_p50, jitter_ms_p95 = EXCLUDED.jitter_ms_p95,"
    "  packet_loss_percent_p50 = EXCLUDED.packet_loss_percent_p50,"
    "  packet_loss_percent_p95 = EXCLUDED.packet_loss_percent_p95,"
    "  audio_level_p50 = EXCLUDED.audio_level_p50, rtt_ms_p50 = EXCLUDED.rtt_ms_p50,"
    "  rtt_ms_p95 = EXCLUDED.rtt_ms_p95, mos_p50 = EXCLUDED.mos_p50, mos_p05 = EXCLUDED.mos_p05,"
    "  computed_at = EXCLUDED.computed_at, revision = t.revision + 1"
    " WHERE (t.sessions, t.sessions_started, t.joins, t.leaves, t.unique_participants,"
    "  t.unique_participants_at_least, t.listening_us, t.quality_samples, t.bitrate_kbps_p50,"
    "  t.bitrate_kbps_p05, t.jitter_ms_p50, t.jitter_ms_p95, t.packet_loss_percent_p50,"
    "  t.packet_loss_percent_p95, t.audio_level_p50, t.rtt_ms_p50, t.rtt_ms_p95, t.mos_p50,"
    "  t.mos_p05) IS DISTINCT FROM (EXCLUDED.sessions, EXCLUDED.sessions_started, EXCLUDED.joins,"
    "  EXCLUDED.leaves, EXCLUDED.unique_participants, EXCLUDED.unique_participants_at_least,"
    "  EXCLUDED.listening_us, EXCLUDED.quality_samples, EXCLUDED.bitrate_kbps_p50,"
    "  EXCLUDED.bitrate_kbps_p05, EXCLUDED.jitter_ms_p50, EXCLUDED.jitter_ms_p95,"
    "  EXCLUDED.packet_loss_percent_p50, EXCLUDED.packet_loss_percent_p95,"
    "  EXCLUDED.audio_level_p50, EXCLUDED.rtt_ms_p50, EXCLUDED.rtt_ms_p95, EXCLUDED.mos_p50,"
    "  EXCLUDED.mos_p05)"};

// The last column: nothing that comes later will be looked at.
inline constexpr db::Statement list{
    "report_list",
    "SELECT t.starts_at, t.sessions, t.sessions_started, t.joins, t.leaves,"
    " t.unique_participants, t.unique_participants_at_least, t.listening_us, t.quality_samples,"
    " t.bitrate_kbps_p50, t.bitrate_kbps_p05, t.jitter_ms_p50, t.jitter_ms_p95,"
    " t.packet_loss_percent_p50, t.packet_loss_percent_p95, t.audio_level_p50, t.rtt_ms_p50,"
    " t.rtt_ms_p95, t.mos_p50, t.mos_p05, t.computed_at, t.revision,"
    " coalesce(r.rolled_at - t.starts_at - CASE t.period WHEN 'day' THEN interval '24 hours'"
    "  ELSE interval '1 hour' END >= interval '72 hours', false)"
    " FROM stream_reports t LEFT JOIN stream_report_periods r ON r.period = t.period"
    "  AND r.starts_at = t.starts_at"
    " WHERE t.scene_id = $1::uuid AND t.period = $2::text AND t.starts_at >= $3::timestamptz"
    "  AND t.starts_at < $4::timestamptz ORDER BY t.starts_at"};

inline constexpr db::Statement newest{
    "report_newest", "SELECT max(starts_at) FROM stream_report_periods WHERE period = $1::text"};

}  // namespace subcults::api::reports::report_sql
