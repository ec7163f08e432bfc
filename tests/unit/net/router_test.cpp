#include "net/router.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>

using namespace subcults;
using namespace subcults::net;

namespace {

constexpr const char* id_text = "0191d2a4-7b3c-7def-8123-456789abcdef";

Handler handler() {
    return [](Request&) -> boost::asio::awaitable<Response> { co_return Response{}; };
}

Router sample() {
    Router router;
    router.add(Method::get, "/", {}, handler());
    router.add(Method::get, "/streams", {}, handler());
    router.add(Method::post, "/streams", {}, handler());
    router.add(Method::get, "/streams/{id:uuid}", {}, handler());
    router.add(Method::get, "/streams/live", {}, handler());
    router.add(Method::post, "/streams/{id:uuid}/participants/{pid}/mute", {}, handler());
    router.add(Method::get, "/files/{name}/raw", {}, handler());
    router.add(Method::get, "/files/list/all", {}, handler());
    router.add(Method::del, "/files/{name}", {}, handler());
    router.add(Method::put, "/files/{id:uuid}", {}, handler());
    return router;
}

std::string pattern(const Router& router, Method method, std::string_view path) {
    const auto match = router.match(method, path);
    if (match.bad_encoding) return "400";
    if (match.route != nullptr) return match.route->pattern;
    return match.allowed.empty() ? "404" : "405";
}

}  // namespace

TEST_CASE("paths find the route of their pattern") {
    const Router router = sample();
    CHECK(pattern(router, Method::get, "/") == "/");
    CHECK(pattern(router, Method::get, "/streams") == "/streams");
    CHECK(pattern(router, Method::get, std::string("/streams/") + id_text) == "/streams/{id}");
    CHECK(pattern(router, Method::post,
                  std::string("/streams/") + id_text + "/participants/p1/mute") ==
          "/streams/{id}/participants/{pid}/mute");
}

TEST_CASE(
    "literals win over parameters, and parameters get their turn when a literal leads nowhere") {
    const Router router = sample();
    CHECK(pattern(router, Method::get, "/streams/live") == "/streams/live");
    CHECK(pattern(router, Method::get, "/files/list/all") == "/files/list/all");
    CHECK(pattern(router, Method::get, "/files/list/raw") == "/files/{name}/raw");
    CHECK(pattern(router, Method::del, std::string("/files/") + id_text) == "/files/{name}");
    CHECK(pattern(router, Method::put, std::string("/files/") + id_text) == "/files/{id}");
}

TEST_CASE("a malformed uuid makes the path unknown") {
    const Router router = sample();
    CHECK(pattern(router, Method::get, "/streams/42") == "404");
    CHECK(pattern(router, Method::get, std::string("/streams/") + id_text + "0") == "404");
    CHECK(pattern(router, Method::get, "/streams/{0191d2a4-7b3c-7def-8123-456789abcdef}") == "404");
}

TEST_CASE("empty segments and trailing slashes are other paths") {
    const Router router = sample();
    for (const char* path : {"//", "/streams/", "//streams", "/files//raw", "/streams//live", "",
                             "streams", "/files/"}) {
        CAPTURE(path);
        CHECK(pattern(router, Method::get, path) == "404");
    }
}

TEST_CASE("another method on a known path names the methods that exist") {
    const Router router = sample();
    const auto match = router.match(Method::del, "/streams");
    CHECK(match.route == nullptr);
    CHECK(match.allowed == std::vector<Method>{Method::get, Method::head, Method::post});
    CHECK(pattern(router, Method::other, "/streams") == "405");
    CHECK(pattern(router, Method::other, "/nothing") == "404");
    const auto both = router.match(Method::get, std::string("/files/") + id_text);
    CHECK(both.allowed == std::vector<Method>{Method::put, Method::del});
}

TEST_CASE("HEAD is matched as GET") {
    const Router router = sample();
    CHECK(pattern(router, Method::head, "/streams") == "/streams");
    CHECK(pattern(router, Method::head, "/files/x") == "405");
}

TEST_CASE("parameters arrive decoded and by kind") {
    const Router router = sample();
    auto match = router.match(
        Method::post, std::string("/streams/") + id_text + "/participants/a%2Fb%20%C3%A9/mute");
    REQUIRE(match.route != nullptr);
    REQUIRE(match.uuid_params.size() == 1);
    CHECK(match.uuid_params[0].to_string() == id_text);
    CHECK(match.text_params == std::vector<std::string>{"a/b \xC3\xA9"});
    match = router.match(Method::get, "/files/list/raw");
    CHECK(match.text_params == std::vector<std::string>{"list"});
    CHECK(match.uuid_params.empty());
}

TEST_CASE("escaped letters are the letters") {
    const Router router = sample();
    CHECK(pattern(router, Method::get, "/%73treams") == "/streams");
    CHECK(pattern(router, Method::get, "/streams%2Flive") == "404");
}

TEST_CASE("a path that does not decode to UTF-8 is a bad request") {
    const Router router = sample();
    for (const char* path : {"/%", "/files/%zz/raw", "/files/%ff/raw", "/files/%00/raw",
                             "/files/\xff", "/files/%c3/%a9", "/no/such/%e0"}) {
        CAPTURE(path);
        CHECK(pattern(router, Method::get, path) == "400");
    }
    CHECK(pattern(router, Method::get, "/files/\xC3\xA9/raw") == "/files/{name}/raw");
}

TEST_CASE("a match object can be used again") {
    const Router router = sample();
    Router::Match match;
    router.match(Method::del, "/streams", match);
    CHECK_FALSE(match.allowed.empty());
    router.match(Method::get, std::string("/streams/") + id_text, match);
    CHECK(match.allowed.empty());
    CHECK(match.uuid_params.size() == 1);
    router.match(Method::get, "/streams", match);
    CHECK(match.uuid_params.empty());
    REQUIRE(match.route != nullptr);
    CHECK(match.route->index == 1);
}

TEST_CASE("malformed patterns and duplicates are refused at start") {
    Router router = sample();
    for (const char* bad :
         {"", "streams", "/a//b", "/a/", "/{}", "/{id:int}", "/{Id}", "/a b", "/x{id}", "/a%20"}) {
        CAPTURE(bad);
        CHECK_THROWS_AS(router.add(Method::get, bad, {}, handler()), std::invalid_argument);
    }
    CHECK_THROWS_AS(router.add(Method::get, "/streams", {}, handler()), std::invalid_argument);
    CHECK_THROWS_AS(router.add(Method::get, "/streams/{other:uuid}", {}, handler()),
                    std::invalid_argument);
    CHECK_THROWS_AS(router.add(Method::get, "/x", {}, Handler{}), std::invalid_argument);
}
