#include "db_test.hpp"
#include "tcp_proxy.hpp"

#include <libpq-fe.h>
#include <catch2/catch.hpp>

namespace subcults::db {

namespace {

DbResult<void> try_connect(ConnectionOptions options) {
    return run([&](asio::any_io_executor executor) -> asio::awaitable<DbResult<void>> {
        Connection connection(executor, std::move(options));
        auto outcome = co_await connection.connect();
        const bool as_said = connection.connected() == outcome.has_value();
        REQUIRE(as_said);
        co_return outcome;
    });
}

std::string part(const std::string& url, std::string_view key) {
    auto* options = PQconninfoParse(url.c_str(), nullptr);
    REQUIRE(options != nullptr);
    std::string value;
    for (const auto* option = options; option->keyword != nullptr; ++option) {
        if (option->keyword == key && option->val != nullptr) value = option->val;
    }
    PQconninfoFree(options);
    return value;
}

std::string socket_path(const TestPostgres& server) {
    const auto port = part(server.url(), "port");
    return part(server.url(), "host") + "/.s.PGSQL." + (port.empty() ? "5432" : port);
}

std::string over_tcp(const TestPostgres& server, const std::string& host, std::uint16_t port) {
    return "host=" + host + " port=" + std::to_string(port) + " dbname=postgres sslmode=disable" +
           " user=" + part(server.url(), "user");
}

}  // namespace

TEST_CASE("a server that is not there is unavailable") {
    for (const auto* uri : {"host=/nonexistent-directory", "host=127.0.0.1 port=1"}) {
        const auto outcome = try_connect(options_for(uri));
        REQUIRE_FALSE(outcome);
        CHECK(outcome.error().kind == ErrorKind::unavailable);
        CHECK(outcome.error().certainly_not_applied());
        CHECK(outcome.error().transient());
        CHECK_FALSE(outcome.error().message.empty());
    }
}

TEST_CASE("a name that does not resolve is unavailable within the time limit") {
    auto options = options_for("host=no-such-host.invalid");
    options.connect_timeout = std::chrono::milliseconds(2000);
    const auto start = SteadyClock::now();
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, std::move(options));
        auto outcome = co_await connection.connect();
        CHECK(SteadyClock::now() - start < std::chrono::seconds(4));
        REQUIRE_FALSE(outcome);
        CHECK(outcome.error().kind == ErrorKind::unavailable);
        CHECK(outcome.error().message.find("no-such-host.invalid") != std::string::npos);
    });
}

TEST_CASE("a connection string that is none is unavailable and not quoted") {
    const auto outcome = try_connect(options_for("postgresql//u:secret@h/db"));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().kind == ErrorKind::unavailable);
    CHECK(outcome.error().message.find("secret") == std::string::npos);
}

TEST_CASE("a server's refusal carries its SQLSTATE") {
    const TestDatabase database;
    const auto missing =
        try_connect(options_for(test::with_database(database.url(), "no_such_database")));
    REQUIRE_FALSE(missing);
    CHECK(missing.error().kind == ErrorKind::server);
    CHECK(missing.error().sqlstate == "3D000");
    CHECK_FALSE(missing.error().transient());

    const auto stranger = try_connect(options_for(database.url() + "&user=nobody_known"));
    REQUIRE_FALSE(stranger);
    CHECK(stranger.error().kind == ErrorKind::server);
    CHECK(stranger.error().is_class("28"));
}

TEST_CASE("a setting or statement that cannot be set up is named") {
    const TestDatabase database;
    auto with_setting = options_for(database.url(), {one});
    with_setting.settings.emplace_back("no_such_setting", "1");
    const auto setting = try_connect(std::move(with_setting));
    REQUIRE_FALSE(setting);
    CHECK(setting.error().kind == ErrorKind::server);
    CHECK(setting.error().statement == "no_such_setting");

    const auto prepared = try_connect(
        options_for(database.url(), {one, statement("broken", "SELECT * FROM no_such_table")}));
    REQUIRE_FALSE(prepared);
    CHECK(prepared.error().kind == ErrorKind::server);
    CHECK(prepared.error().sqlstate == "42P01");
    CHECK(prepared.error().statement == "broken");
}

