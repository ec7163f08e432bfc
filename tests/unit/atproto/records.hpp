// What the validator says about a record given as JSON, in one string that tests compare.
#pragma once

#include "atproto/lexicon.hpp"
#include "atproto/record_validator.hpp"
#include "atproto/record_walk.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace subcults::atproto::test {

// Keeps what was parsed last.
class Json {
  public:
    simdjson::dom::object object(std::string_view json) {
        simdjson::dom::object object;
        INFO(json);
        REQUIRE(parser_.parse(json.data(), json.size()).get(object) == simdjson::SUCCESS);
        return object;
    }

  private:
    simdjson::dom::parser parser_;
};

// "" if nothing is wrong; "record.name must be a string"; "private: record.lat must not be public".
inline std::string words(const Result<void, RecordFault>& result) {
    if (result.has_value()) return {};
    const RecordFault& fault = result.error();
    const char* const mark = fault.kind == RecordFault::Kind::private_data ? "private: " : "";
    return mark + fault.path + " " + fault.reason;
}

inline const RecordValidator& validator() {
    static const RecordValidator shared;
    return shared;
}

inline std::string verdict(std::string_view collection, std::string_view json) {
    Json parsed;
    return words(validator().check(collection, parsed.object(json)));
}

// A lexicon whose record has these properties.
inline std::string lexicon_json(std::string_view properties, std::string_view required = "",
                                std::string_view definitions = "") {
    std::string json = R"({"lexicon":1,"id":"test.rules.record","defs":{"main":{"type":"record",)"
                       R"("key":"any","record":{"type":"object")";
    if (!required.empty()) json.append(R"(,"required":[)").append(required).append("]");
    json.append(R"(,"properties":{)").append(properties).append("}}}");
    if (!definitions.empty()) json.append(",").append(definitions);
    return json + "}}";
}

// One lexicon and what it says about records.
class Rules {
  public:
    explicit Rules(std::string_view properties, std::string_view required = "",
                   std::string_view definitions = "")
        : lexicon_(Lexicon::compile(lexicon_json(properties, required, definitions))) {}

    std::string operator()(std::string_view record) const {
        Json parsed;
        const simdjson::dom::object object = parsed.object(record);
        return words(walk_record(&lexicon_.form_of(object), object));
    }

  private:
    Lexicon lexicon_;
};

inline std::string json_text(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

inline std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i)
        out.append(text);
    return out;
}

// {"f":VALUE}
inline std::string field(std::string_view value) {
    return R"({"f":)" + std::string(value) + "}";
}

}  // namespace subcults::atproto::test
