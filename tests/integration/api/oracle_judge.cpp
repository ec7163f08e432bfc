#include "integration/api/oracle_judge.hpp"

#include "integration/api/running_api.hpp"

#include <algorithm>
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
    LEFT JOIN chain c ON c.id = s.id AND c.seq = s.head_seq
    WHERE t.entries IS DISTINCT FROM s.head_seq OR t.last IS DISTINCT FROM s.head_seq
       OR c.hash IS DISTINCT FROM s.head_hash
  UNION ALL
    SELECT 'there is a chain and no stream: ' || t.id
    FROM totals t LEFT JOIN stream_sessions s USING (id) WHERE s.id IS NULL
  UNION ALL
    SELECT 'the chain of ' || s.id || ' does not tell of its beginning'
    FROM stream_sessions s LEFT JOIN chain c ON c.id = s.id AND c.seq = 1
    WHERE c.action IS DISTINCT FROM 'created' OR NOT c.done
  UNION ALL
    SELECT 'row and chain of ' || s.id || ' differ about its lock or its end'
    FROM stream_sessions s LEFT JOIN (
        SELECT id, bool_or(action = 'locked') AS locked,
               max(created_at) FILTER (WHERE action = 'ended') AS ended
        FROM chain WHERE done GROUP BY id) t USING (id)
    WHERE s.is_locked IS DISTINCT FROM t.locked OR s.ended_at IS DISTINCT FROM t.ended
  UNION ALL
    SELECT 'the scene of ' || s.id || ' is held though it has ended, or not held'
    FROM stream_sessions s LEFT JOIN active_streams a
      ON a.session_id = s.id AND a.subject_id = s.scene_id
    WHERE (s.ended_at IS NULL) <> (a.session_id IS NOT NULL)
  UNION ALL
    SELECT 'a scene is held by no stream: ' || a.subject_id
    FROM active_streams a LEFT JOIN stream_sessions s
      ON s.id = a.session_id AND s.scene_id = a.subject_id WHERE s.id IS NULL
  UNION ALL
    SELECT 'stream and room do not belong together: ' || coalesce(s.room_name, r.room_name)
    FROM stream_sessions s FULL JOIN stream_rooms r
      ON r.session_id = s.id AND r.room_name = s.room_name
    WHERE s.id IS NULL OR r.session_id IS NULL
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
    SELECT 'present in ' || s.id || ': counted ' || active_count || ', found ' || found
    FROM stream_sessions s LEFT JOIN (SELECT stream_session_id AS id, count(*) AS found
        FROM people WHERE present GROUP BY stream_session_id) p USING (id)
    WHERE coalesce(found, 0) <> active_count
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
    SELECT 'open stays in ' || s.id || ': ' || coalesce(open, 0) || ', present ' || active_count
    FROM stream_sessions s LEFT JOIN (
        SELECT stream_session_id AS id, count(*) AS open FROM stream_participations st
        JOIN people p USING (stream_session_id, participant_id)
        WHERE st.left_at IS NULL AND p.stay = st.stay AND p.present
        GROUP BY stream_session_id) o USING (id)
    WHERE coalesce(open, 0) <> active_count
  UNION ALL
    SELECT 'a stay in ' || stream_session_id || ' stayed open' FROM stream_participations st
    WHERE left_at IS NULL AND NOT EXISTS (SELECT 1 FROM people p
        WHERE p.stream_session_id = st.stream_session_id
          AND p.participant_id = st.participant_id AND p.present AND p.stay = st.stay)
)
SELECT coalesce(string_agg(what, E'\n'), '') FROM (SELECT DISTINCT what FROM wrong LIMIT 20) w
)sql";

// An entry per line, for read_stored(): blanks between the columns, '-' for NULL.
constexpr const char* entry_lines =
    "SELECT coalesce(string_agg(concat_ws(' ', entity_id, a.seq, version, action, outcome,"
    " coalesce(encode(actor, 'hex'), '-'), coalesce(encode(nonce, 'hex'), '-'),"
    " encode(commitment, 'hex'), coalesce(encode(target, 'hex'), '-'),"
    " coalesce(encode(target_nonce, 'hex'), '-'), coalesce(encode(target_commitment, 'hex'), '-'),"
    " request_id, (extract(epoch FROM created_at) * 1000000)::bigint, kid, encode(hash, 'hex')),"
    " E'\\n' ORDER BY entity_id, a.seq), '')";

