// Both descriptions as documents: complete, consistent, and with examples that are true.
#include "openapi/closed_schema.hpp"

#include <catch2/catch.hpp>

#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>

using namespace subcults::test;
using rapidjson::Value;

namespace {

constexpr std::array<const char*, 5> methods{"get", "post", "put", "patch", "delete"};

rapidjson::Document read(const std::string& service) {
    std::ifstream file(SUBCULTS_OPENAPI_DIR "/subcults-" + service + ".json", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
    REQUIRE_FALSE(document.HasParseError());
    return document;
}

bool has_text(const Value& object, const char* member) {
    return object.HasMember(member) && object[member].IsString() &&
           object[member].GetStringLength() > 0;
}

using Visit = std::function<void(const std::string& path, const Value& operation)>;

void each_operation(const rapidjson::Document& document, const Visit& visit) {
    std::size_t seen = 0;
    for (const auto& path : document["paths"].GetObject()) {
        for (const char* method : methods) {
            if (!path.value.HasMember(method)) continue;
            INFO(method << " " << path.name.GetString());
            visit(path.name.GetString(), path.value[method]);
            ++seen;
        }
    }
    REQUIRE(seen > 0);
}

// Checks every example of something with a schema; returns how many there are.
std::size_t check_examples(const Value& described) {
    const ClosedSchema schema(described["schema"]);
    std::size_t count = 0;
    const auto check = [&](const Value& example) {
        ++count;
        CHECK(schema.objection(example).value_or("fits") == "fits");
    };
    if (described.HasMember("example")) check(described["example"]);
    if (described.HasMember("examples")) {
        for (const auto& example : described["examples"].GetObject()) {
            INFO("example " << example.name.GetString());
            REQUIRE(example.value.HasMember("value"));
            check(example.value["value"]);
        }
    }
    return count;
}

void check_content(const Value& of) {
    if (!of.HasMember("content")) return;
    for (const auto& content : of["content"].GetObject()) {
        INFO("as " << content.name.GetString());
        REQUIRE(content.value.HasMember("schema"));
        CHECK(check_examples(content.value) > 0);
    }
}

std::set<std::string> names_of_path_parameters(const Value& operation) {
    std::set<std::string> names;
    if (!operation.HasMember("parameters")) return names;
    for (const Value& parameter : operation["parameters"].GetArray()) {
        if (std::string(parameter["in"].GetString()) != "path") continue;
        CHECK(parameter.HasMember("required"));
        names.insert(parameter["name"].GetString());
    }
    return names;
}

std::set<std::string> names_in(const std::string& path) {
    std::set<std::string> names;
    for (std::size_t open = path.find('{'); open != std::string::npos;
         open = path.find('{', open + 1)) {
        names.insert(path.substr(open + 1, path.find('}', open) - open - 1));
    }
    return names;
}

void check_description(const rapidjson::Document& document) {
    CHECK(std::string(document["openapi"].GetString()) == "3.1.0");
    CHECK(has_text(document["info"], "title"));
    CHECK(has_text(document["info"], "version"));
    CHECK(has_text(document["info"], "description"));
    std::set<std::string> tags;
    for (const Value& tag : document["tags"].GetArray())
        tags.insert(tag["name"].GetString());
    std::set<std::string> ids;
    each_operation(document, [&](const std::string& path, const Value& operation) {
        CHECK(has_text(operation, "summary"));
        CHECK(has_text(operation, "description"));
        REQUIRE(has_text(operation, "operationId"));
        CHECK(ids.insert(operation["operationId"].GetString()).second);
        REQUIRE(operation["tags"].GetArray().Size() == 1);
        CHECK(tags.count(operation["tags"][0].GetString()) == 1);
        CHECK(names_of_path_parameters(operation) == names_in(path));
        for (const auto& answer : operation["responses"].GetObject()) {
            INFO("answer " << answer.name.GetString());
            CHECK(has_text(answer.value, "description"));
        }
    });
}

void check_security(const rapidjson::Document& document) {
    const Value& schemes = document["components"]["securitySchemes"];
    each_operation(document, [&](const std::string&, const Value& operation) {
        // Said explicitly everywhere: an empty list is "anyone".
        REQUIRE(operation.HasMember("security"));
        const Value& security = operation["security"];
        for (const Value& choice : security.GetArray()) {
            for (const auto& scheme : choice.GetObject())
                CHECK(schemes.HasMember(scheme.name.GetString()));
        }
        const bool guarded = security.Size() > 0;
        CHECK(operation["responses"].HasMember("401") == guarded);
    });
}

void check_all_examples(const rapidjson::Document& document) {
    each_operation(document, [](const std::string&, const Value& operation) {
        if (operation.HasMember("requestBody")) check_content(operation["requestBody"]);
        if (operation.HasMember("parameters")) {
            for (const Value& parameter : operation["parameters"].GetArray()) {
                INFO("parameter " << parameter["name"].GetString());
                CHECK(check_examples(parameter) > 0);
            }
        }
        for (const auto& answer : operation["responses"].GetObject()) {
            INFO("answer " << answer.name.GetString());
            check_content(answer.value);
            if (!answer.value.HasMember("headers")) continue;
            for (const auto& header : answer.value["headers"].GetObject()) {
                INFO("header " << header.name.GetString());
                CHECK(check_examples(header.value) > 0);
            }
        }
    });
}

// What every answer of the services carries, and what goes with some statuses.
void check_headers(const rapidjson::Document& document) {
    each_operation(document, [](const std::string&, const Value& operation) {
        for (const auto& answer : operation["responses"].GetObject()) {
            const std::string status = answer.name.GetString();
            INFO("answer " << status);
            REQUIRE(answer.value.HasMember("headers"));
            const Value& headers = answer.value["headers"];
            CHECK(headers.HasMember("X-Request-ID"));
            CHECK(headers.HasMember("Retry-After") == (status == "429" || status == "503"));
        }
    });
}

}  // namespace

TEST_CASE("every operation of both services is named, explained and complete") {
    check_description(read("api"));
    check_description(read("indexer"));
}

TEST_CASE("every operation says who may call it, and refuses the others with 401") {
    check_security(read("api"));
    check_security(read("indexer"));
}

TEST_CASE("every body, parameter and header has an example, and every example fits its schema") {
    check_all_examples(read("api"));
    check_all_examples(read("indexer"));
}

TEST_CASE("every answer names its headers, and says when to come back where that is sent") {
    check_headers(read("api"));
    check_headers(read("indexer"));
}
