#include "sim/server.hpp"
#include "sim/feed.hpp"
#include "sim/publisher.hpp"

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <boost/beast/websocket.hpp>

#include <rapidjson/document.h>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace subcults;
using namespace subcults::sim;

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using tcp = asio::ip::tcp;

constexpr auto patience = std::chrono::seconds(20);

// The server on a thread and a port of its own.
class Running {
  public:
    explicit Running(std::unique_ptr<Feed> feed = nullptr, ServerOptions options = {},
                     PublisherOptions publishing = {})
        : log_("sim", LogLevel::off) {
        options.port = 0;
        server_ = std::make_unique<Server>(context_, options, log_);
        publisher_ = std::make_unique<Publisher>(context_, *server_, std::move(feed), publishing);
        auto accepting = server_->run();
        asio::co_spawn(context_, std::move(accepting), [](std::exception_ptr) {});
        auto feeding = publisher_->run();
        asio::co_spawn(context_, std::move(feeding), [](std::exception_ptr) {});
        port_ = server_->port();
        thread_ = std::thread([this] { context_.run(); });
    }
    ~Running() { stop(); }
    void stop() {
        if (!thread_.joinable()) return;
        asio::post(context_, [this] {
            publisher_->stop();
            server_->stop();
        });
        thread_.join();
    }
    std::uint16_t port() const noexcept { return port_; }

  private:
    Log log_;
    asio::io_context context_{1};
    std::unique_ptr<Server> server_;
    std::unique_ptr<Publisher> publisher_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

struct HttpAnswer {
    unsigned status = 0;
    std::string body;
};

HttpAnswer request(std::uint16_t port, http::verb method, const std::string& target,
                   const std::string& body = "") {
    asio::io_context context;
    tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), port});
    http::request<http::string_body> message(method, target, 11);
    message.set(http::field::host, "localhost");
    message.body() = body;
    message.prepare_payload();
    http::write(socket, message);
    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    http::read(socket, buffer, response);
    return {response.result_int(), response.body()};
}

std::uint64_t stat(std::uint16_t port, const char* name) {
    rapidjson::Document stats;
    stats.Parse(request(port, http::verb::get, "/control/stats").body.c_str());
    return stats[name].GetUint64();
}

// Polls until a statistic reaches a value; false when it never does.
bool reaches(std::uint16_t port, const char* name, std::uint64_t value) {
    const auto deadline = SteadyClock::now() + patience;
    while (SteadyClock::now() < deadline) {
        if (stat(port, name) == value) return true;
        std::this_thread::yield();
    }
    return false;
}

class Client {
  public:
    explicit Client(std::uint16_t port, const std::string& query = "",
                    const std::string& encoding = "")
        : stream_(context_) {
        beast::get_lowest_layer(stream_).connect(
            tcp::endpoint(asio::ip::address_v4::loopback(), port));
        if (!encoding.empty()) {
            stream_.set_option(websocket::stream_base::decorator(
                [encoding](websocket::request_type& r) { r.set("Socket-Encoding", encoding); }));
        }
        stream_.control_callback([this](websocket::frame_type type, beast::string_view) {
            if (type == websocket::frame_type::ping) ++pings_;
        });
        const std::string target = "/subscribe" + (query.empty() ? "" : "?" + query);
        stream_.handshake(response_, "localhost", target, error_);
    }
    // The next text, or nullopt when the connection ended. Fails the test when nothing comes.
    std::optional<std::string> read() {
        beast::flat_buffer buffer;
        std::optional<beast::error_code> result;
        stream_.async_read(buffer, [&](beast::error_code error, std::size_t) { result = error; });
        run_until(result);
        error_ = *result;
        if (error_) return std::nullopt;
        return beast::buffers_to_string(buffer.data());
    }
    std::vector<std::string> read(std::size_t count) {
        std::vector<std::string> texts;
        while (texts.size() < count) {
            auto text = read();
            if (!text) break;
            texts.push_back(std::move(*text));
        }
        return texts;
    }
    // True when no text comes before a marker that is published now.
    bool silent_until(std::uint16_t port, const std::string& marker) {
        request(port, http::verb::post, "/control/append", marker);
        return read() == marker;
    }
    void write(const std::string& text) { stream_.write(asio::buffer(text)); }
    const beast::error_code& error() const noexcept { return error_; }
    const websocket::response_type& response() const noexcept { return response_; }
    websocket::close_reason reason() const { return stream_.reason(); }
    int pings() const noexcept { return pings_; }
    void run_until_ping() {
        beast::flat_buffer buffer;
        stream_.async_read(buffer, [](beast::error_code, std::size_t) {});
        const auto deadline = SteadyClock::now() + patience;
        while (pings_ == 0 && SteadyClock::now() < deadline) {
            context_.run_one_for(std::chrono::milliseconds(100));
        }
        beast::get_lowest_layer(stream_).close();
        context_.run();
    }

