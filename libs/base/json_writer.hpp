// Writing JSON, with string_views: a thin layer over RapidJSON's Writer for answers and status
// pages.
//
//     JsonWriter json;
//     json.begin_object().field("id", id).field("count", 5).end_object();
//     json.take();
//
// The caller keeps begin and end balanced. Strings must be valid UTF-8. Doubles that JSON cannot
// hold (NaN, infinities) are written as null.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace subcults {

class JsonWriter {
  public:
    JsonWriter() : writer_(buffer_) {}
    JsonWriter(const JsonWriter&) = delete;
    JsonWriter& operator=(const JsonWriter&) = delete;

    JsonWriter& begin_object() { return writer_.StartObject(), *this; }
    JsonWriter& end_object() { return writer_.EndObject(), *this; }
    JsonWriter& begin_array() { return writer_.StartArray(), *this; }
    JsonWriter& end_array() { return writer_.EndArray(), *this; }
    JsonWriter& key(std::string_view name) { return writer_.Key(name.data(), size(name)), *this; }

    JsonWriter& value(std::string_view text) {
        return writer_.String(text.data(), size(text)), *this;
    }
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(bool truth) { return writer_.Bool(truth), *this; }
    template <std::signed_integral T>
    JsonWriter& value(T number) {
        return writer_.Int64(number), *this;
    }
    template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>) JsonWriter& value(T number) {
        return writer_.Uint64(number), *this;
    }
    JsonWriter& value(double number) {
        return std::isfinite(number) ? writer_.Double(number) : writer_.Null(), *this;
    }
    JsonWriter& null() { return writer_.Null(), *this; }
    template <class T>
    JsonWriter& value(const std::optional<T>& maybe) {
        return maybe ? value(*maybe) : null();
    }
    // JSON that is complete and valid already.
    JsonWriter& raw(std::string_view json) {
        return writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType), *this;
    }

    template <class T>
    JsonWriter& field(std::string_view name, const T& content) {
        key(name);
        return value(content);
    }

    std::string take() const { return {buffer_.GetString(), buffer_.GetSize()}; }

  private:
    static rapidjson::SizeType size(std::string_view text) noexcept {
        return static_cast<rapidjson::SizeType>(text.size());
    }
    rapidjson::StringBuffer buffer_;
    rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

}  // namespace subcults
