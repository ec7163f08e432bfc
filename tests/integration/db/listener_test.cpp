#include "db_test.hpp"

#include "db/listener.hpp"

#include <catch2/catch.hpp>

namespace subcults::db {

namespace {

ListenerOptions listening_to(const TestDatabase& database, std::vector<std::string> channels) {
    ListenerOptions options;
    options.connection = options_for(database.url());
    options.connection.application_name = "listener";
    options.channels = std::move(channels);
    options.backoff.base = std::chrono::milliseconds(1);
    options.backoff.cap = std::chrono::milliseconds(50);
    return options;
}

}  // namespace

TEST_CASE("notifications reach whoever waits for them") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        auto listening = co_await connection.execute("LISTEN scenes", soon());
        REQUIRE(listening);

        auto waiting = start(executor, connection.next_notification(soon()));
        database.execute("NOTIFY scenes, 'first'");
        const auto has_arrived = [&] { return waiting->done; };
        auto arrived = co_await eventually(has_arrived);
        REQUIRE(arrived);
        REQUIRE(*waiting->value);
        CHECK((*waiting->value)->channel == "scenes");
        CHECK((*waiting->value)->payload == "first");

        // Those that come between or during queries are kept.
        database.execute("NOTIFY scenes, 'second'");
        database.execute("NOTIFY scenes, 'third'");
        auto rows = co_await connection.query(one, Params(), soon());
        REQUIRE(rows);
        auto next = co_await connection.next_notification(soon());
        REQUIRE(next);
        CHECK(next->payload == "second");
        next = co_await connection.next_notification(soon());
        REQUIRE(next);
        CHECK(next->payload == "third");
    });
}

TEST_CASE("waiting for a notification in vain leaves the connection as it was") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        auto listening = co_await connection.execute("LISTEN scenes", soon());
        REQUIRE(listening);
        const auto deadline = deadline_in(std::chrono::milliseconds(50));
        auto next = co_await connection.next_notification(deadline);
        REQUIRE_FALSE(next);
        CHECK(next.error().kind == ErrorKind::timeout);
        CHECK(connection.connected());
        database.execute("NOTIFY scenes, 'later'");
        next = co_await connection.next_notification(soon());
        REQUIRE(next);
        CHECK(next->payload == "later");
    });
}

TEST_CASE("a lost connection ends the wait for a notification") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url()));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        auto waiting = start(executor, connection.next_notification(soon()));
        const auto pid = std::to_string(connection.backend_pid());
        database.execute("SELECT pg_terminate_backend(" + pid + ")");
        const auto has_ended = [&] { return waiting->done; };
        auto ended = co_await eventually(has_ended);
        REQUIRE(ended);
        REQUIRE_FALSE(*waiting->value);
        CHECK(waiting->value->error().kind == ErrorKind::connection_lost);
        CHECK(waiting->value->error().sqlstate == "57P01");
        CHECK_FALSE(connection.connected());
    });
}

TEST_CASE("a listener reconnects, says so, and hears again") {
    const TestDatabase database;
    int connects = 0;
    std::vector<std::string> heard;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        auto options = listening_to(database, {"plain", "we\"ird Channel"});
        options.on_connected = [&connects] { ++connects; };
        options.on_notification = [&heard](const Notification& notification) {
            heard.push_back(notification.channel + ":" + notification.payload);
        };
        Listener listener(executor, std::move(options));
        listener.start();
        const auto has_happened = [&] { return connects == 1; };
        auto happened = co_await eventually(has_happened);
        REQUIRE(happened);
        CHECK(listener.connected());
        database.execute("NOTIFY plain, 'a'; NOTIFY \"we\"\"ird Channel\", 'b'");
        const auto has_happened_2 = [&] { return heard.size() == 2; };
        happened = co_await eventually(has_happened_2);
        REQUIRE(happened);
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'listener' AND datname = current_database()");
        const auto has_happened_3 = [&] { return connects == 2; };
        happened = co_await eventually(has_happened_3);
        REQUIRE(happened);
        database.execute("NOTIFY plain, 'c'");
        const auto has_happened_4 = [&] { return heard.size() == 3; };
        happened = co_await eventually(has_happened_4);
        REQUIRE(happened);
        listener.stop();
        CHECK_FALSE(listener.connected());
    });
    CHECK(heard == std::vector<std::string>{"plain:a", "we\"ird Channel:b", "plain:c"});
}

TEST_CASE("a listener may be destroyed by its own callback") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        std::unique_ptr<Listener> listener;
        auto options = listening_to(database, {"scenes"});
        options.on_connected = [&listener] { listener.reset(); };
        listener = std::make_unique<Listener>(executor, std::move(options));
        listener->start();
        const auto has_gone = [&] { return listener == nullptr; };
        auto gone = co_await eventually(has_gone);
        CHECK(gone);
    });
}

}  // namespace subcults::db
