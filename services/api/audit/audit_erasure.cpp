#include "audit/audit_erasure.hpp"

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr db::Statement empty_actors{
    "erase_actors",
    "UPDATE audit_logs SET actor = NULL, nonce = NULL WHERE actor = ANY($1::bytea[])"};
// Targets are pseudonyms of a participant in a session: only with the session can one tell whose.
constexpr db::Statement targets{
    "erase_find_targets",
    "SELECT a.entity_id, a.seq, a.target, a.kid, s.kid FROM audit_logs a"
    " JOIN stream_sessions s ON s.id = a.entity_id WHERE a.target IS NOT NULL"};
constexpr db::Statement empty_targets{"erase_targets",
                                      "UPDATE audit_logs a SET target = NULL, target_nonce = NULL"
                                      " FROM unnest($1::uuid[], $2::bigint[]) AS u(id, seq)"
                                      " WHERE a.entity_id = u.id AND a.seq = u.seq"};

// Leaves no open transaction behind.
asio::awaitable<db::Error> abandon(db::Connection& connection, db::Error error) {
    connection.close();
    co_return error;
}

}  // namespace

asio::awaitable<db::DbResult<ErasedEntries>> erase_person(db::Connection& connection,
                                                          PrivacyKeys& keys, std::string did,
                                                          SteadyClock::duration limit) {
    std::vector<Tag128> actors;
    for (const std::int64_t kid : keys.kids())
        actors.push_back(keys.actor(kid, did));
    std::vector<std::string_view> views;
    for (const Tag128& actor : actors)
        views.push_back(as_view(actor));

    db::Params who;
    who.bytea_array(views);
    db::Pipeline first;
    first.command("BEGIN");
    first.add(empty_actors, std::move(who));
    first.add(targets);
    auto until = deadline_in(limit);
    auto read = co_await connection.run("erase_read", std::move(first), until);
    if (!read || !read->ok()) {
        db::Error error = read ? *read->error : read.error();
        auto reported = co_await abandon(connection, std::move(error));
        co_return reported;
    }
    ErasedEntries erased;
    erased.as_actor = read->rows[1].affected();
    const db::Rows& rows = read->rows[2];
    std::vector<Uuid> ids;
    std::vector<std::int64_t> seqs;
    for (int row = 0; row < rows.size(); ++row) {
        const Uuid session = rows.uuid(row, 0);
        const std::int64_t entry_kid = rows.int8(row, 3);
        const std::int64_t session_kid = rows.int8(row, 4);
        if (!keys.knows(entry_kid) || !keys.knows(session_kid)) continue;
        const Tag128 target =
            keys.target(entry_kid, keys.participant_id(session_kid, session, did));
        if (rows.bytea(row, 2) != as_view(target)) continue;
        ids.push_back(session);
        seqs.push_back(rows.int8(row, 1));
    }
    erased.as_target = static_cast<std::int64_t>(ids.size());

    db::Params which;
    which.uuid_array(ids).int8_array(seqs);
    db::Pipeline second;
    second.add(empty_targets, std::move(which));
    second.command("COMMIT");
    until = deadline_in(limit);
    auto done = co_await connection.run("erase_commit", std::move(second), until);
    if (!done || !done->ok()) {
        db::Error error = done ? *done->error : done.error();
        auto reported = co_await abandon(connection, std::move(error));
        co_return reported;
    }
    co_return erased;
}

std::vector<db::Statement> erasure_statements() {
    return {empty_actors, targets, empty_targets};
}

}  // namespace subcults::api
