#include "auth/livekit_token.hpp"

#include "livekit/access.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdio>
#include <stdexcept>

using namespace subcults;
using namespace subcults::auth;

namespace {

const std::string key = "api-key";
const Secret secret(std::string(40, 's'));
constexpr std::int64_t now = 1'769'653'800;

LiveKitSigner signer() {
    return LiveKitSigner(key, secret);
}

std::optional<livekit_stub::Grants> read(const std::string& token, std::int64_t at = now) {
    return livekit_stub::check_token(token, key, secret.reveal(), at);
}

std::string claims_of(const std::string& token) {
    const std::size_t first = token.find('.');
    const std::size_t second = token.find('.', first + 1);
    return from_base64url(token.substr(first + 1, second - first - 1)).value();
}

}  // namespace

TEST_CASE("a listener's token lets it hear and nothing else") {
    const std::string token =
        signer().join_token("scene-1", "user-abc", LiveKitRole::listener, now, 600);
    const auto grants = read(token);
    REQUIRE(grants);
    CHECK(grants->identity == "user-abc");
    CHECK(grants->room == "scene-1");
    CHECK(grants->room_join);
    CHECK(grants->can_subscribe);
    CHECK_FALSE(grants->can_publish);
    CHECK_FALSE(grants->can_publish_data);
    CHECK_FALSE(grants->can_update_own_metadata);
    CHECK_FALSE(grants->room_admin);
    CHECK_FALSE(grants->room_create);
    CHECK_FALSE(grants->room_list);
    // Absent would mean granted.
    const std::string claims = claims_of(token);
    CHECK(claims.find("\"canPublish\":false") != std::string::npos);
    CHECK(claims.find("\"canPublishData\":false") != std::string::npos);
}

TEST_CASE("attributes of its own are what a participant may set only where asked for") {
    const auto grants =
        read(signer().join_token("scene-1", "user-abc", LiveKitRole::host, now, 600, true));
    REQUIRE(grants);
    CHECK(grants->can_update_own_metadata);
    CHECK_FALSE(grants->room_admin);
}

TEST_CASE("a host's token lets it publish a microphone only") {
    const auto grants =
        read(signer().join_token("scene-1", "user-abc", LiveKitRole::host, now, 600));
    REQUIRE(grants);
    CHECK(grants->can_publish);
    CHECK(grants->sources == std::vector<std::string>{"microphone"});
    CHECK_FALSE(grants->can_publish_data);
    CHECK_FALSE(grants->can_update_own_metadata);
    CHECK_FALSE(grants->room_admin);
}

TEST_CASE("a token holds for its time and not longer") {
    const std::string token =
        signer().join_token("scene-1", "user-abc", LiveKitRole::listener, now, 600);
    CHECK(read(token, now + 600));
    CHECK_FALSE(read(token, now + 600 + 61));
    CHECK_FALSE(read(token, now - 61));
    CHECK(claims_of(token).find("\"exp\":1769654400") != std::string::npos);
}

TEST_CASE("a token is void under another secret, and once a byte of it is changed") {
    const std::string token =
        signer().join_token("scene-1", "user-abc", LiveKitRole::host, now, 600);
    CHECK_FALSE(livekit_stub::check_token(token, key, std::string(40, 't'), now));
    CHECK_FALSE(livekit_stub::check_token(token, "other-key", secret.reveal(), now));
    std::string changed = token;
    changed[token.find('.') + 5] = changed[token.find('.') + 5] == 'A' ? 'B' : 'A';
    CHECK_FALSE(read(changed));
}

TEST_CASE("a call's token carries the one grant that the call needs") {
    auto made = signer();
    const auto admin = read(made.call_token(LiveKitGrant::room_admin, "scene-1", now));
    REQUIRE(admin);
    CHECK(admin->room_admin);
    CHECK(admin->room == "scene-1");
    CHECK_FALSE(admin->room_join);
    CHECK_FALSE(admin->room_create);
    const auto list = read(made.call_token(LiveKitGrant::room_list, "", now));
    REQUIRE(list);
    CHECK(list->room_list);
    CHECK_FALSE(list->room_admin);
    const auto create = read(made.call_token(LiveKitGrant::room_create, "", now));
    REQUIRE(create);
    CHECK(create->room_create);
    CHECK_FALSE(create->room_list);
    CHECK_FALSE(read(made.call_token(LiveKitGrant::room_list, "", now), now + 121));
}

TEST_CASE("names that JSON has to escape arrive as they are") {
    const auto grants = read(signer().join_token("a\"b\\c\n", "u\"", LiveKitRole::host, now, 60));
    REQUIRE(grants);
    CHECK(grants->room == "a\"b\\c\n");
    CHECK(grants->identity == "u\"");
}

TEST_CASE("no signer without key and secret") {
    CHECK_THROWS_AS(LiveKitSigner("", secret), std::invalid_argument);
    CHECK_THROWS_AS(LiveKitSigner(key, Secret()), std::invalid_argument);
}

TEST_CASE("a token costs microseconds", "[.][benchmark]") {
    auto made = signer();
    constexpr int rounds = 200'000;
    std::size_t bytes = 0;
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) {
        bytes += made.join_token("scene-0123456789abcdef", "user-abcdefghijklmnopqrstuvwxyz",
                                 LiveKitRole::listener, now + i, 600)
                     .size();
    }
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
    std::printf("%.2f us per token, %zu bytes\n", took.count() / rounds, bytes / rounds);
}