std::optional<std::string> bytes_of(const std::string& hex) {
    if (hex == "-") return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

api::StoredEntry read_stored(const std::string& session, std::istream& fields) {
    api::StoredEntry entry;
    const auto bytes = [&fields] {
        std::string hex;
        fields >> hex;
        return bytes_of(hex);
    };
    entry.entity_id = Uuid::parse(session).value();
    entry.entity_type = "stream_session";
    fields >> entry.seq >> entry.version >> entry.action >> entry.outcome;
    entry.actor = bytes();
    entry.nonce = bytes();
    entry.commitment = bytes().value_or("");
    entry.target = bytes();
    entry.target_nonce = bytes();
    entry.target_commitment = bytes();
    fields >> entry.request_id >> entry.created_at.value >> entry.kid;
    entry.hash = bytes().value_or("");
    return entry;
}

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
    : database_(database),
      streams_(std::move(streams)),
      keys_({Secret(RunningApi::environment("").at("PRIVACY_HMAC_KEY"))}) {}

void OracleJudge::complain(std::string what) {
    complaints_.push_back(std::move(what));
}

const OracleJudge::Entry* OracleJudge::find(const std::string& request_id) const {
    const auto found = entries_.find(request_id);
    return found == entries_.end() ? nullptr : &found->second;
}

void OracleJudge::verify(Chain& chain, const api::StoredEntry& stored) {
    chain.verifier.add(stored);
    const auto& findings = chain.verifier.findings();
    for (; chain.findings < findings.size(); ++chain.findings) {
        const api::AuditFinding& finding = findings[chain.findings];
        complain("the chain of " + finding.entity.to_string() + " at " +
                 std::to_string(finding.seq) + ": " + finding.what);
    }
}

void OracleJudge::read_entry(const std::string& line) {
    std::istringstream fields(line);
    Entry entry;
    fields >> entry.session;
    const api::StoredEntry stored = read_stored(entry.session, fields);
    const auto at = std::find(streams_.begin(), streams_.end(), entry.session);
    if (at != streams_.end()) entry.stream = static_cast<std::size_t>(at - streams_.begin());
    entry.action = stored.action;
    entry.success = stored.outcome == "success";

    Chain& chain = chains_.try_emplace(entry.session, keys_, stored.entity_id).first->second;
    if (stored.seq != chain.last_seq + 1) {
        complain("entries between " + std::to_string(chain.last_seq) + " and " +
                 std::to_string(stored.seq) + " are missing");
    }
    chain.last_seq = stored.seq;
    verify(chain, stored);
    if (entry.success) entry.rank = ++chain.successes[entry.action];
    if (refused_.contains(stored.request_id)) {
        complain("done although refused: " + stored.request_id);
    }
    if (!entries_.emplace(stored.request_id, std::move(entry)).second) {
        complain("audited twice: " + stored.request_id);
    }
}

// What the chains have gained. Entries are never inserted before others: the lock on the session
// and the key of the table see to that, and `contradictions` would notice.
void OracleJudge::read_chains() {
    std::string known = "(NULL::uuid, 0::bigint)";
    for (const auto& [session, chain] : chains_)
        known.append(",('").append(session).append("',").append(std::to_string(chain.last_seq) +
                                                                ')');
    std::string query(entry_lines);
    query.append(" FROM audit_logs a LEFT JOIN (VALUES ").append(known);
    query.append(
        ") AS k(id, seq) ON k.id = a.entity_id"
        " WHERE a.entity_type = 'stream_session' AND a.seq > coalesce(k.seq, 0)");
    std::istringstream text(database_.execute(query));
    for (std::string line; std::getline(text, line);)
        read_entry(line);
}

void OracleJudge::judge_answers(const OracleOperation& operation, const Entry* effect) {
    bool first = true;
    std::int64_t count = 0;
    for (const OracleAttempt& attempt : operation.attempts) {
        if (!attempt.succeeded()) continue;
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
        const bool counted =
            operation.action == OracleAction::join || operation.action == OracleAction::leave;
        if (operation.action == OracleAction::token) {
            token_holders_.emplace(streams_[operation.stream], attempt.participant_id);
        } else if (operation.action == OracleAction::create && attempt.session != effect->session) {
            complain("another stream than the one that was begun: " + describe(operation));
        } else if (counted && count != effect->rank) {
            complain("the count should be " + std::to_string(effect->rank) + ": " +
                     describe(operation));
        }
    }
}

void OracleJudge::judge(const OracleOperation& operation) {
    const bool locked_out = !operation.of_host() && operation.stream + 1 == streams_.size() &&
                            operation.action != OracleAction::leave;
    const unsigned success = operation.action == OracleAction::create ? 201 : 200;
    const Entry* effect = nullptr;
    bool answered = false;
    for (const OracleAttempt& attempt : operation.attempts) {
        const Entry* entry = find(attempt.request_id);
        if (entry != nullptr &&
            (entry->stream != operation.stream || entry->action != audited_as(operation.action))) {
            complain("audited as something else: " + describe(operation));
        }
        const bool named = operation.of_host() && !operation.session.empty();
        if (entry != nullptr && named && entry->session != operation.session) {
            complain("done to another stream: " + describe(operation));
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
        const bool right = attempt.status == (locked_out ? 403U : success);
        if (!either && !refused && !right) complain("unexpected: " + describe(operation));
        answered = answered || right;
    }
    if (locked_out && effect != nullptr) complain("got past the lock: " + describe(operation));
    if (!locked_out) judge_answers(operation, effect);
    if (!answered && operation.repeatable()) undecided_.push_back(operation);
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
