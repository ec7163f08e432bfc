// SQL texts put together at compile time, and the pieces that several statements share.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace subcults::indexer::writer_sql {

template <const std::string_view&... Parts>
struct JoinedText {
    static constexpr auto characters = [] {
        std::array<char, (Parts.size() + ...)> all{};
        std::size_t at = 0;
        for (const std::string_view part : {Parts...}) {
            for (const char c : part)
                all[at++] = c;
        }
        return all;
    }();
    static constexpr std::string_view text{characters.data(), characters.size()};
};
template <const std::string_view&... Parts>
inline constexpr std::string_view joined = JoinedText<Parts...>::text;

// The end of a statement with a CTE `marks(scene_id)`: those scenes' trust is to be computed anew.
// Answers one row per scene that this transaction had not marked before. The notification is sent
// at commit, once per transaction however often it is asked for. NOTIFY takes a lock that all
// notifying transactions share until they have committed; changes of trust are rare enough for it.
inline constexpr std::string_view mark_trust =
    ", marked AS (INSERT INTO trust_dirty AS t (scene_id, generation, marked_at, marked_by)"
    " SELECT DISTINCT m.scene_id, 1, now(), pg_current_xact_id() FROM marks m"
    " WHERE m.scene_id IS NOT NULL ORDER BY m.scene_id"
    " ON CONFLICT (scene_id) DO UPDATE SET generation = t.generation + 1,"
    " marked_at = EXCLUDED.marked_at, marked_by = EXCLUDED.marked_by"
    " WHERE t.marked_by <> EXCLUDED.marked_by RETURNING t.scene_id)"
    " SELECT m.scene_id, pg_notify('subcults_trust', '')::text FROM marked m";

// Is the event e newer than what account a knows already? In C++: is_newer in project/fold.hpp.
inline constexpr std::string_view account_is_newer =
    "(a.account_us IS NULL OR CASE WHEN e.seq > 0 AND a.account_seq > 0"
    " AND abs(e.time_us - a.account_us) <= 86400000000 THEN e.seq > a.account_seq"
    " ELSE e.time_us > a.account_us END)";
inline constexpr std::string_view handle_is_newer =
    "(a.handle_us IS NULL OR CASE WHEN e.seq > 0 AND a.handle_seq > 0"
    " AND abs(e.time_us - a.handle_us) <= 86400000000 THEN e.seq > a.handle_seq"
    " ELSE e.time_us > a.handle_us END)";

// Which incoming typed rows e are written over the stored ones o: those of a newer revision. A
// retried event may also fill the tombstone that its own revision left when it could not be shown,
// as long as the record itself is still there in just this revision ($1: is it a retry?).
// (A scalar sub-query with LIMIT, because a planner may turn EXISTS into a scan of all records.)
inline constexpr std::string_view is_written =
    " WHERE o.rev IS NULL OR o.rev < e.rev OR ($1::boolean AND o.rev = e.rev AND NOT o.live"
    " AND NOT e.deleted AND (SELECT true FROM records r WHERE r.did = split_part(e.uri, '/', 3)"
    " AND r.collection = split_part(e.uri, '/', 4) AND r.rkey = split_part(e.uri, '/', 5)"
    " AND r.rev = e.rev AND r.deleted_at IS NULL LIMIT 1))";
inline constexpr std::string_view may_overwrite =
    " WHERE t.rev < EXCLUDED.rev"
    " OR ($1::boolean AND t.rev = EXCLUDED.rev AND t.deleted_at IS NOT NULL)";

}  // namespace subcults::indexer::writer_sql
