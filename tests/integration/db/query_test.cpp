#include "db_test.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <limits>

namespace subcults::db {

namespace {

constexpr Statement scalars{
    "scalars",
    "SELECT $1::bool, $2::int4, $3::int8, $4::float8, $5::text, $6::bytea, $7::uuid, "
    "$8::timestamptz, $9::jsonb, $10::text, $8::timestamptz::text, $9::jsonb ->> 'k'"};
constexpr Statement texts{
    "texts",
    "SELECT t, t IS NULL, octet_length(t) FROM unnest($1::text[]) WITH ORDINALITY u(t, n) "
    "ORDER BY n"};
constexpr Statement arrays{
    "arrays",
    "SELECT ($1::bool[])::text, ($2::int4[])::text, ($3::int8[])::text, ($4::float8[])::text, "
    "($5::bytea[])::text, ($6::uuid[])::text, ($7::timestamptz[])::text, ($8::jsonb[])::text"};
constexpr Statement echo{"echo", "SELECT $1::bytea"};

}  // namespace

TEST_CASE("every scalar type makes the round trip") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        auto options = options_for(database.url(), {scalars});
        options.settings.emplace_back("TimeZone", "UTC");
        Connection connection(executor, std::move(options));
        auto connected = co_await connection.connect();
        REQUIRE(connected);

        const auto id = uuid_v7();
        const auto time = *parse_rfc3339("2026-01-29T02:30:00.123456Z");
        const std::string binary("\0\\'\xff", 4);
        Params params;
        params.boolean(true).int4(-5).int8(std::numeric_limits<std::int64_t>::max()).float8(0.1);
        params.text("Grüße, \"x\" \\ 'y' 𝄞").bytea(binary).uuid(id).timestamptz(time);
        params.jsonb(R"({"k":"v"})").null();
        auto rows = co_await connection.query(scalars, std::move(params), soon());
        REQUIRE(rows);
        REQUIRE(rows->size() == 1);
        CHECK(rows->boolean(0, 0));
        CHECK(rows->int4(0, 1) == -5);
        CHECK(rows->int8(0, 2) == std::numeric_limits<std::int64_t>::max());
        CHECK(rows->float8(0, 3) == 0.1);
        CHECK(rows->text(0, 4) == "Grüße, \"x\" \\ 'y' 𝄞");
        CHECK(rows->bytea(0, 5) == binary);
        CHECK(rows->uuid(0, 6) == id);
        CHECK(rows->timestamptz(0, 7) == time);
        CHECK(rows->jsonb(0, 8) == R"({"k": "v"})");
        CHECK(rows->is_null(0, 9));
        CHECK(rows->text(0, 10) == "2026-01-29 02:30:00.123456+00");
        CHECK(rows->text(0, 11) == "v");
        CHECK(rows->command() == "SELECT 1");
        CHECK(rows->affected() == 1);
    });
}

TEST_CASE("texts in an array may hold anything") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {texts}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        const std::vector<std::optional<std::string_view>> values{
            "plain", "",           "a\"b", "back\\slash", "{curly},",
            "NULL",  std::nullopt, "ünï𝄞", " space "};
        Params params;
        params.text_array(values);
        auto rows = co_await connection.query(texts, std::move(params), soon());
        REQUIRE(rows);
        REQUIRE(rows->size() == static_cast<int>(values.size()));
        for (int i = 0; i < rows->size(); ++i) {
            const auto& value = values[static_cast<std::size_t>(i)];
            CHECK(rows->boolean(i, 1) == !value);
            if (!value) continue;
            CHECK(rows->text(i, 0) == *value);
            CHECK(rows->int4(i, 2) == static_cast<std::int32_t>(value->size()));
        }
        Params none;
        none.text_array(std::span<const std::string_view>());
        rows = co_await connection.query(texts, std::move(none), soon());
        REQUIRE(rows);
        CHECK(rows->empty());
    });
}

