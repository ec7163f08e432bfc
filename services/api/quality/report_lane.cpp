#include "quality/report_lane.hpp"

#include "quality/partitions.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace subcults::api::quality {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds lane_limit{3};
constexpr std::chrono::milliseconds pause_after_failure{50};
constexpr int max_attempts = 3;

ReportOutcome only(ReportOutcome::Status status) {
    ReportOutcome outcome;
    outcome.status = status;
    return outcome;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> ReportLane::plan_settings() {
    // A plan made while the tables are empty must not become a scan when they are not.
    return {{"plan_cache_mode", "force_generic_plan"},
            {"enable_seqscan", "off"},
            {"enable_bitmapscan", "off"},
            {"enable_hashjoin", "off"},
            {"enable_mergejoin", "off"},
            {"jit", "off"}};
}

db::ConnectionOptions ReportLane::connection_options(const ReportLaneOptions& options) {
    db::ConnectionOptions made;
    made.uri = options.database_uri;
    made.application_name = "subcults-api quality reports";
    made.connect_timeout = std::chrono::milliseconds(2000);
    made.settings = plan_settings();
    made.settings.emplace_back("synchronous_commit", "on");
    made.settings.emplace_back("lock_timeout", "2s");
    made.settings.emplace_back("statement_timeout", "3s");
    made.statements = partition_statements();
    made.statements.push_back(ReportBatch::callers_statement());
    made.statements.push_back(ReportBatch::insert_statement());
    made.on_query = options.on_query;
    return made;
}

ReportLane::ReportLane(asio::io_context& io, ReportLaneOptions options, Log& log, LogLimit& limit)
    : io_(io),
      options_(std::move(options)),
      log_(log),
      log_limit_(limit),
      connection_(io.get_executor(), connection_options(options_)),
      pause_(io),
      inbox_(io, options_.max_queued) {}

void ReportLane::start() {
    asio::co_spawn(io_, run(), [this](std::exception_ptr failure) {
        if (failure) log_.error("quality report writer ended");
        inbox_.close();
    });
}

asio::awaitable<ReportOutcome> ReportLane::store(ReportRequest request) {
    const std::size_t weight = request.windows.size() + 1;
    auto outcome = co_await inbox_.ask(std::move(request), weight);
    if (!outcome) co_return only(ReportOutcome::Status::unavailable);
    co_return std::move(*outcome);
}

asio::awaitable<void> ReportLane::run() {
    for (;;) {
        const bool more = co_await inbox_.wait();
        if (!more) break;
        Tickets tickets = inbox_.take(options_.max_batch);
        co_await process(std::move(tickets));
    }
    connection_.close();
}

asio::awaitable<void> ReportLane::process(Tickets tickets) {
    const auto now = SteadyClock::now();
    Tickets live;
    std::vector<const ReportRequest*> requests;
    Deadline last{};
    live.reserve(tickets.size());
    for (Inbox::Ticket& ticket : tickets) {
        if (ticket.request.deadline < now) {
            Inbox::answer(std::move(ticket), only(ReportOutcome::Status::unavailable));
            continue;
        }
        live.push_back(std::move(ticket));
        last = std::max(last, live.back().request.deadline);
    }
    if (live.empty()) co_return;
    for (const Inbox::Ticket& ticket : live)
        requests.push_back(&ticket.request);

    ReportBatch batch(std::move(requests));
    const Attempt result = co_await insist(batch, last);
    if (result == Attempt::failed && live.size() > 1) {
        // One of them cannot be stored; the others shall not suffer for it.
        co_await process_singly(std::move(live));
        co_return;
    }
    for (std::size_t i = 0; i < live.size(); ++i) {
        ReportOutcome outcome = batch.outcomes()[i];
        if (result == Attempt::failed) outcome.status = ReportOutcome::Status::failed;
        if (result == Attempt::unavailable) outcome.status = ReportOutcome::Status::unavailable;
        Inbox::answer(std::move(live[i]), std::move(outcome));
    }
}

asio::awaitable<void> ReportLane::process_singly(Tickets tickets) {
    for (Inbox::Ticket& ticket : tickets) {
        Tickets one;
        one.push_back(std::move(ticket));
        co_await process(std::move(one));
    }
}

// As often as it helps: a batch whose insert may or may not have happened is simply sent again.
asio::awaitable<ReportLane::Attempt> ReportLane::insist(ReportBatch& batch, Deadline last) {
    for (int i = 0; i < max_attempts; ++i) {
        if (i > 0) {
            if (SteadyClock::now() > last) break;
            pause_.expires_after(pause_after_failure);
            co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        const Attempt result = co_await attempt(batch);
        if (result != Attempt::retry) co_return result;
    }
    co_return Attempt::unavailable;
}

asio::awaitable<bool> ReportLane::connect() {
    if (connection_.connected()) co_return true;
    auto connected = co_await connection_.connect();
    if (!connected) {
        trouble(connected.error());
        co_return false;
    }
    co_return true;
}

asio::awaitable<bool> ReportLane::add_partitions() {
    auto deadline = deadline_in(lane_limit);
    auto made = co_await quality::add_partitions(connection_, now_micros(), deadline);
    if (!made) trouble(made.error());
    co_return made.has_value();
}

ReportLane::Attempt ReportLane::trouble(const db::Error& error) {
    std::uint64_t held_back = 0;
    if (!inbox_.stopping() && log_limit_.allow(held_back)) {
        log_.warn("quality reports could not be stored",
                  {{"error", db::describe(error)}, {"held_back", held_back}});
    }
    if (error.kind != db::ErrorKind::server) connection_.close();
    if (error.kind == db::ErrorKind::server && !error.transient()) return Attempt::failed;
    return Attempt::retry;
}

asio::awaitable<ReportLane::Attempt> ReportLane::attempt(ReportBatch& batch) {
    const bool connected = co_await connect();
    if (!connected) co_return Attempt::unavailable;

    auto deadline = deadline_in(lane_limit);
    db::Statement statement = ReportBatch::callers_statement();
    db::Params params = batch.callers_params();
    auto callers = co_await connection_.query(statement, std::move(params), deadline);
    if (!callers) co_return trouble(callers.error());
    batch.admit(*callers);
    if (batch.nothing_to_write()) co_return Attempt::committed;

    // A statement alone is its own transaction: its answer comes after its commit.
    deadline = deadline_in(lane_limit);
    statement = ReportBatch::insert_statement();
    params = batch.insert_params(now_micros());
    auto written = co_await connection_.query(statement, std::move(params), deadline);
    if (!written && partition_missing(written.error())) {
        const bool added = co_await add_partitions();
        co_return added ? Attempt::retry : Attempt::unavailable;
    }
    if (!written) co_return trouble(written.error());
    batch.note_written(*written);
    co_return Attempt::committed;
}

}  // namespace subcults::api::quality
