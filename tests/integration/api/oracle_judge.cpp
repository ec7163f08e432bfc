#include "integration/api/oracle_judge.hpp"

#include <sstream>
#include <utility>

namespace subcults::test {

namespace {

// Everything that must hold within a stream, in one statement and so in one snapshot. A line for
// each thing that does not.
//
// A join's entry in the chain carries the time that goes into its participant's row and stay, and
// times of one chain are distinct: they match one to one.
constexpr const char* contradictions = R"sql(
WITH chain AS (
    SELECT entity_id AS id, seq, action, actor, request_id, created_at, hash,
           outcome = 'success' AS done
    FROM audit_logs WHERE entity_type = 'stream_session'
), totals AS (
    SELECT id, count(*) AS entries, max(seq) AS last,
           count(*) FILTER (WHERE done AND action = 'joined') AS joins,
           count(*) FILTER (WHERE done AND action = 'left') AS leaves,
           count(*) FILTER (WHERE done AND action IN ('joined', 'left')
                            AND request_id LIKE 'keyed-%') AS keyed
    FROM chain GROUP BY id
), visits AS (
    SELECT id, actor, min(created_at) FILTER (WHERE action = 'joined') AS first_join,
           max(created_at) FILTER (WHERE action = 'joined') AS last_join,
           max(created_at) FILTER (WHERE action = 'left') AS last_leave
    FROM chain WHERE done AND action IN ('joined', 'left') GROUP BY id, actor
), people AS (
    SELECT p.*, joined_at IS NOT NULL AND left_at IS NULL AS present FROM stream_participants p
), wrong AS (
    SELECT 'the chain of ' || s.id || ' has gaps, or its head is elsewhere' AS what
    FROM stream_sessions s LEFT JOIN totals t USING (id)
    WHERE t.entries IS DISTINCT FROM s.head_seq OR t.last IS DISTINCT FROM s.head_seq
       OR (SELECT hash FROM chain c WHERE c.id = s.id AND c.seq = s.head_seq)
          IS DISTINCT FROM s.head_hash
  UNION ALL
    SELECT 'joins of ' || s.id || ': counted ' || s.join_count || ', audited ' || t.joins
    FROM stream_sessions s JOIN totals t USING (id) WHERE s.join_count <> t.joins
  UNION ALL
    SELECT 'leaves of ' || s.id || ': counted ' || s.leave_count || ', audited ' || t.leaves
    FROM stream_sessions s JOIN totals t USING (id) WHERE s.leave_count <> t.leaves
  UNION ALL
    SELECT 'keys of ' || id || ': kept ' || kept || ', audited ' || keyed FROM (
        SELECT t.id, t.keyed, (SELECT count(*) FROM idempotency_keys k
                               WHERE k.stream_session_id = t.id) AS kept FROM totals t) k
    WHERE kept <> keyed
  UNION ALL
    SELECT 'present in ' || id || ': counted ' || active_count || ', found ' || found FROM (
        SELECT s.id, s.active_count, (SELECT count(*) FROM people p
            WHERE p.stream_session_id = s.id AND p.present) AS found FROM stream_sessions s) p
    WHERE found <> active_count
  UNION ALL
    SELECT 'a join in ' || id || ' has no participant' FROM (
        SELECT id, first_join, last_join FROM visits WHERE first_join IS NOT NULL
        EXCEPT ALL
        SELECT stream_session_id, first_joined_at, joined_at FROM people) v
  UNION ALL
    SELECT 'a participant of ' || stream_session_id || ' never joined' FROM (
        SELECT stream_session_id, first_joined_at, joined_at FROM people
        WHERE joined_at IS NOT NULL
        EXCEPT ALL
        SELECT id, first_join, last_join FROM visits WHERE first_join IS NOT NULL) v
  UNION ALL
    SELECT 'presence in ' || p.stream_session_id || ' is not what the last visit says'
    FROM people p JOIN visits v ON v.id = p.stream_session_id AND v.last_join = p.joined_at
    WHERE p.present <> (v.last_leave IS NULL OR v.last_leave < v.last_join)
  UNION ALL
    SELECT 'somebody was given a token for ' || id || ' and is no participant' FROM (
        SELECT id, count(DISTINCT actor) AS audited, (SELECT count(*) FROM people p
            WHERE p.stream_session_id = id) AS found
        FROM chain WHERE done AND action IN ('joined', 'token_issued') GROUP BY id) t
    WHERE found <> audited
  UNION ALL
    SELECT 'a stay in ' || st.stream_session_id || ' belongs to no join'
    FROM stream_participations st LEFT JOIN chain c
      ON c.id = st.stream_session_id AND c.seq = st.stay::bigint AND c.done
         AND c.action = 'joined' AND c.created_at = st.joined_at
    WHERE c.id IS NULL
  UNION ALL
    SELECT 'open stays in ' || id || ': ' || open || ', present ' || active_count FROM (
        SELECT s.id, s.active_count, (SELECT count(*) FROM stream_participations st
            JOIN people p USING (stream_session_id, participant_id)
            WHERE st.stream_session_id = s.id AND st.left_at IS NULL AND p.stay = st.stay
              AND p.present) AS open FROM stream_sessions s) o
    WHERE open <> active_count
  UNION ALL
    SELECT 'a stay in ' || stream_session_id || ' stayed open' FROM stream_participations st
    WHERE left_at IS NULL AND NOT EXISTS (SELECT 1 FROM people p
        WHERE p.stream_session_id = st.stream_session_id
          AND p.participant_id = st.participant_id AND p.present AND p.stay = st.stay)
)
SELECT coalesce(string_agg(what, E'\n'), '') FROM (SELECT DISTINCT what FROM wrong LIMIT 20) w
)sql";

std::string describe(const OracleOperation& operation) {
    std::string text = audited_as(operation.action);
    text += operation.key.empty() ? " without a key:" : " with a key:";
    for (const OracleAttempt& attempt : operation.attempts) {
        text += " " + attempt.request_id + "=" + std::to_string(attempt.status);
        if (!attempt.code.empty()) text += "/" + attempt.code;
        if (attempt.count != 0) text += "/" + std::to_string(attempt.count);
    }
    return text;
}

}  // namespace