TEST_CASE("the server understands every array type") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        auto options = options_for(database.url(), {arrays});
        options.settings.emplace_back("TimeZone", "UTC");
        Connection connection(executor, std::move(options));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        const auto id = *Uuid::parse("00112233-4455-6677-8899-aabbccddeeff");
        const std::array<bool, 2> booleans{true, false};
        const std::array<std::int32_t, 2> int4s{1, -2};
        const std::array<std::int64_t, 2> int8s{3, -4};
        const std::array<std::optional<double>, 2> doubles{0.5, std::nullopt};
        const std::array<std::optional<std::string_view>, 2> bytes{std::string_view("\0", 1),
                                                                   std::nullopt};
        const std::array<std::optional<Uuid>, 2> uuids{id, std::nullopt};
        const std::array<UnixMicros, 1> times{UnixMicros{1}};
        const std::array<std::optional<std::string_view>, 2> json{"[1]", std::nullopt};
        Params params;
        params.boolean_array(booleans).int4_array(int4s).int8_array(int8s).float8_array(doubles);
        params.bytea_array(bytes).uuid_array(uuids).timestamptz_array(times).jsonb_array(json);
        auto rows = co_await connection.query(arrays, std::move(params), soon());
        REQUIRE(rows);
        CHECK(rows->text(0, 0) == "{t,f}");
        CHECK(rows->text(0, 1) == "{1,-2}");
        CHECK(rows->text(0, 2) == "{3,-4}");
        CHECK(rows->text(0, 3) == "{0.5,NULL}");
        CHECK(rows->text(0, 4) == R"({"\\x00",NULL})");
        CHECK(rows->text(0, 5) == "{00112233-4455-6677-8899-aabbccddeeff,NULL}");
        CHECK(rows->text(0, 6) == R"({"1970-01-01 00:00:00.000001+00"})");
        CHECK(rows->text(0, 7) == "{[1],NULL}");
    });
}

TEST_CASE("a refused statement carries its SQLSTATE and name, and the connection lives on") {
    const TestDatabase database;
    constexpr Statement divide{"divide", "SELECT 1 / $1::int4"};
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {divide, one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        Params zero;
        zero.int4(0);
        auto rows = co_await connection.query(divide, std::move(zero), soon());
        REQUIRE_FALSE(rows);
        CHECK(rows.error().kind == ErrorKind::server);
        CHECK(rows.error().sqlstate == "22012");
        CHECK(rows.error().statement == "divide");
        CHECK(rows.error().message == "division by zero");
        CHECK(connection.connected());
        CHECK(connection.idle());

        auto unknown = co_await connection.query(statement("unknown", ""), Params(), soon());
        REQUIRE_FALSE(unknown);
        CHECK(unknown.error().sqlstate == "26000");

        rows = co_await connection.query(one, Params(), soon());
        REQUIRE(rows);
        CHECK(rows->int8(0, 0) == 1);
    });
}

TEST_CASE("ten megabytes go out and come back at once, alone and in a pipeline") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {echo}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        std::string big(10'000'000, 'x');
        for (std::size_t i = 0; i < big.size(); i += 997)
            big[i] = static_cast<char>(i % 256);
        Params params;
        params.bytea(big);
        auto rows = co_await connection.query(echo, params, soon());
        REQUIRE(rows);
        CHECK(rows->bytea(0, 0) == big);

        Pipeline pipeline;
        for (int i = 0; i < 4; ++i)
            pipeline.add(echo, params);
        auto result = co_await connection.run("echoes", std::move(pipeline), soon());
        REQUIRE(result);
        REQUIRE(result->ok());
        REQUIRE(result->rows.size() == 4);
        for (const auto& answer : result->rows)
            CHECK(answer.bytea(0, 0) == big);
    });
}

TEST_CASE("a plain command may hold several, and its error is reported") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url()));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        auto done = co_await connection.execute(
            "CREATE TABLE t (x int); INSERT INTO t VALUES (1), (2); SELECT * FROM t", soon());
        CHECK(done);
        done = co_await connection.execute("INSERT INTO t VALUES (3); SELECT 1/0", soon());
        REQUIRE_FALSE(done);
        CHECK(done.error().sqlstate == "22012");
        CHECK(database.execute("SELECT count(*) FROM t") == "2");
        // What would switch the protocol to another mode ends the connection instead.
        done = co_await connection.execute("COPY t FROM STDIN", soon());
        REQUIRE_FALSE(done);
        CHECK(done.error().kind == ErrorKind::protocol);
        CHECK_FALSE(connection.connected());
    });
}

TEST_CASE("the time of each request is reported under its name") {
    const TestDatabase database;
    std::vector<std::string> names;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        auto options = options_for(database.url(), {one});
        options.on_query = [&names](std::string_view name, double seconds) {
            if (seconds > 0 && seconds < 20) names.emplace_back(name);
        };
        Connection connection(executor, std::move(options));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        auto rows = co_await connection.query(one, Params(), soon());
        REQUIRE(rows);
        Pipeline pipeline;
        pipeline.command("BEGIN").add(one).command("COMMIT");
        auto result = co_await connection.run("three", std::move(pipeline), soon());
        REQUIRE(result);
    });
    CHECK(names == std::vector<std::string>{"one", "three"});
}

}  // namespace subcults::db