  private:
    void run_until(std::optional<beast::error_code>& result) {
        context_.restart();
        const auto deadline = SteadyClock::now() + patience;
        while (!result && SteadyClock::now() < deadline) {
            context_.run_one_for(std::chrono::milliseconds(200));
        }
        if (result) return;
        beast::get_lowest_layer(stream_).close();
        context_.run();
        FAIL("nothing arrived");
    }

    asio::io_context context_;
    websocket::stream<beast::tcp_stream> stream_;
    websocket::response_type response_;
    beast::error_code error_;
    int pings_ = 0;
};

constexpr std::int64_t base_time = 1'783'175'888'000'000;

std::string line(int i, const std::string& collection = "tv.subcult.scene",
                 const std::string& did = "did:plc:a") {
    return R"({"did":")" + did + R"(","time_us":)" + std::to_string(base_time + i) +
           R"(,"kind":"commit","commit":{"rev":"3mptbypluud2a","operation":"delete","collection":")" +
           collection + R"(","rkey":"r)" + std::to_string(i) + "\"}}";
}
std::string identity(int i, const std::string& did) {
    return R"({"did":")" + did + R"(","time_us":)" + std::to_string(base_time + i) +
           R"(,"kind":"identity","identity":{"did":")" + did + "\"}}";
}
std::vector<std::string> lines(int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i)
        all.push_back(line(i));
    return all;
}
std::unique_ptr<Feed> file(std::vector<std::string> all, bool loop = false) {
    return std::make_unique<FileFeed>(std::move(all), loop);
}
std::string joined(const std::vector<std::string>& all) {
    std::string text;
    for (const std::string& one : all)
        text += one + "\n";
    return text;
}

}  // namespace