OracleJudge::OracleJudge(const TestDatabase& database, std::vector<std::string> streams)
    : database_(database), streams_(std::move(streams)), chains_(streams_.size()) {}

void OracleJudge::complain(std::string what) {
    complaints_.push_back(std::move(what));
}

const OracleJudge::Entry* OracleJudge::find(const std::string& request_id) const {
    const auto found = entries_.find(request_id);
    return found == entries_.end() ? nullptr : &found->second;
}

void OracleJudge::read_entry(std::size_t stream, const std::string& line) {
    std::istringstream fields(line);
    std::int64_t seq = 0;
    std::string outcome;
    std::string request_id;
    Entry entry;
    entry.stream = stream;
    fields >> seq >> entry.action >> outcome >> request_id;
    Chain& chain = chains_[stream];
    if (seq != chain.last_seq + 1) {
        complain("entries between " + std::to_string(chain.last_seq) + " and " +
                 std::to_string(seq) + " are missing");
    }
    chain.last_seq = seq;
    entry.success = outcome == "success";
    if (entry.success) entry.rank = ++chain.successes[entry.action];
    if (refused_.contains(request_id)) complain("done although refused: " + request_id);
    if (!entries_.emplace(request_id, std::move(entry)).second) {
        complain("audited twice: " + request_id);
    }
}

// What the chains have gained. Entries are never inserted before others: the lock on the session
// and the key of the table see to that, and `contradictions` would notice.
void OracleJudge::read_chains() {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
        const std::string lines = database_.execute(
            "SELECT coalesce(string_agg(seq || ' ' || action || ' ' || outcome || ' ' ||"
            " request_id, E'\\n' ORDER BY seq), '') FROM audit_logs WHERE entity_id = '" +
            streams_[i] + "' AND seq > " + std::to_string(chains_[i].last_seq));
        std::istringstream text(lines);
        for (std::string line; std::getline(text, line);)
            read_entry(i, line);
    }
}

