// Which order, which server, and what is read. What is written: backfill_write.cpp.
#include "backfill/backfill.hpp"

#include "backfill/backfill_sql.hpp"
#include "base/build_info.hpp"
#include "jetstream/url.hpp"
#include "jobs/fenced.hpp"
#include "source/dictionary.hpp"
#include "write/writer_sql.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace subcults::indexer {

namespace asio = boost::asio;

using Place = ReplayWindow::Place;

namespace {

constexpr std::chrono::seconds interval{60};
constexpr std::chrono::seconds retry_after{4};
constexpr std::chrono::seconds time_limit{60};
constexpr std::chrono::seconds store_every{1};
constexpr std::size_t max_raw_bytes = 256 * 1024;

db::PoolOptions pool_options(const BackfillOptions& options) {
    db::PoolOptions pool;
    pool.connection.uri = options.database_uri;
    pool.connection.application_name = "subcults-indexer backfill";
    // As the writer's, but impatient: it is the live writer that must not wait.
    pool.connection.settings = {{"plan_cache_mode", "force_generic_plan"},
                                {"enable_seqscan", "off"},
                                {"jit", "off"},
                                {"synchronous_commit", "on"},
                                {"lock_timeout", "5s"},
                                {"statement_timeout", "10s"}};
    for (auto& setting : jobs::fence_settings())
        pool.connection.settings.push_back(std::move(setting));
    auto& statements = pool.connection.statements;
    statements = jobs::fence_statements();
    statements.insert(statements.end(), writer_sql::all.begin(), writer_sql::all.end());
    statements.insert(statements.end(), backfill_sql::all.begin(), backfill_sql::all.end());
    pool.connection.on_query = options.on_query;
    pool.size = 1;
    return pool;
}

jobs::ErrorType type_of(const net::WsConnectError& error) {
    if (error.http_status != 0) return jobs::classify_status(error.http_status);
    return error.stage == net::WsConnectError::Stage::timeout ? jobs::ErrorType::timeout
                                                              : jobs::ErrorType::network_error;
}

}  // namespace

Backfill::Backfill(asio::io_context& io, BackfillOptions options, Log& log)
    : io_(io),
      options_(std::move(options)),
      log_(log),
      pool_(io.get_executor(), pool_options(options_)),
      decoder_(jetstream::CollectionFilter(options_.collections), max_frame_bytes) {}

void Backfill::start() {
    pool_.start();
}

void Backfill::stop() noexcept {
    pool_.stop();
}

jobs::Job Backfill::job() {
    jobs::Job job;
    job.type = "index_backfill";
    job.schedule.interval = interval;
    job.schedule.retry = retry_after;
    job.schedule.channel = backfill_sql::channel;
    job.time_limit = time_limit;
    job.unexpected = jobs::ErrorType::network_error;
    job.work = [this](jobs::Run& run) { return this->run(run); };
    return job;
}

asio::awaitable<void> Backfill::run(jobs::Run& run) {
    const Deadline end = deadline_in(options_.slice);
    db::Params of_consumer;
    of_consumer.text(options_.consumer);
    auto rows = co_await pool_.read(backfill_sql::next, std::move(of_consumer), run.deadline());
    if (!rows) {
        run.fail(rows.error());
        co_return;
    }
    if (rows->empty()) co_return;
    std::optional<std::int64_t> position;
    if (!rows->is_null(0, 3)) position = rows->int8(0, 3);
    std::optional<std::string> host;
    if (!rows->is_null(0, 4)) host = std::string(rows->text(0, 4));
    std::optional<std::int64_t> written;
    if (!rows->is_null(0, 5)) written = rows->int8(0, 5);
    const ReplayWindow window(rows->int8(0, 1), rows->int8(0, 2), position, written);
    BackfillOrder order(rows->int8(0, 0), window, std::move(host));

    db::Params which;
    which.int8(order.id);
    auto begun = co_await jobs::run_fenced(pool_, run, backfill_sql::begin, std::move(which));
    if (!begun) co_return;
    // Cancelled just now: there may be another one.
    bool go_on = begun->affected() == 0;
    if (!go_on) go_on = co_await work(run, order, end);
    if (go_on && !run.stopping()) co_await ask_for_another(run);
}

// True = another run is wanted at once.
asio::awaitable<bool> Backfill::work(jobs::Run& run, BackfillOrder& order, Deadline end) {
    while (!order.window.over() && !run.stopping() && SteadyClock::now() < end) {
        auto client = co_await connect(run, order);
        if (!client) co_return false;
        const Read ended = co_await read(run, order, std::move(client), end);
        if (ended == Read::over) break;
        if (ended == Read::stopped) co_return order.cancelled;
    }
    if (run.stopping()) co_return false;
    log_.info(
        "backfill under way",
        {{"id", order.id}, {"share", order.window.share()}, {"events", order.events_written}});
    if (!order.window.over()) co_return true;
    const bool finished = co_await finish(run, order);
    if (finished) log_.info("backfill completed", {{"id", order.id}});
    co_return finished || order.cancelled;
}

asio::awaitable<void> Backfill::ask_for_another(jobs::Run& run) {
    // Should it get lost, the interval is the net.
    auto told = co_await pool_.read(backfill_sql::tell, db::Params(), run.deadline());
    if (!told) run.fail(told.error());
}

