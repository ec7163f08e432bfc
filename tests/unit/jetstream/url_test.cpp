#include "jetstream/url.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults::jetstream;

namespace {
const std::vector<std::string> subcult{"tv.subcult.*", "app.subcult.scene"};
const std::vector<std::string> none;
}  // namespace

TEST_CASE("Collections and cursor are appended to the configured path") {
    CHECK(subscribe_target("wss://host/subscribe", subcult, 1'783'175'888'085'434) ==
          "/subscribe?wantedCollections=tv.subcult.*&wantedCollections=app.subcult.scene"
          "&cursor=1783175888085434");
    CHECK(subscribe_target("wss://host/subscribe", none, std::nullopt) == "/subscribe");
    CHECK(subscribe_target("ws://127.0.0.1:6008/a/b", none, 5) == "/a/b?cursor=5");
}

TEST_CASE("A URL without a path subscribes at the usual one") {
    CHECK(subscribe_target("wss://host", none, 5) == "/subscribe?cursor=5");
    CHECK(subscribe_target("wss://host?requireHello=true", none, std::nullopt) ==
          "/subscribe?requireHello=true");
    CHECK(subscribe_target("wss://host/", none, std::nullopt) == "/");
}

TEST_CASE("What the operator put into the query stays as written") {
    CHECK(subscribe_target("wss://host/subscribe?maxMessageSizeBytes=1000&x=%20y", subcult, 7) ==
          "/subscribe?maxMessageSizeBytes=1000&x=%20y&wantedCollections=tv.subcult.*"
          "&wantedCollections=app.subcult.scene&cursor=7");
    CHECK(subscribe_target("wss://host/s?a=1#part", none, std::nullopt) == "/s?a=1");
}

TEST_CASE("A stored cursor replaces a configured one, which counts only for the first start") {
    CHECK(subscribe_target("wss://host/s?cursor=1&a=2", none, 9) == "/s?a=2&cursor=9");
    CHECK(subscribe_target("wss://host/s?cursor=1&a=2", none, std::nullopt) == "/s?cursor=1&a=2");
}

TEST_CASE("A URL that names a cursor is told from one that does not") {
    CHECK(names_cursor("wss://host/s?a=2&cursor=1"));
    CHECK(names_cursor("wss://host/s?%63ursor=1#x"));
    CHECK_FALSE(names_cursor("wss://host/cursor=1?a=cursor&cursors=2"));
    CHECK_FALSE(names_cursor("wss://host/s"));
}

TEST_CASE("A collection that the URL already names is not repeated") {
    CHECK(
        subscribe_target("wss://host/s?wantedCollections=tv.subcult.%2A", subcult, std::nullopt) ==
        "/s?wantedCollections=tv.subcult.%2A&wantedCollections=app.subcult.scene");
}

TEST_CASE("No collections are asked for when everything is wanted or the list is too long") {
    CHECK(subscribe_target("wss://host/s", std::vector<std::string>{"*", "tv.subcult.*"}, 1) ==
          "/s?cursor=1");
    std::vector<std::string> many;
    for (std::size_t i = 0; i < max_wanted_collections; ++i) {
        many.push_back("tv.subcult.a" + std::to_string(i));
    }
    CHECK(subscribe_target("wss://host/s", many, 1).find("a99&cursor=1") != std::string::npos);
    many.push_back("tv.subcult.more");
    CHECK(subscribe_target("wss://host/s", many, 1) == "/s?cursor=1");
}

TEST_CASE("Compression is asked for unless the URL says something about it") {
    CHECK(subscribe_target("wss://host/s", none, 9, true) == "/s?compress=true&cursor=9");
    CHECK(subscribe_target("wss://host/s?compress=false", none, 9, true) ==
          "/s?compress=false&cursor=9");
    CHECK(subscribe_target("wss://host/s", none, 9, false) == "/s?cursor=9");
}

TEST_CASE("Characters that would change the query are encoded") {
    CHECK(subscribe_target("wss://host/s", std::vector<std::string>{"a&b=c d+é"}, std::nullopt) ==
          "/s?wantedCollections=a%26b%3Dc%20d%2B%C3%A9");
}

TEST_CASE("The host key names a server and nothing else of the URL") {
    CHECK(host_key("wss://jetstream2.us-east.bsky.network/subscribe?x=1") ==
          "jetstream2.us-east.bsky.network");
    CHECK(host_key("wss://Host.Example:443/subscribe") == "host.example");
    CHECK(host_key("WS://host:80") == "host");
    CHECK(host_key("ws://host:443/") == "host:443");
    CHECK(host_key("ws://127.0.0.1:6008/subscribe") == "127.0.0.1:6008");
    CHECK(host_key("ws://[::1]:6008/subscribe") == "[::1]:6008");
    CHECK(host_key("wss://[2001:DB8::1]/subscribe") == "[2001:db8::1]");
    CHECK(host_key("wss://user:pass@host:6008/subscribe") == "host:6008");
    CHECK(host_key("wss://host?x=1") == "host");
    CHECK(host_key("wss://host#x") == "host");
    CHECK(host_key("wss://").empty());
    CHECK(host_key("").empty());
}
