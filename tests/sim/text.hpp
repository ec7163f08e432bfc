// Made-up names, prose and JSON for generated records.
#pragma once

#include "sim/random.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace subcults::sim {

// "Basement Static", now and then with letters that are not ASCII.
std::string make_name(Random& random);
// Sentences of roughly `size` bytes: always valid UTF-8, sometimes with quotes, breaks and emoji.
std::string make_prose(Random& random, std::size_t size);
std::string make_tag(Random& random);
std::string make_handle(Random& random);
std::string make_did(Random& random);
std::string make_geohash(Random& random, std::size_t size);

// Writes one JSON object field by field, compactly.
class JsonObject {
  public:
    JsonObject& text(std::string_view key, std::string_view value);
    JsonObject& number(std::string_view key, std::int64_t value);
    JsonObject& boolean(std::string_view key, bool value);
    JsonObject& raw(std::string_view key, std::string_view json);
    // RFC 3339 in UTC.
    JsonObject& time(std::string_view key, std::int64_t micros);
    std::string finish() &&;

  private:
    void key(std::string_view key);
    std::string json_ = "{";
};

std::string json_string(std::string_view text);

}  // namespace subcults::sim