asio::awaitable<std::shared_ptr<net::WsClient>> Backfill::connect(jobs::Run& run,
                                                                  BackfillOrder& order) {
    const std::string& url = options_.urls[endpoint_ % options_.urls.size()];
    auto target = net::WsUrl::parse(url);
    if (!target) throw std::logic_error("configuration has checked the URLs");
    const std::string host = jetstream::host_key(url);
    const bool same_host = !order.host || *order.host == host;
    const std::int64_t cursor = order.window.cursor(same_host);
    target->target = jetstream::subscribe_target(url, options_.collections, cursor);
    net::WsOptions socket;
    socket.user_agent = "subcults-indexer/" + std::string(build_info().version);
    socket.max_message_bytes = max_frame_bytes;
    auto client = std::make_shared<net::WsClient>(io_.get_executor(), std::move(socket));
    auto connected = co_await client->connect(std::move(*target));
    if (!connected) {
        ++endpoint_;
        const net::WsConnectError& error = connected.error();
        run.fail(type_of(error), error.http_status != 0
                                     ? "Jetstream answered " + std::to_string(error.http_status)
                                     : "Jetstream cannot be reached");
        co_return nullptr;
    }
    order.window.begin_connection(cursor);
    const jetstream::Rewind rewind;
    order.gap.begin(order.window.position(),
                    same_host ? std::chrono::microseconds(0) : rewind.other_host);
    order.connected_to = host;
    co_return client;
}

asio::awaitable<Backfill::Read> Backfill::read(jobs::Run& run, BackfillOrder& order,
                                               std::shared_ptr<net::WsClient> client,
                                               Deadline end) {
    ReadWatch watch(io_.get_executor(), client, options_.quiet, end);
    while (!order.window.over() && !run.stopping() && !watch.out_of_time()) {
        auto frame = co_await client->read();
        if (!frame) break;
        watch.heard();
        take(order, *frame);
        // What nobody wants fills no batch, and still the rest must not wait for long.
        const bool full = order.items.size() >= options_.batch_events ||
                          order.bytes >= options_.batch_bytes ||
                          SteadyClock::now() - order.stored_at >= store_every;
        if (!full) continue;
        watch.pause();
        const bool stored = co_await store(run, order);
        if (!stored) co_return Read::stopped;
        watch.heard();
    }
    const bool silent = watch.silent();
    const bool out_of_time = watch.out_of_time();
    watch.pause();
    client->abort();
    const bool stored = co_await store(run, order);
    if (!stored) co_return Read::stopped;
    if (order.window.over() || out_of_time || run.stopping()) co_return Read::over;
    if (silent) {
        order.window.fell_silent();
        co_return Read::go_on;
    }
    // Servers hang up on slow readers; one that does so before it has sent anything is no use.
    if (order.window.progressed()) co_return Read::go_on;
    ++endpoint_;
    run.fail(jobs::ErrorType::network_error, "Jetstream hung up");
    co_return Read::stopped;
}

// As in the live stream: what cannot be read is kept as it came, what nobody wants moves the
// position. The stamp decides whether it is part of the order.
void Backfill::take(BackfillOrder& order, const net::WsFrame& frame) {
    const auto now = SteadyClock::now();
    auto decoded = decoder_.decode(frame.data, true);
    jetstream::StoredCursor nowhere;  // set below, when it is known
    if (!decoded) {
        jetstream::DecodeError error = std::move(decoded).error();
        if (error.time_us != 0) {
            note(order, error.time_us);
            const Place place = order.window.observe(error.time_us);
            order.follow();
            if (place != Place::inside) return;
        }
        FaultyFrame faulty;
        faulty.reason = jetstream::to_string(error.fault);
        faulty.path = std::move(error.path);
        faulty.detail = std::move(error.reason);
        faulty.did = std::move(error.did);
        faulty.time_us = error.time_us;
        faulty.raw = frame.data.substr(0, max_raw_bytes);
        nowhere.time_us = order.window.position();
        QueueItem item{std::move(faulty), 0, nowhere, now};
        order.bytes += item.bytes();
        order.items.push_back(std::move(item));
        return;
    }
    const std::int64_t time_us = *decoded ? (*decoded)->time_us : decoder_.passed().time_us;
    note(order, time_us);
    const Place place = order.window.observe(time_us);
    order.follow();
    if (!*decoded || place == Place::outside) return;
    const bool record = (*decoded)->kind == jetstream::Kind::commit;
    if (place == Place::accounts && record) return;
    if (record) order.window.record_read();
    nowhere.time_us = order.window.position();
    QueueItem item{jetstream::Event(**decoded), 0, nowhere, now};
    order.bytes += item.bytes();
    order.items.push_back(std::move(item));
}

void Backfill::note(BackfillOrder& order, std::int64_t time_us) {
    if (std::exchange(order.fresh, false)) order.oldest_us = time_us;
    const auto gap = order.gap.observe(time_us);
    if (!gap) return;
    order.missing_seconds += gap->seconds();
    log_.error("part of what is to be backfilled is missing",
               {{"id", order.id},
                {"from", format_rfc3339(UnixMicros{gap->from_us})},
                {"to", format_rfc3339(UnixMicros{gap->to_us})},
                {"seconds", gap->seconds()}});
}

}  // namespace subcults::indexer
