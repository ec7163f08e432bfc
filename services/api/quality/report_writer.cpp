#include "quality/report_writer.hpp"

#include "quality/partitions.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace subcults::api::quality {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{3};
constexpr std::chrono::milliseconds pause_after_failure{50};
constexpr int max_attempts = 3;

db::ConnectionOptions connection_options(const ReportWriterOptions& options) {
    db::ConnectionOptions made;
    made.uri = options.database_uri;
    made.application_name = "subcults-api quality reports";
    made.connect_timeout = std::chrono::milliseconds(2000);
    // A plan made while the tables are empty must not become a scan when they are not.
    made.settings = {{"synchronous_commit", "on"}, {"plan_cache_mode", "force_generic_plan"},
                     {"enable_seqscan", "off"},    {"enable_hashjoin", "off"},
                     {"enable_mergejoin", "off"},  {"jit", "off"},
                     {"lock_timeout", "2s"},       {"statement_timeout", "3s"}};
    made.statements = partition_statements();
    made.statements.push_back(ReportBatch::callers_statement());
    made.statements.push_back(ReportBatch::insert_statement());
    made.on_query = options.on_query;
    return made;
}

}  // namespace

ReportWriter::ReportWriter(asio::io_context& io, ReportWriterOptions options, Log& log)
    : io_(io),
      options_(std::move(options)),
      log_(log),
      log_limit_(std::chrono::seconds(1)),
      connection_(io.get_executor(), connection_options(options_)),
      wake_(io) {}

void ReportWriter::start() {
    asio::co_spawn(io_, run(), [this](std::exception_ptr failure) {
        if (failure) log_.error("quality report writer ended");
        std::deque<Ticket> rest;
        {
            const std::lock_guard lock(inbox_mutex_);
            closed_ = true;
            rest.swap(inbox_);
        }
        for (Ticket& ticket : rest)
            refuse(std::move(ticket), ReportOutcome::Status::unavailable);
    });
}

void ReportWriter::stop() noexcept {
    stopping_ = true;
    wake_.cancel();
}

asio::awaitable<ReportOutcome> ReportWriter::store(ReportRequest request) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto outcome =
        co_await async_store(std::move(request), std::move(executor), asio::use_awaitable);
    co_return outcome;
}

void ReportWriter::submit(ReportRequest request, asio::any_io_executor executor, Done done) {
    // Constructed, never assigned: any_completion_handler's move assignment recurses without end in
    // Boost 1.81.
    Ticket ticket{std::move(request), std::move(executor), std::move(done)};
    const std::size_t added = weight(ticket.request);
    {
        const std::lock_guard lock(inbox_mutex_);
        const std::size_t before = queued_.load(std::memory_order_relaxed);
        if (!closed_ && before + added <= options_.max_queued) {
            queued_.store(before + added, std::memory_order_relaxed);
            inbox_.push_back(std::move(ticket));
            // Under the lock: the writer cannot end, and its io_context with it, before this.
            if (inbox_.size() == 1) asio::post(io_, [this] { wake_.cancel(); });
            return;
        }
    }
    refuse(std::move(ticket), ReportOutcome::Status::unavailable);
}

// The asker may still be inside its initiating call, or on another thread: through its own loop.
void ReportWriter::answer(Ticket&& ticket, ReportOutcome outcome) {
    const asio::any_io_executor executor = std::move(ticket.executor);
    asio::post(executor, [done = std::move(ticket.done), outcome = std::move(outcome)]() mutable {
        std::move(done)(std::move(outcome));
    });
}

void ReportWriter::refuse(Ticket&& ticket, ReportOutcome::Status status) {
    ReportOutcome outcome;
    outcome.status = status;
    answer(std::move(ticket), std::move(outcome));
}

