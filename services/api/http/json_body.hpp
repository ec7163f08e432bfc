// Request bodies: small JSON objects, read strictly.
//
// Refused with a message that names the cause: anything but one object, nesting, invalid UTF-8,
// duplicate fields, fields the endpoint does not know, values of another type.
#pragma once

#include "base/result.hpp"

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace subcults::api {

// What a client did wrong, in words for it.
struct InputError {
    std::string code;  // "bad_request" = not readable at all, "validation_error" = a field
    std::string message;
};

class JsonBody {
  public:
    // Reads a flat object whose values are strings or booleans. An empty body is an empty object.
    static Result<JsonBody, InputError> parse(std::string_view text,
                                              std::initializer_list<std::string_view> known);

    bool has(std::string_view field) const { return values_.contains(field); }
    // nullopt when absent; an error when the field is there but no string (null included).
    Result<std::optional<std::string_view>, InputError> string(std::string_view field) const;

  private:
    struct Value {
        bool is_string = false;
        std::string text;
    };
    std::map<std::string, Value, std::less<>> values_;
};

}  // namespace subcults::api
