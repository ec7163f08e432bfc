#include "openapi/closed_schema.hpp"

#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace subcults::test {
namespace {

using Allocator = rapidjson::Document::AllocatorType;

// Rules, and below them words for people.
constexpr std::array<std::string_view, 22> understood{
    "type",     "properties", "required",    "additionalProperties",
    "items",    "enum",       "pattern",     "minimum",
    "maximum",  "minLength",  "maxLength",   "minItems",
    "maxItems", "oneOf",      "anyOf",       "title",
    "format",   "default",    "description", "example",
    "examples", "deprecated"};

void close(rapidjson::Value& schema, Allocator& allocator);

void close_each(rapidjson::Value& list, Allocator& allocator) {
    for (rapidjson::Value& schema : list.GetArray())
        close(schema, allocator);
}

void close(rapidjson::Value& schema, Allocator& allocator) {
    if (!schema.IsObject()) throw std::runtime_error("a schema must be an object");
    for (const auto& member : std::as_const(schema).GetObject()) {
        const std::string_view keyword(member.name.GetString(), member.name.GetStringLength());
        if (std::find(understood.begin(), understood.end(), keyword) == understood.end()) {
            throw std::runtime_error("schema keyword " + std::string(keyword) +
                                     " is not understood");
        }
    }
    for (const char* combination : {"oneOf", "anyOf"}) {
        if (schema.HasMember(combination)) close_each(schema[combination], allocator);
    }
    if (schema.HasMember("items")) close(schema["items"], allocator);
    if (schema.HasMember("additionalProperties") && schema["additionalProperties"].IsObject()) {
        close(schema["additionalProperties"], allocator);
    }
    if (!schema.HasMember("properties")) return;
    rapidjson::Value& properties = schema["properties"];
    // Counted, because two iterators that may write cannot be compared in C++20.
    auto property = properties.MemberBegin();
    for (rapidjson::SizeType left = properties.MemberCount(); left > 0; --left, ++property)
        close(property->value, allocator);
    if (!schema.HasMember("additionalProperties")) {
        schema.AddMember("additionalProperties", false, allocator);
    }
}

std::string text_of(const rapidjson::Pointer& pointer) {
    rapidjson::StringBuffer buffer;
    pointer.Stringify(buffer);
    const std::string text(buffer.GetString(), buffer.GetSize());
    return text.empty() ? "the body" : text;
}

rapidjson::Document closed_copy(const rapidjson::Value& schema) {
    rapidjson::Document copy;
    copy.CopyFrom(schema, copy.GetAllocator());
    close(copy, copy.GetAllocator());
    return copy;
}

}  // namespace

struct ClosedSchema::Compiled {
    explicit Compiled(const rapidjson::Value& schema)
        : source(closed_copy(schema)), rules(source) {}
    rapidjson::Document source;
    rapidjson::SchemaDocument rules;
};

ClosedSchema::ClosedSchema(const rapidjson::Value& schema)
    : compiled_(std::make_unique<Compiled>(schema)) {}

ClosedSchema::~ClosedSchema() = default;

std::optional<std::string> ClosedSchema::objection(const rapidjson::Value& value) const {
    rapidjson::SchemaValidator validator(compiled_->rules);
    if (value.Accept(validator)) return std::nullopt;
    const char* const rule = validator.GetInvalidSchemaKeyword();
    return text_of(validator.GetInvalidDocumentPointer()) + " breaks '" +
           (rule != nullptr ? rule : "the schema") + "' of " +
           text_of(validator.GetInvalidSchemaPointer());
}

}  // namespace subcults::test
