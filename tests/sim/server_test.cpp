#include "sim/server.hpp"
#include "sim/feed.hpp"
#include "sim/publisher.hpp"
#include "sim/running_server.hpp"

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <boost/beast/websocket.hpp>

#include <rapidjson/document.h>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace subcults;
using namespace subcults::sim;
using namespace subcults::sim::test;

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
