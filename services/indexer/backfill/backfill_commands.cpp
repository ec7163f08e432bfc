#include "backfill/backfill_commands.hpp"

#include "backfill/backfill_report.hpp"
#include "backfill/backfill_sql.hpp"
#include "backfill/moment.hpp"
#include "jetstream/cursor.hpp"
#include "maintenance/one_shot.hpp"
#include "service/cli.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

constexpr const char* consumer = "indexer";
constexpr std::chrono::seconds statement_limit{10};
constexpr std::chrono::seconds look_every{1};
// So many looks at an order that nobody takes are worth a word.
constexpr int patience = 10;

int failed(const db::Error& error) {
    const std::string why = db::describe(error);
    std::fprintf(stderr, "subcults-indexer backfill: %s\n", why.c_str());
    return service::exit_failed;
}

int mistaken(const char* why) {
    std::fprintf(stderr, "subcults-indexer backfill: %s\n", why);
    return service::exit_usage;
}

BackfillState read_state(const db::Rows& rows, int row) {
    BackfillState state;
    state.id = rows.int8(row, 0);
    state.status = std::string(rows.text(row, 1));
    state.from_us = rows.int8(row, 2);
    state.to_us = rows.int8(row, 3);
    if (!rows.is_null(row, 4)) state.position_us = rows.int8(row, 4);
    if (!rows.is_null(row, 5)) state.oldest_us = rows.int8(row, 5);
    state.events = rows.int8(row, 6);
    state.rows_changed = rows.int8(row, 7);
    state.set_aside = rows.int8(row, 8);
    state.missing_seconds = rows.float8(row, 9);
    state.runs = rows.int8(row, 10);
    state.host = std::string(rows.text(row, 11));
    state.error_type = std::string(rows.text(row, 12));
    return state;
}

void print(const BackfillState& state, bool json) {
    const std::string text = json ? json_of(state) : line_of(state);
    std::printf("%s\n", text.c_str());
    std::fflush(stdout);
}

// Prints whatever changes, until it has ended.
asio::awaitable<int> watch(db::Connection& connection, std::int64_t id, bool json) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    std::string shown;
    int waited = 0;
    for (;;) {
        db::Params params;
        params.text(consumer).int8(id);
        auto deadline = deadline_in(statement_limit);
        auto rows = co_await connection.query(backfill_sql::show_one, std::move(params), deadline);
        if (!rows) co_return failed(rows.error());
        if (rows->empty()) co_return mistaken("there is no such backfill");
        const BackfillState state = read_state(*rows, 0);
        std::string text = json_of(state);
        if (text != shown) print(state, json);
        shown = std::move(text);
        if (state.ended()) {
            const std::string warning = warning_of(state);
            if (!warning.empty()) std::fprintf(stderr, "warning: %s\n", warning.c_str());
            co_return state.status == "completed" ? service::exit_ok : service::exit_failed;
        }
        if (state.status == "waiting" && ++waited == patience) {
            std::fprintf(stderr, "nobody has begun yet: is an indexer running?\n");
        }
        timer.expires_after(look_every);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

asio::awaitable<int> request(db::Connection& connection, std::int64_t from_us, std::int64_t to_us,
                             bool detach, bool json) {
    db::Params params;
    params.text(consumer).int8(from_us).int8(to_us);
    auto deadline = deadline_in(statement_limit);
    auto made = co_await connection.query(backfill_sql::request, std::move(params), deadline);
    if (!made) co_return failed(made.error());
    const std::int64_t id = made->int8(0, 0);
    if (detach) {
        BackfillState state;
        state.id = id;
        state.status = "waiting";
        state.from_us = from_us;
        state.to_us = to_us;
        print(state, json);
        co_return service::exit_ok;
    }
    std::fprintf(stderr,
                 "ordered: an indexer does the work, and goes on without this command. To look "
                 "again: --watch %lld; to end it: --cancel %lld\n",
                 static_cast<long long>(id), static_cast<long long>(id));
    const int status = co_await watch(connection, id, json);
    co_return status;
}

asio::awaitable<int> list(db::Connection& connection, bool json) {
    db::Params params;
    params.text(consumer).int8(100);
    auto deadline = deadline_in(statement_limit);
    auto rows = co_await connection.query(backfill_sql::show_all, std::move(params), deadline);
    if (!rows) co_return failed(rows.error());
    for (int row = 0; row < rows->size(); ++row)
        print(read_state(*rows, row), json);
    co_return service::exit_ok;
}

asio::awaitable<int> cancel(db::Connection& connection, std::int64_t id) {
    db::Params params;
    params.int8(id).text(consumer);
    auto deadline = deadline_in(statement_limit);
    auto done = co_await connection.query(backfill_sql::cancel, std::move(params), deadline);
    if (!done) co_return failed(done.error());
    if (done->affected() == 0) {
        std::fprintf(stderr, "subcults-indexer backfill: no such backfill is under way\n");
        co_return service::exit_failed;
    }
    std::printf("backfill %lld: cancelled\n", static_cast<long long>(id));
    co_return service::exit_ok;
}

}  // namespace

