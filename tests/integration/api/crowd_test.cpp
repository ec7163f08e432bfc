#include "integration/api/running_api.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch.hpp>

#include <sys/resource.h>
#include <algorithm>

using namespace subcults::test;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

struct Joined {
    unsigned status = 0;
    std::int64_t count = 0;
};

// One listener: a connection, one POST, the answer.
asio::awaitable<Joined> join_once(std::uint16_t port, std::string stream, std::string did) {
    auto executor = co_await asio::this_coro::executor;
    asio::ip::tcp::socket socket(executor);
    const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), port);
    co_await socket.async_connect(server, asio::use_awaitable);
    const std::string request = "POST /streams/" + stream +
                                "/join HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                                RunningApi::token(did) + "\r\nContent-Length: 0\r\n\r\n";
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    co_await http::async_read(socket, buffer, response, asio::use_awaitable);
    rapidjson::Document body;
    body.Parse(response.body().data(), response.body().size());
    Joined joined;
    joined.status = response.result_int();
    if (joined.status == 200) joined.count = body["join_count"].GetInt64();
    co_return joined;
}

void allow_many_descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

TEST_CASE("2,000 listeners join one stream at once: every answer is in the database, once") {
    constexpr int crowd = 2000;
    allow_many_descriptors();
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url());
    const std::string stream = create_stream(database, api, "did:plc:host");

    asio::io_context io{1};
    std::vector<Joined> answers(crowd);
    int failures = 0;
    for (int i = 0; i < crowd; ++i) {
        asio::co_spawn(io, join_once(api.port(), stream, "did:plc:l" + std::to_string(i)),
                       [&, i](std::exception_ptr failure, Joined joined) {
                           failures += failure ? 1 : 0;
                           answers[static_cast<std::size_t>(i)] = joined;
                       });
    }
    io.run();

    CHECK(failures == 0);
    std::vector<std::int64_t> counts;
    for (const Joined& joined : answers) {
        if (joined.status == 200) counts.push_back(joined.count);
    }
    REQUIRE(counts.size() == crowd);
    std::sort(counts.begin(), counts.end());
    for (int i = 0; i < crowd; ++i)
        REQUIRE(counts[static_cast<std::size_t>(i)] == i + 1);

    CHECK(database.execute("SELECT join_count FROM stream_sessions") == "2000");
    CHECK(database.execute("SELECT active_count FROM stream_sessions") == "2000");
    CHECK(database.execute("SELECT count(*) FROM stream_participants") == "2000");
    CHECK(database.execute("SELECT count(*) || ' ' || count(DISTINCT seq) || ' ' || max(seq)"
                           " FROM audit_logs WHERE action = 'joined'") == "2000 2000 2001");
    CHECK(api.metric("stream_joins_total") == crowd);
    // They shared transactions.
    CHECK(api.metric("ledger_batches_total") < crowd / 4);
}
