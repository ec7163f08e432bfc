#include "quality/collector.hpp"

#include "quality/collection_rows.hpp"
#include "quality/partitions.hpp"

#include <boost/asio/co_spawn.hpp>

#include <limits>
#include <set>

namespace subcults::api::quality {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{8};
constexpr std::size_t lanes = 4;
// Every change of an attribute is sent to everybody in the room: more than so many must not use it.
constexpr std::size_t attribute_room = 50;

constexpr db::Statement find_session{
    "quality_session",
    "SELECT room_name, ended_at IS NOT NULL FROM stream_sessions WHERE id = $1::uuid"};
constexpr db::Statement own_roster{
    "quality_own_roster",
    "SELECT participant_id FROM stream_participants WHERE stream_session_id = $1::uuid"
    " AND joined_at IS NOT NULL AND left_at IS NULL ORDER BY participant_id"};
// With the overlap of quality_new_windows: the last report of a session may have been stamped
// before the last collection and committed after it. The order is there for the index that has it.
constexpr db::Statement sessions_with_news{
    "quality_sessions_with_news",
    "SELECT s.id, s.room_name FROM stream_sessions s"
    " LEFT JOIN stream_quality_collections c ON c.stream_session_id = s.id"
    " WHERE s.ended_at IS NULL AND ($2::boolean OR ("
    "  SELECT true FROM stream_quality_reports r WHERE r.stream_session_id = s.id"
    "   AND r.received_at > greatest($1::timestamptz, c.collected_at - interval '60 s')"
    "   AND r.received_at < $3::timestamptz"
    "   AND r.measured_at > $1::timestamptz AND r.measured_at < $3::timestamptz"
    "   ORDER BY r.received_at DESC LIMIT 1))"
    " ORDER BY c.collected_at NULLS FIRST, s.id"};
constexpr std::int64_t news_after_us = oldest_window_us;

double shown(const std::optional<double>& value) noexcept {
    return value.value_or(std::numeric_limits<double>::quiet_NaN());  // null in the log
}

}  // namespace

std::string_view to_string(RosterSource source) noexcept {
    return source == RosterSource::livekit ? "livekit" : "database";
}

Collector::Collector(asio::any_io_executor executor, db::Pool& pool, livekit::RoomService* rooms,
                     bool attributes, QualityMetrics metrics, Log& log)
    : executor_(std::move(executor)),
      pool_(pool),
      rooms_(rooms),
      attributes_(attributes && rooms != nullptr),
      metrics_(metrics),
      log_(log),
      log_limit_(std::chrono::seconds(1)) {}

std::vector<db::Statement> Collector::statements() {
    std::vector<db::Statement> all{find_session, own_roster, sessions_with_news};
    for (const auto& more : {collection_row_statements(), partition_statements()})
        all.insert(all.end(), more.begin(), more.end());
    return all;
}

asio::awaitable<db::DbResult<db::Rows>> Collector::ask(db::Statement statement, db::Params params) {
    auto deadline = deadline_in(statement_limit);
    auto rows = co_await pool_.read(statement, std::move(params), deadline);
    co_return rows;
}

CollectFault Collector::fault_of(const db::Error& error) {
    std::uint64_t held_back = 0;
    if (error.kind != db::ErrorKind::cancelled && log_limit_.allow(held_back)) {
        log_.warn("audio quality could not be collected",
                  {{"error", db::describe(error)}, {"held_back", held_back}});
    }
    const bool ours = error.kind == db::ErrorKind::server && !error.transient();
    return ours ? CollectFault::failed : CollectFault::unavailable;
}

asio::awaitable<CollectResult> Collector::collect(Uuid id, TraceContext trace) {
    db::Params params;
    params.uuid(id);
    auto rows = co_await ask(find_session, std::move(params));
    if (!rows) co_return fault_of(rows.error());
    if (rows->empty()) co_return CollectFault::not_found;
    if (rows->boolean(0, 1)) co_return CollectFault::ended;
    Session session;
    session.id = id;
    session.room_name = rows->text(0, 0);
    session.trace = std::move(trace);
    auto report = co_await collect_from(std::move(session));
    co_return report;
}

asio::awaitable<Result<Collector::Roster, CollectFault>> Collector::roster_of(Session session,
                                                                              UnixMicros now) {
    Roster roster;
    if (rooms_ != nullptr) {
        auto listed = co_await rooms_->list_participants(session.room_name, session.trace);
        // A room that LiveKit does not know has nobody in it.
        const bool empty = !listed && listed.error().kind == livekit::CallError::Kind::not_found;
        if (listed || empty) {
            std::set<std::string> seen;
            if (!empty) {
                for (livekit::Participant& there : *listed) {
                    if (!there.listener || !there.active || there.identity.empty()) continue;
                    if (!seen.insert(there.identity).second) continue;
                    RosterEntry entry;
                    entry.participant_id = std::move(there.identity);
                    if (attributes_) entry.window = read_attribute(there.quality, now);
                    roster.entries.push_back(std::move(entry));
                }
            }
            if (roster.entries.size() > attribute_room) {
                for (RosterEntry& entry : roster.entries)
                    entry.window.reset();
            }
            co_return roster;
        }
    }
    roster.source = RosterSource::database;
    db::Params params;
    params.uuid(session.id);
    auto rows = co_await ask(own_roster, std::move(params));
    if (!rows) co_return fault_of(rows.error());
    for (int row = 0; row < rows->size(); ++row) {
        RosterEntry entry;
        entry.participant_id = rows->text(row, 0);
        roster.entries.push_back(std::move(entry));
    }
    co_return roster;
}

