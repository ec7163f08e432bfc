#include "config.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api;

namespace {

// The mistakes of a configuration with these keys, nothing else of it being wrong.
std::vector<ConfigError> load(ApiConfig& config, const std::string& current,
                              const std::string& previous) {
    return audit_table(config, false).load([&](std::string_view name) {
        std::optional<std::string> value;
        if (name == "PRIVACY_HMAC_KEY") value = current;
        if (name == "PRIVACY_HMAC_KEYS_PREVIOUS") value = previous;
        return value;
    });
}

const std::string key(32, 'k');

}  // namespace

TEST_CASE("a privacy key that could never be listed as a previous one is refused") {
    for (const std::string& bad :
         {"with,comma" + key, " " + key, key + " ", "\t" + key, key + ","}) {
        ApiConfig config;
        const auto errors = load(config, bad, "");
        REQUIRE(errors.size() == 1);
        CHECK(errors[0].variable == "PRIVACY_HMAC_KEY");
        CHECK(errors[0].message == "must have no comma in it and no blank at either end");
        CHECK(errors[0].message.find(key) == std::string::npos);
    }
    ApiConfig config;
    CHECK(load(config, "inner blanks " + key, "").empty());
}

TEST_CASE("a key that was the current one is read from the list as it was") {
    ApiConfig before;
    REQUIRE(load(before, "inner blank " + key, "").empty());
    ApiConfig after;
    REQUIRE(load(after, std::string(32, 'n'), "inner blank " + key + " , " + key).empty());
    REQUIRE(after.privacy_keys_previous.size() == 2);
    CHECK(after.privacy_keys_previous[0].reveal() == before.privacy_key.reveal());
    const auto secrets = privacy_secrets(after);
    REQUIRE(secrets.size() == 3);
    CHECK(secrets[0].reveal() == std::string(32, 'n'));
    CHECK(secrets[2].reveal() == key);
}

TEST_CASE("a previous key that is too short or missing is refused without being repeated") {
    ApiConfig config;
    auto errors = load(config, key, key + ",short");
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].variable == "PRIVACY_HMAC_KEYS_PREVIOUS");
    CHECK(errors[0].message == "item 2 must have at least 32 bytes");
    errors = load(config, key, key + ",");
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].message == "item 2 is empty");
}
