// docs/api.md tells clients of everything that the API's description lets them meet.
#include "docs/printed.hpp"

#include <catch2/catch.hpp>

#include <rapidjson/document.h>

using namespace subcults::test;

namespace {

rapidjson::Document described() {
    std::ifstream file(SUBCULTS_OPENAPI_DIR "/subcults-api.json", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
    REQUIRE(document.IsObject());
    return document;
}

void check_all_mentioned(const rapidjson::Value& words) {
    const std::string text = document("api.md");
    REQUIRE(words.IsArray());
    CHECK(words.Size() > 5);
    for (const rapidjson::Value& word : words.GetArray()) {
        INFO(word.GetString());
        CHECK(text.find("`" + std::string(word.GetString()) + "`") != std::string::npos);
    }
}

}  // namespace

TEST_CASE("every error code is explained to clients") {
    const rapidjson::Document api = described();
    const rapidjson::Value& error =
        api["components"]["schemas"]["Error"]["properties"]["error"]["properties"];
    check_all_mentioned(error["code"]["enum"]);
}

TEST_CASE("every type of client error is named to clients") {
    const rapidjson::Document api = described();
    const rapidjson::Value& report = api["components"]["schemas"]["ClientError"]["properties"];
    check_all_mentioned(report["type"]["enum"]);
}