asio::awaitable<CollectResult> Collector::collect_from(Session session) {
    const UnixMicros asked = now_micros();
    auto roster = co_await roster_of(session, asked);
    if (!roster) co_return roster.error();
    CollectionReport report;
    report.at = now_micros();
    report.roster = roster->source;
    report.participants = roster->entries.size();
    auto collected = co_await transact(session.id, *roster, report.at);
    if (!collected) co_return collected.error();
    tell(session.id, *collected);
    report.recorded = collected->measurements.size();
    report.alerts = collected->alerts;
    report.stale = std::move(collected->stale);
    report.missing = std::move(collected->missing);
    co_return report;
}

asio::awaitable<Collector::TransactResult> Collector::transact(Uuid session, const Roster& roster,
                                                               UnixMicros now) {
    auto deadline = deadline_in(statement_limit);
    auto lease = co_await pool_.acquire(deadline);
    if (!lease) co_return fault_of(lease.error());
    db::Connection& connection = **lease;
    db::Pipeline reads = read_pipeline(session, roster.entries, now);
    auto read = co_await connection.run("quality_collect_read", std::move(reads), deadline);
    if (!read) co_return fault_of(read.error());
    if (!read->ok()) {
        const CollectFault fault = fault_of(*read->error);
        co_await roll_back(connection);
        co_return fault;
    }
    News news = read_news(read->rows);
    if (!news.known || news.ended) {
        co_await roll_back(connection);
        co_return news.known ? CollectFault::ended : CollectFault::not_found;
    }
    Collected collected =
        collect_windows(roster.entries, std::move(news.windows), news.progress, now);
    auto written = co_await write(connection, session, std::move(collected), now);
    co_return written;
}

asio::awaitable<Collector::TransactResult> Collector::write(db::Connection& connection,
                                                            Uuid session, Collected collected,
                                                            UnixMicros now) {
    auto deadline = deadline_in(statement_limit);
    db::Pipeline writes = write_pipeline(session, collected, now);
    auto written = co_await connection.run("quality_collect_write", std::move(writes), deadline);
    if (!written) {
        // It may have happened. Whatever was written is not counted, and not collected again.
        fault_of(written.error());
        co_return CollectFault::outcome_unknown;
    }
    if (!written->ok()) {
        const bool no_partition = partition_missing(*written->error);
        const CollectFault fault = fault_of(*written->error);
        co_await roll_back(connection);
        if (!no_partition) co_return fault;
        deadline = deadline_in(statement_limit);
        auto made = co_await add_partitions(connection, now, deadline);
        if (!made) fault_of(made.error());
        co_return CollectFault::unavailable;  // for the next attempt
    }
    if (written->rows.back().command() != "COMMIT") co_return CollectFault::failed;
    co_return collected;
}

asio::awaitable<void> Collector::roll_back(db::Connection& connection) {
    if (!connection.connected()) co_return;
    auto deadline = deadline_in(statement_limit);
    auto done = co_await connection.execute("ROLLBACK", deadline);
    if (!done) connection.close();
}

void Collector::tell(const Uuid& session, const Collected& collected) {
    for (const Measurement& measurement : collected.measurements)
        metrics_.observe(measurement);
    const std::string id = session.to_string();
    for (const EpisodeChange& change : collected.episodes) {
        // One line per episode that operators see; its end is for those who look closely.
        log_.line(change.began ? LogLevel::warn : LogLevel::debug,
                  change.began ? "audio quality degraded" : "audio quality recovered",
                  {{"stream_id", id},
                   {"direction", change.uplink ? "uplink" : "downlink"},
                   {"packet_loss_percent", shown(change.values.packet_loss_percent)},
                   {"jitter_ms", shown(change.values.jitter_ms)},
                   {"rtt_ms", shown(change.values.rtt_ms)}});
    }
}

asio::awaitable<void> Collector::lane(std::shared_ptr<Round> round) {
    while (!round->over && round->next < round->sessions.size()) {
        Session session = std::move(round->sessions[round->next++]);
        auto report = co_await collect_from(std::move(session));
        const bool fine = report.has_value() || report.error() == CollectFault::ended ||
                          report.error() == CollectFault::not_found;
        if (!fine) ++round->failed;
    }
}

asio::awaitable<void> Collector::collect_all(jobs::Run& run) {
    const UnixMicros now = now_micros();
    db::Params params;
    params.timestamptz(UnixMicros{now.value - news_after_us})
        .boolean(attributes_)
        .timestamptz(UnixMicros{now.value + 2 * late_after_us});
    auto rows = co_await ask(sessions_with_news, std::move(params));
    if (!rows) {
        run.fail(rows.error());
        co_return;
    }
    auto round = std::make_shared<Round>(executor_);
    for (int row = 0; row < rows->size(); ++row) {
        Session session;
        session.id = rows->uuid(row, 0);
        session.room_name = rows->text(row, 1);
        session.trace = TraceContext::start();
        round->sessions.push_back(std::move(session));
    }
    // Also when a cancellation throws.
    const Ending ending(*round);
    for (std::size_t i = 0; i < lanes; ++i) {
        ++round->running;
        asio::co_spawn(executor_, lane(round), [round](std::exception_ptr failure) {
            if (failure) ++round->failed;
            --round->running;
            round->finished.ring();
        });
    }
    while (round->running > 0)
        co_await round->finished.nap(std::chrono::seconds(1));
    if (round->failed == 0) co_return;
    std::string detail = std::to_string(round->failed);
    detail.append(" of ").append(std::to_string(round->sessions.size()));
    detail.append(" sessions were not collected");
    run.fail(jobs::ErrorType::database_error, std::move(detail));
}

}  // namespace subcults::api::quality