void OracleJudge::judge_answers(const OracleOperation& operation, const Entry* effect) {
    bool first = true;
    std::int64_t count = 0;
    for (const OracleAttempt& attempt : operation.attempts) {
        if (attempt.status != 200) continue;
        if (effect == nullptr) {
            complain("acknowledged and lost: " + describe(operation));
            return;
        }
        if (!first && attempt.count != count) {
            complain("a retry got another answer: " + describe(operation));
        }
        first = false;
        count = attempt.count;
        ++confirmed_;
        if (operation.action == OracleAction::token) {
            token_holders_.emplace(streams_[operation.stream], attempt.participant_id);
        } else if (count != effect->rank) {
            complain("the count should be " + std::to_string(effect->rank) + ": " +
                     describe(operation));
        }
    }
}

void OracleJudge::judge(const OracleOperation& operation) {
    const bool locked_out =
        operation.stream + 1 == streams_.size() && operation.action != OracleAction::leave;
    const Entry* effect = nullptr;
    bool answered = false;
    for (const OracleAttempt& attempt : operation.attempts) {
        const Entry* entry = find(attempt.request_id);
        if (entry != nullptr &&
            (entry->stream != operation.stream || entry->action != audited_as(operation.action))) {
            complain("audited as something else: " + describe(operation));
        }
        if (entry != nullptr && entry->success) {
            if (effect != nullptr) complain("done twice: " + describe(operation));
            effect = entry;
        }
        const bool refused = attempt.status == 503 && attempt.code != "outcome_unknown";
        if (refused) {
            refused_.insert(attempt.request_id);
            if (entry != nullptr) complain("done although refused: " + describe(operation));
        }
        const bool either =
            attempt.status == 0 || (attempt.status == 503 && attempt.code == "outcome_unknown");
        if (either) ++(entry != nullptr ? silent_and_done_ : silent_and_not_done_);
        const bool right = attempt.status == (locked_out ? 403U : 200U);
        if (!either && !refused && !right) complain("unexpected: " + describe(operation));
        answered = answered || right;
    }
    if (locked_out && effect != nullptr) complain("got past the lock: " + describe(operation));
    if (!locked_out) judge_answers(operation, effect);
    if (!answered && !operation.key.empty()) undecided_.push_back(operation);
}

void OracleJudge::judge_token_holders() {
    std::string values;
    for (const auto& [stream, participant] : token_holders_) {
        if (!values.empty()) values += ",";
        values += "('" + stream + "'::uuid,'" + participant + "')";
    }
    if (values.empty()) return;
    token_holders_.clear();
    const std::string missing = database_.execute(
        "SELECT coalesce(string_agg(v.participant, ' '), '') FROM (VALUES " + values +
        ") AS v(session, participant) WHERE NOT EXISTS (SELECT 1 FROM stream_participants p"
        " WHERE p.stream_session_id = v.session AND p.participant_id = v.participant"
        " AND p.token_issued_at IS NOT NULL)");
    if (!missing.empty()) complain("tokens were given to nobody: " + missing);
}

void OracleJudge::judge_state() {
    std::istringstream text(database_.execute(contradictions));
    for (std::string line; std::getline(text, line);)
        complain(line);
}

std::vector<std::string> OracleJudge::examine(const std::vector<OracleOperation>& finished) {
    read_chains();
    for (const OracleOperation& operation : finished)
        judge(operation);
    judge_token_holders();
    judge_state();
    return std::exchange(complaints_, {});
}

std::vector<std::string> OracleJudge::examine_the_undecided() {
    read_chains();
    for (const OracleOperation& operation : undecided_) {
        int effects = 0;
        for (const OracleAttempt& attempt : operation.attempts) {
            const Entry* entry = find(attempt.request_id);
            effects += entry != nullptr && entry->success ? 1 : 0;
        }
        if (effects > 1) complain("done twice: " + describe(operation));
    }
    return std::exchange(complaints_, {});
}

}  // namespace subcults::test