TEST_CASE("A first subscriber receives the whole file byte for byte, garbage included") {
    auto all = lines(3'000);
    all[5] = "this is no JSON at all";
    all[7] = R"({"did":5,"time_us":"x")";
    Running sim(file(all));
    Client client(sim.port());
    REQUIRE_FALSE(client.error());
    CHECK(client.read(all.size()) == all);
    CHECK(reaches(sim.port(), "sent", all.size()));
    CHECK(stat(sim.port(), "published") == all.size());
    CHECK(stat(sim.port(), "subscribers") == 1);
    CHECK(stat(sim.port(), "connections_total") == 1);
}

TEST_CASE("A cursor replays inclusively by time in order of publication, then goes on live") {
    Running sim;
    // Times are not in order, as in real streams.
    const std::vector<std::string> published{line(10), line(12), line(11), line(14), line(13)};
    request(sim.port(), http::verb::post, "/control/append", joined(published));
    Client client(sim.port(), "cursor=" + std::to_string(base_time + 12));
    request(sim.port(), http::verb::post, "/control/append", line(9) + "\n" + line(20));
    CHECK(client.read(5) ==
          std::vector<std::string>{line(12), line(14), line(13), line(9), line(20)});
}

TEST_CASE("Without a cursor and with a future one a subscriber begins live") {
    Running sim;
    request(sim.port(), http::verb::post, "/control/append", joined(lines(5)));
    Client none(sim.port());
    Client future(sim.port(), "cursor=" + std::to_string(base_time + 1'000'000));
    REQUIRE(reaches(sim.port(), "subscribers", 2));
    CHECK(none.silent_until(sim.port(), line(100)));
    CHECK(future.read() == line(100));
}

TEST_CASE("An old cursor begins with the oldest frame that is retained") {
    ServerOptions options;
    options.retention = 10;
    Running sim(nullptr, options);
    const auto all = lines(25);
    request(sim.port(), http::verb::post, "/control/append", joined(all));
    Client client(sim.port(), "cursor=1");
    CHECK(client.read(10) == std::vector<std::string>(all.begin() + 15, all.end()));
}

TEST_CASE("Filters choose collections and DIDs as a real server does") {
    Running sim;
    Client scenes(sim.port(), "wantedCollections=tv.subcult.scene&wantedCollections=app.subcult.*");
    Client people(sim.port(), "wantedDids=did:plc:b&wantedCollections=tv.subcult.%2A");
    Client small(sim.port(), "maxMessageSizeBytes=140");
    REQUIRE(reaches(sim.port(), "subscribers", 3));
    const std::string a = line(1), b = line(2, "app.subcult.post"), c = line(3, "app.bsky.x.post"),
                      d = line(4, "tv.subcult.event", "did:plc:b"), e = identity(5, "did:plc:a"),
                      f = identity(6, "did:plc:b"), garbage = "garbage";
    REQUIRE(e.size() <= 140);
    REQUIRE(a.size() > 140);
    request(sim.port(), http::verb::post, "/control/append", joined({a, b, c, d, e, f, garbage}));
    CHECK(scenes.read(5) == std::vector<std::string>{a, b, e, f, garbage});
    CHECK(people.read(3) == std::vector<std::string>{d, f, garbage});
    CHECK(small.read(3) == std::vector<std::string>{e, f, garbage});
}

TEST_CASE("An invalid request is refused before the upgrade with a text") {
    Running sim;
    std::string many;
    for (int i = 0; i <= 100; ++i)
        many += "&wantedCollections=a.b.c" + std::to_string(i);
    for (const std::string& query :
         {std::string("cursor=soon"), std::string("cursor=-1"), std::string("cursor="),
          std::string("wantedCollections=scene"), std::string("wantedCollections=*"),
          std::string("wantedDids=ana"), std::string("compress=true"), many.substr(1)}) {
        INFO(query.substr(0, 60));
        Client client(sim.port(), query);
        CHECK(client.error() == websocket::error::upgrade_declined);
        CHECK(client.response().result_int() == 400);
        CHECK_FALSE(client.response().body().empty());
    }
    Client zstd(sim.port(), "", "zstd");
    CHECK(zstd.response().result_int() == 400);
    CHECK(stat(sim.port(), "connections_total") == 0);
}

TEST_CASE("A subscriber that must say hello receives nothing before it did") {
    Running sim;
    Client client(sim.port(), "requireHello=true");
    REQUIRE(reaches(sim.port(), "subscribers", 1));
    request(sim.port(), http::verb::post, "/control/append", joined({line(1), line(2, "a.b.c")}));
    client.write(R"({"type":"something_else"})");
    client.write(R"({"type":"options_update","payload":{"wantedCollections":["a.b.c"]}})");
    CHECK(client.read() == line(2, "a.b.c"));
    client.write(R"({"type":"options_update","payload":{"wantedCollections":["nothing"]}})");
    CHECK_FALSE(client.read().has_value());
    CHECK(client.error() == websocket::error::closed);
    CHECK(client.reason().code == websocket::close_code::normal);
    CHECK_FALSE(client.reason().reason.empty());
    CHECK(reaches(sim.port(), "subscribers", 0));
}

TEST_CASE("A drop ends connections without a close frame and a cursor resumes") {
    Running sim;
    Client first(sim.port());
    REQUIRE(reaches(sim.port(), "subscribers", 1));
    request(sim.port(), http::verb::post, "/control/append", joined(lines(3)));
    CHECK(first.read(3).size() == 3);
    CHECK(request(sim.port(), http::verb::post, "/control/drop").status == 200);
    CHECK_FALSE(first.read().has_value());
    CHECK(first.error() != websocket::error::closed);
    CHECK(reaches(sim.port(), "subscribers", 0));
    Client second(sim.port(), "cursor=" + std::to_string(base_time + 1));
    CHECK(second.read(2) == std::vector<std::string>{line(1), line(2)});
    CHECK(stat(sim.port(), "connections_total") == 2);
}

TEST_CASE("A stalled server accepts and stays silent until it resumes") {
    Running sim;
    CHECK(request(sim.port(), http::verb::post, "/control/stall").status == 200);
    Client client(sim.port());
    REQUIRE_FALSE(client.error());
    request(sim.port(), http::verb::post, "/control/append", line(1));
    CHECK(stat(sim.port(), "sent") == 0);
    request(sim.port(), http::verb::post, "/control/resume");
    CHECK(client.read() == line(1));
    // A stall with a time ends by itself.
    request(sim.port(), http::verb::post, "/control/stall?ms=30");
    request(sim.port(), http::verb::post, "/control/append", line(2));
    CHECK(client.read() == line(2));
    request(sim.port(), http::verb::post, "/control/stall", R"({"ms":30})");
    request(sim.port(), http::verb::post, "/control/append", line(3));
    CHECK(client.read() == line(3));
}

TEST_CASE("A subscriber that falls out of the ring is cut off without a close frame") {
    ServerOptions options;
    options.retention = 20;
    Running sim(nullptr, options);
    Client client(sim.port());
    REQUIRE(reaches(sim.port(), "subscribers", 1));
    request(sim.port(), http::verb::post, "/control/stall");
    request(sim.port(), http::verb::post, "/control/append", joined(lines(100)));
    request(sim.port(), http::verb::post, "/control/resume");
    CHECK_FALSE(client.read().has_value());
    CHECK(client.error() != websocket::error::closed);
    CHECK(reaches(sim.port(), "dropped_slow", 1));
}

TEST_CASE("Without a rate nothing is lost to speed, however small the ring is") {
    ServerOptions options;
    options.retention = 64;
    const auto all = lines(5'000);
    Running sim(file(all), options);
    Client client(sim.port());
    CHECK(client.read(all.size()) == all);
    CHECK(stat(sim.port(), "dropped_slow") == 0);
}

TEST_CASE("Started at once and at a rate, frames are published without subscribers") {
    PublisherOptions publishing;
    publishing.rate = 5'000;
    publishing.start_now = true;
    Running sim(file(lines(200)), {}, publishing);
    CHECK(reaches(sim.port(), "published", 200));
    Client late(sim.port(), "cursor=1");
    CHECK(late.read(200) == lines(200));
}

TEST_CASE("Each pass over a looped file is news: later times and later revisions") {
    const std::vector<std::string> all{line(1), "garbage", identity(3, "did:plc:a"), line(2)};
    FileFeed feed(all, true);
    std::int64_t previous = 0;
    std::string previous_rev;
    for (int pass = 0; pass < 4; ++pass) {
        std::int64_t highest = previous;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const auto frame = feed.next(0);
            REQUIRE(frame.has_value());
            if (pass == 0 || i == 1) CHECK(frame->text == all[i]);
            if (i == 1) continue;
            CHECK(frame->time_us > previous);
            highest = std::max(highest, frame->time_us);
            if (i != 0) continue;
            rapidjson::Document document;
            document.Parse(frame->text.c_str());
            const std::string rev = document["commit"]["rev"].GetString();
            CHECK(rev.size() == 13);
            CHECK(rev > previous_rev);
            CHECK(std::string(document["commit"]["rkey"].GetString()) == "r1");
            CHECK(document["time_us"].GetInt64() == frame->time_us);
            previous_rev = rev;
        }
        previous = highest;
    }
}

TEST_CASE("A generated feed with a start is the same every time and ends where it should") {
    GeneratorFeedOptions options;
    options.generator.dids = 20;
    options.events = 300;
    options.start_time_us = base_time;
    options.step_us = 500;
    std::vector<std::string> expected;
    GeneratorFeed feed(options);
    while (auto frame = feed.next(0))
        expected.push_back(frame->text);
    REQUIRE(expected.size() == 300);
    Running sim(std::make_unique<GeneratorFeed>(options));
    Client client(sim.port());
    CHECK(client.read(300) == expected);
}

TEST_CASE("Pings go out while nothing else does") {
    ServerOptions options;
    options.ping_interval = std::chrono::seconds(1);
    Running sim(nullptr, options);
    Client client(sim.port());
    client.run_until_ping();
    CHECK(client.pings() > 0);
}

TEST_CASE("Other requests get the answer that they deserve") {
    Running sim;
    CHECK(request(sim.port(), http::verb::get, "/health").status == 200);
    CHECK(request(sim.port(), http::verb::get, "/subscribe").status == 400);
    CHECK(request(sim.port(), http::verb::get, "/").status == 404);
    CHECK(request(sim.port(), http::verb::get, "/control/drop").status == 404);
    CHECK(request(sim.port(), http::verb::post, "/control/unknown").status == 404);
}

TEST_CASE("A stopping server says goodbye with 1001 and ends") {
    auto sim = std::make_unique<Running>();
    Client client(sim->port());
    Client silent(sim->port(), "requireHello=true");
    REQUIRE(reaches(sim->port(), "subscribers", 2));
    // One client answers the goodbye, the other one never reads and is cut off.
    std::thread stopping([&sim] { sim->stop(); });
    CHECK_FALSE(client.read().has_value());
    CHECK(client.error() == websocket::error::closed);
    CHECK(client.reason().code == websocket::close_code::going_away);
    stopping.join();
}