struct BackfillCommands::Options {
    std::string from;
    std::string to;
    bool detach = false;
    bool list = false;
    bool json = false;
    std::int64_t watch = 0;
    std::int64_t cancel = 0;
};

BackfillCommands::~BackfillCommands() = default;

BackfillCommands::BackfillCommands(CLI::App& cli, const std::string& footer)
    : options_(std::make_unique<Options>()),
      command_(cli.add_subcommand(
          "backfill",
          "Read a stretch of what the servers still have again, beside the live stream; "
          "safe while indexers run, and done by one of them")) {
    CLI::Option* from = command_->add_option(
        "--from", options_->from, "Beginning: 2026-01-29T02:30:00Z, or how long ago: 36h, 2d, 15m");
    command_->add_option("--to", options_->to, "End, likewise; without it, now")->needs(from);
    command_->add_flag("--detach", options_->detach, "Do not wait for the end")->needs(from);
    CLI::Option* show = command_->add_flag("--list", options_->list, "Show the last hundred");
    CLI::Option* watching =
        command_->add_option("--watch", options_->watch, "Show this one until it has ended")
            ->check(CLI::PositiveNumber);
    CLI::Option* ending = command_->add_option("--cancel", options_->cancel, "End this one")
                              ->check(CLI::PositiveNumber);
    command_->add_flag("--json", options_->json, "One JSON object per line");
    const std::vector<CLI::Option*> one_of{from, show, watching, ending};
    for (CLI::Option* option : one_of) {
        for (CLI::Option* other : one_of) {
            if (other != option) option->excludes(other);
        }
    }
    command_->footer(footer);
}

bool BackfillCommands::chosen() const {
    return command_->parsed();
}

int BackfillCommands::run() const {
    const Options& asked = *options_;
    const std::vector<db::Statement> statements(backfill_sql::operators.begin(),
                                                backfill_sql::operators.end());
    if (asked.list) {
        return run_one_shot(statements, [&asked](db::Connection& connection) {
            return list(connection, asked.json);
        });
    }
    if (asked.watch > 0) {
        return run_one_shot(statements, [&asked](db::Connection& connection) {
            return watch(connection, asked.watch, asked.json);
        });
    }
    if (asked.cancel > 0) {
        return run_one_shot(statements, [&asked](db::Connection& connection) {
            return cancel(connection, asked.cancel);
        });
    }
    if (asked.from.empty())
        return mistaken("one of --from, --list, --watch and --cancel is needed");
    const UnixMicros now = now_micros();
    const auto from = parse_moment(asked.from, now);
    const auto to = asked.to.empty() ? std::optional(now) : parse_moment(asked.to, now);
    if (!from || !to) {
        return mistaken("a time is written as 2026-01-29T02:30:00Z, or as how long ago: 36h, 2d");
    }
    if (*to > now) return mistaken("--to lies in the future: that is what the live stream is for");
    if (*from >= *to) return mistaken("--from must be before --to");
    if (from->value < jetstream::min_time_cursor) return mistaken("--from is before the network");
    return run_one_shot(statements, [&asked, from, to](db::Connection& connection) {
        return request(connection, from->value, to->value, asked.detach, asked.json);
    });
}

}  // namespace subcults::indexer
