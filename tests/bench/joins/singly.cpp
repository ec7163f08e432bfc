#include "bench/joins/singly.hpp"

#include "bench/joins/stage.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace subcults::bench {

namespace {

constexpr int connections = 32;

// pgbench's language. @session, @participant, @bytes and @hash stand for
// expressions (see filled()); pseudonyms and hashes are made as cheaply as the database can.
constexpr std::string_view draw = R"(
\set n random(1, :streams)
\set user random(1, :users)
\set key random(1, 9000000000000000000)
)";

constexpr std::string_view six_statements = R"(
BEGIN;
UPDATE stream_sessions SET join_count = join_count + 1,
    head_seq = head_seq + 1, head_hash = sha256(head_hash), head_at = now()
    WHERE id = @session RETURNING head_seq \gset
SELECT 1 FROM stream_bans WHERE stream_session_id = @session AND participant_id = @participant;
INSERT INTO stream_participants AS p
    (stream_session_id, participant_id, first_joined_at, joined_at, latency_wanted)
    VALUES (@session, @participant, now(), now(), true)
    ON CONFLICT (stream_session_id, participant_id) DO UPDATE SET joined_at = EXCLUDED.joined_at,
    left_at = NULL, latency_wanted = true, reconnection_count = p.reconnection_count + 1;
INSERT INTO stream_participations (stream_session_id, participant_id, stay, joined_at)
    VALUES (@session, @participant, '1', now()) ON CONFLICT DO NOTHING;
INSERT INTO audit_logs (entity_id, seq, entity_type, action, outcome, actor, nonce, commitment,
    request_id, created_at, kid, hash)
    VALUES (@session, :head_seq, 'stream_session', 'joined', 'success', @bytes, @bytes, @bytes,
    :key::text, now(), 0, @hash);
INSERT INTO idempotency_keys
    (stream_session_id, key_hash, request_hash, answer_count, created_at)
    VALUES (@session, @bytes, @bytes, :head_seq, now());
COMMIT;
)";

constexpr std::string_view one_statement = R"(
WITH session AS (
    UPDATE stream_sessions SET join_count = join_count + 1, head_seq = head_seq + 1,
        head_hash = sha256(head_hash), head_at = now()
    WHERE id = @session RETURNING head_seq, join_count
), ban AS (
    SELECT 1 FROM stream_bans WHERE stream_session_id = @session AND participant_id = @participant
), participant AS (
    INSERT INTO stream_participants AS p
        (stream_session_id, participant_id, first_joined_at, joined_at, latency_wanted)
    VALUES (@session, @participant, now(), now(), true)
    ON CONFLICT (stream_session_id, participant_id) DO UPDATE SET joined_at = EXCLUDED.joined_at,
        left_at = NULL, latency_wanted = true, reconnection_count = p.reconnection_count + 1
), stay AS (
    INSERT INTO stream_participations (stream_session_id, participant_id, stay, joined_at)
    VALUES (@session, @participant, '1', now()) ON CONFLICT DO NOTHING
), entry AS (
    INSERT INTO audit_logs (entity_id, seq, entity_type, action, outcome, actor, nonce, commitment,
        request_id, created_at, kid, hash)
    SELECT @session, head_seq, 'stream_session', 'joined', 'success', @bytes, @bytes, @bytes,
        :key::text, now(), 0, @hash FROM session
), kept AS (
    INSERT INTO idempotency_keys
        (stream_session_id, key_hash, request_hash, answer_count, created_at)
    SELECT @session, @bytes, @bytes, join_count, now() FROM session
)
SELECT join_count, (SELECT count(*) FROM ban) AS bans FROM session;
)";

constexpr std::string_view four_statements = R"(
BEGIN;
UPDATE stream_sessions SET
    head_seq = head_seq + 1, head_hash = sha256(head_hash), head_at = now()
    WHERE id = @session RETURNING head_seq \gset
SELECT 1 FROM stream_bans WHERE stream_session_id = @session AND participant_id = @participant;
INSERT INTO stream_participants (stream_session_id, participant_id, token_issued_at)
    VALUES (@session, @participant, now())
    ON CONFLICT (stream_session_id, participant_id) DO UPDATE SET
    token_issued_at = EXCLUDED.token_issued_at, latency_done = false;
INSERT INTO audit_logs (entity_id, seq, entity_type, action, outcome, actor, nonce, commitment,
    request_id, created_at, kid, hash)
    VALUES (@session, :head_seq, 'stream_session', 'token_issued', 'success', @bytes, @bytes,
    @bytes, :key::text, now(), 0, @hash);
COMMIT;
)";

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + with.size())) {
        text.replace(at, what.size(), with);
    }
}

std::string filled(std::string_view work) {
    std::string script(work);
    // The sessions' ids are made of their numbers; see Stage.
    replace_all(script, "@session",
                "('00000000-0000-7000-8000-' || lpad(:n::text, 12, '0'))::uuid");
    replace_all(script, "@participant", "('user-' || lpad(:user::text, 26, '0'))");
    replace_all(script, "@bytes", "decode(md5(:key::text), 'hex')");
    replace_all(script, "@hash", "sha256(int8send(:key::bigint))");
    return std::string(draw) + script;
}

std::string_view script_of(SingleWork work) noexcept {
    switch (work) {
        case SingleWork::join:
            return six_statements;
        case SingleWork::join_at_once:
            return one_statement;
        case SingleWork::token:
            break;
    }
    return four_statements;
}

// Beside the server's other programs: not all of them are in PATH.
std::string pgbench_program() {
    namespace fs = std::filesystem;
    fs::path newest;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", missing)) {
        const fs::path candidate = entry.path() / "bin" / "pgbench";
        if (fs::exists(candidate, missing)) newest = std::max(newest, candidate);
    }
    if (newest.empty()) throw std::runtime_error("there is no pgbench");
    return newest.string();
}

}  // namespace

double singly(const std::string& database_url, SingleWork work, std::size_t streams,
              double seconds) {
    const test::TemporaryDirectory directory;
    const std::string script = (directory.path() / "script").string();
    std::ofstream(script) << filled(script_of(work));
    const long whole_seconds = std::max(1L, std::lround(seconds));
    test::Process pgbench(
        {pgbench_program(), "--no-vacuum", "--protocol=prepared", "--jobs=2",
         "--client=" + std::to_string(connections), "--time=" + std::to_string(whole_seconds),
         "--define=streams=" + std::to_string(streams), "--define=users=" + std::to_string(users),
         "--file=" + script, database_url},
        {});
    const int status = pgbench.wait(std::chrono::seconds(whole_seconds + 60));
    const std::string said = pgbench.output();
    const std::string field = "tps = ";
    const std::size_t at = said.find(field);
    if (status != 0 || at == std::string::npos) {
        throw std::runtime_error("pgbench failed: " + said.substr(0, 2000));
    }
    return std::stod(said.substr(at + field.size()));
}

}  // namespace subcults::bench