TEST_CASE("settings and the application's name hold for the session") {
    const TestDatabase database;
    constexpr Statement show{
        "show",
        "SELECT current_setting('plan_cache_mode'), current_setting('application_name'), "
        "current_setting('client_encoding')"};
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        auto options = options_for(database.url(), {show});
        options.settings.emplace_back("plan_cache_mode", "force_generic_plan");
        Connection connection(executor, std::move(options));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        CHECK(connection.backend_pid() > 0);
        auto rows = co_await connection.query(show, Params(), soon());
        REQUIRE(rows);
        CHECK(rows->text(0, 0) == "force_generic_plan");
        CHECK(rows->text(0, 1) == "integration_db");
        CHECK(rows->text(0, 2) == "UTF8");
    });
}

TEST_CASE("host names are resolved and TCP works like a socket file") {
    const TestPostgres server;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        const test::TcpProxy proxy(executor, socket_path(server));
        Connection connection(executor,
                              options_for(over_tcp(server, "localhost", proxy.port()), {one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        auto rows = co_await connection.query(one, Params(), soon());
        REQUIRE(rows);
        CHECK(rows->int8(0, 0) == 1);
    });
}

TEST_CASE("the next host of a list is tried when one is away or silent") {
    const TestPostgres server;
    const auto directory = part(server.url(), "host");
    const auto port = part(server.url(), "port");
    const auto user = part(server.url(), "user");
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        // Accepts (the kernel does) and never says a word.
        asio::ip::tcp::acceptor silent(
            executor, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        const auto silent_port = std::to_string(silent.local_endpoint().port());
        auto options =
            options_for("host=/nonexistent,127.0.0.1," + directory + " port=" + port + "," +
                        silent_port + "," + port + " dbname=postgres user=" + user +
                        " sslmode=disable target_session_attrs=read-write");
        options.connect_timeout = std::chrono::milliseconds(4000);
        Connection connection(executor, std::move(options));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
    });
}

TEST_CASE("a server that accepts and says nothing costs no more than the time limit") {
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        asio::ip::tcp::acceptor silent(
            executor, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        auto options = options_for("host=127.0.0.1 sslmode=disable port=" +
                                   std::to_string(silent.local_endpoint().port()));
        options.connect_timeout = std::chrono::milliseconds(200);
        Connection connection(executor, std::move(options));
        const auto start = SteadyClock::now();
        auto outcome = co_await connection.connect();
        REQUIRE_FALSE(outcome);
        CHECK(outcome.error().kind == ErrorKind::unavailable);
        CHECK(SteadyClock::now() - start >= std::chrono::milliseconds(200));
        CHECK(SteadyClock::now() - start < std::chrono::seconds(5));
    });
}

TEST_CASE("closing ends a connect in progress") {
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        asio::ip::tcp::acceptor silent(
            executor, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        Connection connection(executor,
                              options_for("host=127.0.0.1 sslmode=disable port=" +
                                          std::to_string(silent.local_endpoint().port())));
        auto connecting = start(executor, connection.connect());
        auto peer = co_await silent.async_accept(asio::use_awaitable);
        connection.close();
        const auto has_ended = [&] { return connecting->done; };
        auto ended = co_await eventually(has_ended);
        REQUIRE(ended);
        REQUIRE(connecting->value);
        REQUIRE_FALSE(*connecting->value);
        CHECK(connecting->value->error().kind == ErrorKind::cancelled);
    });
}

TEST_CASE("a link that goes silent ends in a timeout") {
    const TestPostgres server;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        test::TcpProxy proxy(executor, socket_path(server));
        Connection connection(executor,
                              options_for(over_tcp(server, "127.0.0.1", proxy.port()), {one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        proxy.freeze();
        const auto deadline = deadline_in(std::chrono::milliseconds(200));
        auto rows = co_await connection.query(one, Params(), deadline);
        REQUIRE_FALSE(rows);
        CHECK(rows.error().kind == ErrorKind::timeout);
        CHECK_FALSE(rows.error().certainly_not_applied());
        CHECK_FALSE(connection.connected());
    });
}

TEST_CASE("a link that is cut while idle is noticed before anything is sent") {
    const TestPostgres server;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        test::TcpProxy proxy(executor, socket_path(server));
        Connection connection(executor,
                              options_for(over_tcp(server, "127.0.0.1", proxy.port()), {one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        CHECK(connection.idle());
        proxy.cut();
        const auto has_noticed = [&] { return !connection.idle(); };
        auto noticed = co_await eventually(has_noticed);
        REQUIRE(noticed);
        auto rows = co_await connection.query(one, Params(), soon());
        REQUIRE_FALSE(rows);
        CHECK(rows.error().kind == ErrorKind::unavailable);
        CHECK(rows.error().statement == "one");
    });
}

}  // namespace subcults::db
