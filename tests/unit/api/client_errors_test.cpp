#include "telemetry/client_errors.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults::api;

namespace {

namespace catalogue = subcults::metrics::catalogue;

std::uint64_t count_of(const ClientErrorReport& report, std::string_view type) {
    for (std::size_t i = 0; i < client_error_type_count; ++i) {
        if (catalogue::client_error_types[i] == type) return report.counts[i];
    }
    return 0;
}

std::string batch(int entries) {
    std::string text = "{\"errors\":[";
    for (int i = 0; i < entries; ++i)
        text += std::string(i > 0 ? "," : "") + "{\"type\":\"other\"}";
    return text + "]}";
}

}  // namespace

TEST_CASE("a batch is counted by type") {
    const auto report = read_client_errors(
        R"({"errors":[{"type":"ice_failed","count":2},{"type":"turn_failed",)"
        R"("stream_id":"01890a5d-ac96-774b-bcce-b302099a8057"},{"count":100,"type":"ice_failed"}]})");
    REQUIRE(report.has_value());
    CHECK(report->errors == 3);
    CHECK(count_of(*report, "ice_failed") == 102);
    CHECK(count_of(*report, "turn_failed") == 1);
    CHECK(count_of(*report, "other") == 0);
}

TEST_CASE("a single error needs no batch") {
    const auto report = read_client_errors(R"( {"type":"network_lost","count":3} )");
    REQUIRE(report.has_value());
    CHECK(report->errors == 1);
    CHECK(count_of(*report, "network_lost") == 3);
}

TEST_CASE("every type of the contract is known") {
    for (const char* type :
         {"ice_failed", "turn_failed", "signalling_failed", "device_error", "playback_failed",
          "publish_failed", "network_lost", "token_expired", "unsupported", "other"}) {
        INFO(type);
        const auto report = read_client_errors("{\"type\":\"" + std::string(type) + "\"}");
        REQUIRE(report.has_value());
        CHECK(count_of(*report, type) == 1);
    }
    CHECK(client_error_type_count == 10);
}

TEST_CASE("a batch holds up to fifty errors") {
    const auto full = read_client_errors(batch(50));
    REQUIRE(full.has_value());
    CHECK(full->errors == 50);
    const auto over = read_client_errors(batch(51));
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().message.find("50") != std::string::npos);
}

TEST_CASE("an unknown type is refused with the list of those there are") {
    const auto report = read_client_errors(R"({"type":"my_secret_text"})");
    REQUIRE_FALSE(report.has_value());
    CHECK(report.error().code == "validation_error");
    for (const std::string_view type : catalogue::client_error_types)
        CHECK(report.error().message.find(type) != std::string::npos);
    CHECK(report.error().message.find("my_secret_text") == std::string::npos);
}

TEST_CASE("anything but the known shape is refused") {
    struct Case {
        std::string body;
        std::string code;
        std::string mentions;
    };
    const std::string deep(100'000, '[');
    const std::vector<Case> cases{
        {"", "validation_error", "required"},
        {"{}", "validation_error", "required"},
        {"[]", "validation_error", "object"},
        {"null", "validation_error", "object"},
        {"\"ice_failed\"", "validation_error", "object"},
        {"1", "validation_error", "object"},
        {deep, "validation_error", "object"},
        {"{", "bad_request", "JSON"},
        {"{\"type\":\"other\"", "bad_request", "JSON"},
        {"{\"type\":\"other\"} x", "bad_request", "JSON"},
        {"{\"type\":\"\xff\"}", "bad_request", "JSON"},
        {std::string("{\"type\":\"other\0\"}", 17), "bad_request", "NUL"},
        {R"({"errors":[]})", "validation_error", "empty"},
        {R"({"errors":{}})", "validation_error", "'errors'"},
        {R"({"errors":5})", "validation_error", "'errors'"},
        {R"({"errors":"x"})", "validation_error", "'errors'"},
        {R"({"errors":null})", "validation_error", "'errors'"},
        {R"({"errors":[5]})", "validation_error", "'errors'"},
        {R"({"errors":["ice_failed"]})", "validation_error", "'errors'"},
        {R"({"errors":[[]]})", "validation_error", "'errors'"},
        {R"({"errors":[{"type":"other"},5]})", "validation_error", "'errors'"},
        {R"({"errors":[{}]})", "validation_error", "'type'"},
        {R"({"errors":[{"count":1}]})", "validation_error", "'type'"},
        {R"({"errors":[{"type":"other"}],"errors":[{"type":"other"}]})", "validation_error", ""},
        {R"({"errors":[{"type":"other"}],"note":"x"})", "validation_error", "'errors'"},
        {R"({"type":"other","errors":[]})", "validation_error", ""},
        {R"({"type":"other","message":"my text"})", "validation_error", "Only"},
        {R"({"errors":[{"type":"other","message":"my text"}]})", "validation_error", "Only"},
        {R"({"type":"other","type":"other"})", "validation_error", "twice"},
        {R"({"type":null})", "validation_error", "'type'"},
        {R"({"type":1})", "validation_error", "'type'"},
        {R"({"type":{}})", "validation_error", "'type'"},
        {R"({"type":"Other"})", "validation_error", "'type'"},
        {R"({"type":"other","count":0})", "validation_error", "'count'"},
        {R"({"type":"other","count":101})", "validation_error", "'count'"},
        {R"({"type":"other","count":-1})", "validation_error", "'count'"},
        {R"({"type":"other","count":1.5})", "validation_error", "'count'"},
        {R"({"type":"other","count":"1"})", "validation_error", "'count'"},
        {R"({"type":"other","count":99999999999999999999})", "validation_error", "'count'"},
        {R"({"type":"other","count":1e999})", "bad_request", "JSON"},
        {R"({"type":"other","stream_id":"x"})", "validation_error", "'stream_id'"},
        {R"({"type":"other","stream_id":null})", "validation_error", "'stream_id'"},
        {R"({"type":"other","stream_id":[]})", "validation_error", "'stream_id'"},
    };
    for (const Case& c : cases) {
        INFO(c.body.substr(0, 80));
        const auto report = read_client_errors(c.body);
        REQUIRE_FALSE(report.has_value());
        CHECK(report.error().code == c.code);
        CHECK(report.error().message.find(c.mentions) != std::string::npos);
        CHECK(report.error().message.find("my text") == std::string::npos);
    }
}
