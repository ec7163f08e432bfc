#include "http/json_body.hpp"

#include "base/utf8.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <vector>

namespace subcults::api {
namespace {

// Receives the parser's events; returning false stops it. Nothing nested is ever built, so depth
// costs nothing.
class ObjectReader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, ObjectReader> {
  public:
    struct Field {
        std::string name;
        bool is_string = false;
        std::string text;
    };

    bool Default() { return scalar(false, {}); }
    bool String(const char* text, rapidjson::SizeType length, bool) {
        return scalar(true, std::string(text, length));
    }
    bool Key(const char* text, rapidjson::SizeType length, bool) {
        name_.assign(text, length);
        return true;
    }
    bool StartObject() {
        if (depth_++ == 0) return true;
        return refuse("Field '" + name_ + "' must not be an object.");
    }
    bool EndObject(rapidjson::SizeType) {
        --depth_;
        return true;
    }
    bool StartArray() {
        if (depth_ == 0) return refuse("The body must be a JSON object.");
        return refuse("Field '" + name_ + "' must not be an array.");
    }

    std::vector<Field> fields;
    std::string refusal;

  private:
    bool scalar(bool is_string, std::string text) {
        if (depth_ == 0) return refuse("The body must be a JSON object.");
        fields.push_back(Field{name_, is_string, std::move(text)});
        return true;
    }
    bool refuse(std::string why) {
        refusal = std::move(why);
        return false;
    }
    int depth_ = 0;
    std::string name_;
};

// Field names come from the client and go back to it: short and printable.
std::string shown(std::string_view name) {
    std::string text;
    for (const char c : clipped_utf8(name, 64)) {
        const auto byte = static_cast<unsigned char>(c);
        text.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
    }
    return text;
}

InputError bad_request(std::string message) {
    return {"bad_request", std::move(message)};
}

}  // namespace

Result<JsonBody, InputError> JsonBody::parse(std::string_view text,
                                             std::initializer_list<std::string_view> known) {
    JsonBody body;
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return body;

    // To the parser a NUL byte is the end of the text, wherever it stands.
    if (text.find('\0') != std::string_view::npos) {
        return bad_request("The body is not valid JSON: it contains a NUL byte.");
    }
    ObjectReader handler;
    rapidjson::Reader reader;
    rapidjson::MemoryStream stream(text.data(), text.size());
    constexpr unsigned flags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    const auto result = reader.Parse<flags>(stream, handler);
    if (!handler.refusal.empty()) return InputError{"validation_error", shown(handler.refusal)};
    if (!result) {
        return bad_request("The body is not valid JSON: " +
                           std::string(rapidjson::GetParseError_En(result.Code())));
    }
    for (ObjectReader::Field& field : handler.fields) {
        if (std::find(known.begin(), known.end(), field.name) == known.end()) {
            return InputError{"validation_error", "Unknown field '" + shown(field.name) + "'."};
        }
        const auto inserted =
            body.values_.try_emplace(field.name, Value{field.is_string, std::move(field.text)});
        if (!inserted.second) {
            return InputError{"validation_error",
                              "Field '" + shown(field.name) + "' appears twice."};
        }
    }
    return body;
}

Result<std::optional<std::string_view>, InputError> JsonBody::string(std::string_view field) const {
    const auto found = values_.find(field);
    if (found == values_.end()) return std::optional<std::string_view>();
    if (!found->second.is_string) {
        return InputError{"validation_error",
                          "Field '" + std::string(field) + "' must be a string."};
    }
    return std::optional<std::string_view>(found->second.text);
}

}  // namespace subcults::api
