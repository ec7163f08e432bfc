#include "sim/running_server.hpp"

#include <rapidjson/document.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::sim;
using namespace subcults::sim::test;

namespace {

HttpAnswer control(std::uint16_t port, const std::string& name, const std::string& body = "") {
    return request(port, http::verb::post, "/control/" + name, body);
}

}  // namespace

TEST_CASE("A refusal answers as many upgrades as it was told to and then no more") {
    Running sim;
    CHECK(control(sim.port(), "refuse", R"({"status":503,"retry_after":7,"count":2})").status ==
          200);
    for (int i = 0; i < 2; ++i) {
        Client refused(sim.port(), "cursor=" + std::to_string(base_time + i));
        CHECK(refused.response().result_int() == 503);
        CHECK(refused.response()["Retry-After"] == "7");
    }
    Client taken(sim.port());
    CHECK_FALSE(taken.error());
    control(sim.port(), "refuse?status=429");
    Client once(sim.port());
    CHECK(once.response().result_int() == 429);
    CHECK(once.response().count("Retry-After") == 0);
    CHECK(stat(sim.port(), "refused") == 3);
    CHECK(stat(sim.port(), "connections_total") == 1);
    CHECK(control(sim.port(), "refuse", R"({"status":200})").status == 400);

    rapidjson::Document requests;
    requests.Parse(request(sim.port(), http::verb::get, "/control/requests").body.c_str());
    REQUIRE(requests.Size() == 4);
    CHECK(requests[1]["cursor"].GetInt64() == base_time + 1);
    CHECK(requests[1]["status"].GetUint() == 503);
    CHECK(requests[2]["cursor"].IsNull());
    CHECK(requests[2]["status"].GetUint() == 101);
    CHECK(stat(sim.port(), "requests_total") == 4);
}

TEST_CASE(
    "A silenced connection is half-open: no frame, no pong, no end, and new ones are served") {
    Running sim;
    Client lively(sim.port());
    REQUIRE(reaches(sim.port(), "subscribers", 1));
    CHECK(lively.answers_ping(patience));

    Client silenced(sim.port());
    REQUIRE(reaches(sim.port(), "subscribers", 1));
    CHECK(control(sim.port(), "silence").status == 200);
    CHECK(stat(sim.port(), "half_open") == 1);
    CHECK(stat(sim.port(), "silenced") == 1);
    CHECK(stat(sim.port(), "subscribers") == 0);
    CHECK(control(sim.port(), "append", line(1)).status == 200);
    Client fresh(sim.port(), "cursor=1");
    CHECK(fresh.read() == line(1));
    CHECK_FALSE(silenced.answers_ping(std::chrono::milliseconds(300)));
    CHECK_FALSE(silenced.ended_by_server());

    CHECK(control(sim.port(), "resume").status == 200);
    CHECK(reaches(sim.port(), "half_open", 0));
    CHECK(fresh.silent_until(sim.port(), line(2)));
}

TEST_CASE("A stalled server answers pings all the same") {
    Running sim;
    control(sim.port(), "stall");
    Client client(sim.port());
    CHECK(client.answers_ping(patience));
    CHECK(stat(sim.port(), "stalls") == 1);
}

TEST_CASE("A stopping server does not wait for silenced connections") {
    auto sim = std::make_unique<Running>();
    Client client(sim->port());
    REQUIRE(reaches(sim->port(), "subscribers", 1));
    control(sim->port(), "silence");
    sim->stop();
    CHECK_FALSE(client.read().has_value());
    CHECK(client.error() != websocket::error::closed);
}

TEST_CASE("Forgotten events are gone for whoever resumes, and that is counted") {
    Running sim;
    const auto all = lines(10);
    control(sim.port(), "append", joined(all));
    CHECK(control(sim.port(), "forget", R"({"before_us":)" + std::to_string(base_time + 6) + "}")
              .status == 200);
    CHECK(stat(sim.port(), "forgotten") == 6);
    CHECK(stat(sim.port(), "retained") == 4);
    Client client(sim.port(), "cursor=" + std::to_string(base_time + 3));
    CHECK(client.read(4) == std::vector<std::string>(all.begin() + 6, all.end()));
    CHECK(stat(sim.port(), "gaps") == 1);
    Client unharmed(sim.port(), "cursor=" + std::to_string(base_time + 6));
    CHECK(unharmed.read(4).size() == 4);
    CHECK(stat(sim.port(), "gaps") == 1);
    CHECK(control(sim.port(), "forget").status == 400);
}

TEST_CASE("A shuffled replay goes back in time and repeats, then passes into the live stream") {
    ServerOptions options;
    options.shuffle_window = 32;
    options.shuffle_seed = 5;
    Running sim(nullptr, options);
    std::vector<std::string> all;
    for (int i = 0; i < 2'000; ++i)
        all.push_back(line(i, "tv.subcult.scene", "did:plc:p" + std::to_string(i % 50)));
    control(sim.port(), "append", joined(all));
    Client client(sim.port(), "cursor=" + std::to_string(base_time + 100));
    std::vector<std::string> received;
    std::set<std::string> distinct;
    while (distinct.size() < 1'900) {
        auto text = client.read();
        REQUIRE(text.has_value());
        distinct.insert(*text);
        received.push_back(std::move(*text));
    }
    CHECK(distinct == std::set<std::string>(all.begin() + 100, all.end()));
    CHECK_FALSE(std::is_sorted(received.begin(), received.end()));
    CHECK(received.size() > 1'900);
    CHECK(stat(sim.port(), "reordered") > 0);
    CHECK(stat(sim.port(), "repeated") >= received.size() - 1'900);
    // What is live comes as it is, at most after a last repeat.
    control(sim.port(), "append", joined({line(5'000), line(5'001)}));
    auto next = client.read();
    while (next && distinct.contains(*next))
        next = client.read();
    CHECK(next == line(5'000));
    CHECK(client.read() == line(5'001));
}

TEST_CASE("Without shuffling a replay is in order and nothing is counted as a fault") {
    Running sim;
    control(sim.port(), "append", joined(lines(500)));
    Client client(sim.port(), "cursor=1");
    CHECK(client.read(500) == lines(500));
    for (const char* name : {"reordered", "repeated", "dropped", "refused", "silenced", "gaps",
                             "forgotten", "regressions", "stalls", "damaged"}) {
        INFO(name);
        CHECK(stat(sim.port(), name) == 0);
    }
}