ReportWriter::Tickets ReportWriter::take() {
    const std::lock_guard lock(inbox_mutex_);
    Tickets taken;
    std::size_t windows = 0;
    while (!inbox_.empty()) {
        const std::size_t more = weight(inbox_.front().request);
        if (!taken.empty() && windows + more > options_.max_batch) break;
        windows += more;
        taken.push_back(std::move(inbox_.front()));
        inbox_.pop_front();
    }
    queued_.fetch_sub(windows, std::memory_order_relaxed);
    return taken;
}

bool ReportWriter::nothing_to_do() {
    const std::lock_guard lock(inbox_mutex_);
    if (!inbox_.empty()) return false;
    if (stopping_) closed_ = true;
    return true;
}

asio::awaitable<void> ReportWriter::run() {
    for (;;) {
        if (nothing_to_do()) {
            if (stopping_) break;
            wake_.expires_at(SteadyClock::time_point::max());
            co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        Tickets tickets = take();
        co_await process(std::move(tickets));
    }
    connection_.close();
}

asio::awaitable<void> ReportWriter::process(Tickets tickets) {
    const auto now = SteadyClock::now();
    Tickets live;
    std::vector<const ReportRequest*> requests;
    Deadline last{};
    live.reserve(tickets.size());
    for (Ticket& ticket : tickets) {
        if (ticket.request.deadline < now) {
            refuse(std::move(ticket), ReportOutcome::Status::unavailable);
            continue;
        }
        live.push_back(std::move(ticket));
        last = std::max(last, live.back().request.deadline);
    }
    if (live.empty()) co_return;
    for (const Ticket& ticket : live)
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
        answer(std::move(live[i]), std::move(outcome));
    }
}

asio::awaitable<void> ReportWriter::process_singly(Tickets tickets) {
    for (Ticket& ticket : tickets) {
        Tickets one;
        one.push_back(std::move(ticket));
        co_await process(std::move(one));
    }
}

// As often as it helps: a batch whose insert may or may not have happened is simply sent again.
asio::awaitable<ReportWriter::Attempt> ReportWriter::insist(ReportBatch& batch, Deadline last) {
    for (int i = 0; i < max_attempts; ++i) {
        if (i > 0) {
            if (SteadyClock::now() > last) break;
            wake_.expires_after(pause_after_failure);
            co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        const Attempt result = co_await attempt(batch);
        if (result != Attempt::retry) co_return result;
    }
    co_return Attempt::unavailable;
}

asio::awaitable<bool> ReportWriter::connect() {
    if (connection_.connected()) co_return true;
    auto connected = co_await connection_.connect();
    if (!connected) {
        trouble(connected.error());
        co_return false;
    }
    co_return true;
}

asio::awaitable<bool> ReportWriter::add_partitions() {
    auto deadline = deadline_in(statement_limit);
    auto made = co_await quality::add_partitions(connection_, now_micros(), deadline);
    if (!made) trouble(made.error());
    co_return made.has_value();
}

ReportWriter::Attempt ReportWriter::trouble(const db::Error& error) {
    std::uint64_t held_back = 0;
    if (!stopping_ && log_limit_.allow(held_back)) {
        log_.warn("quality reports could not be stored",
                  {{"error", db::describe(error)}, {"held_back", held_back}});
    }
    if (error.kind != db::ErrorKind::server) connection_.close();
    if (error.kind == db::ErrorKind::server && !error.transient()) return Attempt::failed;
    return Attempt::retry;
}

asio::awaitable<ReportWriter::Attempt> ReportWriter::attempt(ReportBatch& batch) {
    const bool connected = co_await connect();
    if (!connected) co_return Attempt::unavailable;

    auto deadline = deadline_in(statement_limit);
    db::Statement statement = ReportBatch::callers_statement();
    db::Params params = batch.callers_params();
    auto callers = co_await connection_.query(statement, std::move(params), deadline);
    if (!callers) co_return trouble(callers.error());
    batch.admit(*callers);
    if (batch.nothing_to_write()) co_return Attempt::committed;

    // A statement alone is its own transaction: its answer comes after its commit.
    deadline = deadline_in(statement_limit);
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
