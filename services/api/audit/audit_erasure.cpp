#include "audit/audit_erasure.hpp"

namespace subcults::api {

namespace asio = boost::asio;

namespace {

// "subcults" and a number, as a bigint: advisory locks are shared by everybody in a database.
constexpr std::int64_t erasure_key = 0x7375'6263'756c'0004;

// Two erasures of one person at a time would both tell of the same entries.
constexpr db::Statement take_turn{"erase_turn", "SELECT pg_advisory_xact_lock($1::bigint)"};
constexpr db::Statement actors{
    "erase_find_actors", "SELECT entity_id, seq FROM audit_logs WHERE actor = ANY($1::bytea[])"};
// Targets are pseudonyms of a participant in a session: only with the session can one tell whose.
constexpr db::Statement targets{
    "erase_find_targets",
    "SELECT a.entity_id, a.seq, a.target, a.kid, s.kid FROM audit_logs a"
    " JOIN stream_sessions s ON s.id = a.entity_id WHERE a.target IS NOT NULL"};
constexpr db::Statement empty_actors{"erase_actors",
                                     "UPDATE audit_logs a SET actor = NULL, nonce = NULL"
                                     " FROM unnest($1::uuid[], $2::bigint[]) AS u(id, seq)"
                                     " WHERE a.entity_id = u.id AND a.seq = u.seq"};
constexpr db::Statement empty_targets{"erase_targets",
                                      "UPDATE audit_logs a SET target = NULL, target_nonce = NULL"
                                      " FROM unnest($1::uuid[], $2::bigint[]) AS u(id, seq)"
                                      " WHERE a.entity_id = u.id AND a.seq = u.seq"};

// Leaves no open transaction behind.
db::Error abandon(db::Connection& connection, db::Error error) {
    connection.close();
    return error;
}

db::Params places(const PersonEntries::Places& which) {
    db::Params params;
    params.uuid_array(which.entities).int8_array(which.seqs);
    return params;
}

}  // namespace

asio::awaitable<db::DbResult<PersonEntries>> find_person(db::Connection& connection,
                                                         PrivacyKeys& keys, std::string did,
                                                         SteadyClock::duration limit) {
    std::vector<Tag128> tags;
    for (const std::int64_t kid : keys.kids())
        tags.push_back(keys.actor(kid, did));
    std::vector<std::string_view> views;
    for (const Tag128& tag : tags)
        views.push_back(as_view(tag));

    db::Params turn;
    turn.int8(erasure_key);
    db::Params who;
    who.bytea_array(views);
    db::Pipeline look;
    look.command("BEGIN");
    look.add(take_turn, std::move(turn));
    // Statements of their own: they see what the erasure before has emptied.
    look.add(actors, std::move(who));
    look.add(targets);
    auto until = deadline_in(limit);
    auto read = co_await connection.run("erase_read", std::move(look), until);
    if (!read || !read->ok()) {
        co_return abandon(connection, read ? *read->error : read.error());
    }
    PersonEntries found;
    const db::Rows& acted = read->rows[2];
    for (int row = 0; row < acted.size(); ++row) {
        found.as_actor.entities.push_back(acted.uuid(row, 0));
        found.as_actor.seqs.push_back(acted.int8(row, 1));
    }
    const db::Rows& about = read->rows[3];
    for (int row = 0; row < about.size(); ++row) {
        const Uuid session = about.uuid(row, 0);
        const std::int64_t entry_kid = about.int8(row, 3);
        const std::int64_t session_kid = about.int8(row, 4);
        if (!keys.knows(entry_kid) || !keys.knows(session_kid)) continue;
        const Tag128 target =
            keys.target(entry_kid, keys.participant_id(session_kid, session, did));
        if (about.bytea(row, 2) != as_view(target)) continue;
        found.as_target.entities.push_back(session);
        found.as_target.seqs.push_back(about.int8(row, 1));
    }
    co_return found;
}

asio::awaitable<db::DbResult<void>> erase_entries(db::Connection& connection,
                                                  const PersonEntries& entries,
                                                  SteadyClock::duration limit) {
    db::Pipeline empty;
    empty.add(empty_actors, places(entries.as_actor));
    empty.add(empty_targets, places(entries.as_target));
    empty.command("COMMIT");
    auto until = deadline_in(limit);
    auto done = co_await connection.run("erase_commit", std::move(empty), until);
    if (!done || !done->ok()) {
        co_return abandon(connection, done ? *done->error : done.error());
    }
    co_return db::DbResult<void>();
}

std::vector<db::Statement> erasure_statements() {
    return {take_turn, actors, targets, empty_actors, empty_targets};
}

}  // namespace subcults::api
