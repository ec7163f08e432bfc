#include "sim/running_server.hpp"

#include <rapidjson/document.h>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::sim;
using namespace subcults::sim::test;

namespace {

struct Seen {
    std::int64_t cursor = 0;
    std::int64_t time_us = 0;
    std::string rkey;
};

Seen seen(const std::string& text) {
    rapidjson::Document document;
    document.Parse(text.c_str());
    REQUIRE_FALSE(document.HasParseError());
    return {document["cursor"].GetInt64(), document["time_us"].GetInt64(),
            document["commit"]["rkey"].GetString()};
}

std::vector<Seen> read(Client& client, std::size_t count) {
    std::vector<Seen> all;
    for (const std::string& text : client.read(count))
        all.push_back(seen(text));
    REQUIRE(all.size() == count);
    return all;
}

ServerOptions v2_host(std::uint64_t segment_events = 0) {
    ServerOptions options;
    options.v2_host = true;
    options.segment_events = segment_events;
    return options;
}

std::vector<std::string> of_many(int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i)
        all.push_back(line(i, "tv.subcult.scene", "did:plc:" + std::string(1, "abcdefgh"[i % 8])));
    return all;
}

HttpAnswer regress(std::uint16_t port, const std::string& body) {
    return request(port, http::verb::post, "/control/regress", body);
}

}  // namespace

TEST_CASE("A v2 host numbers its events and gives several one time") {
    ServerOptions options = v2_host();
    options.first_seq = 24'600'000'000;
    Running sim(file(lines(40)), options);
    Client client(sim.port());
    const auto events = read(client, 40);
    std::set<std::int64_t> times;
    for (std::size_t i = 0; i < events.size(); ++i) {
        CHECK(events[i].cursor == 24'600'000'000 + static_cast<std::int64_t>(i));
        CHECK(events[i].rkey == "r" + std::to_string(i));
        times.insert(events[i].time_us);
    }
    CHECK(times == std::set<std::int64_t>{base_time, base_time + 16, base_time + 32});
    CHECK(stat(sim.port(), "next_seq") == 24'600'000'040);
}

TEST_CASE("A v2 host resumes by number, inclusively") {
    Running sim(nullptr, v2_host());
    request(sim.port(), http::verb::post, "/control/append", joined(lines(30)));
    Client client(sim.port(), "cursor=21");
    const auto events = read(client, 10);
    CHECK(events.front().rkey == "r20");
    CHECK(events.back().cursor == 30);
    CHECK(stat(sim.port(), "last_cursor") == 21);
}

TEST_CASE("A v2 host answers a fresh time with repeats from the start of the active segment") {
    Running sim(nullptr, v2_host(20));
    request(sim.port(), http::verb::post, "/control/append", joined(lines(50)));
    CHECK(stat(sim.port(), "jumps_back") == 0);
    Client client(sim.port(), "cursor=" + std::to_string(base_time + 1'000'000));
    CHECK(read(client, 10).front().rkey == "r40");
    CHECK(stat(sim.port(), "jumps_back") == 1);
}

TEST_CASE("A v2 host refuses compression") {
    Running sim(nullptr, v2_host());
    Client query(sim.port(), "compress=true");
    CHECK(query.response().result_int() == 400);
    Client header(sim.port(), "", "zstd");
    CHECK(header.response().result_int() == 400);
}

TEST_CASE("After an unclean stop the next events get numbers that others had") {
    Running sim(nullptr, v2_host());
    request(sim.port(), http::verb::post, "/control/append", joined(of_many(20)));
    Client client(sim.port(), "cursor=1");
    CHECK(read(client, 20).back().cursor == 20);
    CHECK(regress(sim.port(), R"({"by":5})").status == 200);
    CHECK_FALSE(client.read().has_value());
    CHECK(client.error() != websocket::error::closed);

    // A client that resumes above the new tip hears nothing of what it has missed.
    request(sim.port(), http::verb::post, "/control/append", line(100));
    Client late(sim.port(), "cursor=20");
    REQUIRE(reaches(sim.port(), "subscribers", 1));
    request(sim.port(), http::verb::post, "/control/append", line(101));
    const Seen next = seen(late.read().value_or("{}"));
    CHECK(next.rkey == "r101");
    CHECK(next.cursor == 17);
    Client again(sim.port(), "cursor=15");
    const auto events = read(again, 3);
    CHECK(events[0].rkey == "r14");
    CHECK(events[1].rkey == "r100");
    CHECK(events[1].cursor == 16);
    CHECK(stat(sim.port(), "regressions") == 1);
    CHECK(stat(sim.port(), "revoked") == 5);
    CHECK(stat(sim.port(), "reassigned") == 2);
}

TEST_CASE("After an unclean stop the same events may come again in another order, none is lost") {
    Running sim(nullptr, v2_host());
    request(sim.port(), http::verb::post, "/control/append", joined(of_many(64)));
    Client before(sim.port(), "cursor=1");
    const auto first = read(before, 64);
    CHECK(regress(sim.port(), R"({"by":32,"again":true})").status == 200);
    Client after(sim.port(), "cursor=1");
    const auto second = read(after, 64);
    std::set<std::string> rkeys;
    std::size_t different = 0;
    for (std::size_t i = 0; i < second.size(); ++i) {
        CHECK(second[i].cursor == static_cast<std::int64_t>(i) + 1);
        rkeys.insert(second[i].rkey);
        if (second[i].rkey != first[i].rkey) ++different;
        if (i < 32) CHECK(second[i].rkey == first[i].rkey);
    }
    CHECK(rkeys.size() == 64);
    CHECK(different > 0);
    CHECK(stat(sim.port(), "reassigned") == different);
}

TEST_CASE("Only a v2 host can lose count") {
    Running v1;
    CHECK(regress(v1.port(), R"({"by":5})").status == 400);
    Running v2(nullptr, v2_host());
    CHECK(regress(v2.port(), R"({"by":0})").status == 400);
    CHECK(regress(v2.port(), "").status == 400);
    CHECK(stat(v2.port(), "regressions") == 0);
}
