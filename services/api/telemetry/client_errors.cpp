#include "telemetry/client_errors.hpp"

#include "base/uuid.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <optional>
#include <string>

namespace subcults::api {
namespace {

namespace catalogue = metrics::catalogue;

std::string unknown_type() {
    std::string message = "Field 'type' must be one of ";
    for (std::size_t i = 0; i < client_error_type_count; ++i) {
        if (i > 0) message += ", ";
        message += catalogue::client_error_types[i];
    }
    return message + ".";
}

std::optional<std::size_t> type_index(std::string_view name) {
    const auto* const first = std::begin(catalogue::client_error_types);
    const auto* const last = std::end(catalogue::client_error_types);
    const auto* const found = std::find(first, last, name);
    if (found == last) return std::nullopt;
    return static_cast<std::size_t>(found - first);
}

// Receives the parser's events; returning false stops it at the first thing that is wrong.
class ReportReader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, ReportReader> {
  public:
    // Null, booleans, fractions and negative numbers: no field takes one.
    bool Default() { return wrong_value(); }
    bool Uint(unsigned value) { return number(value); }
    bool Uint64(std::uint64_t value) { return number(value); }

    bool String(const char* text, rapidjson::SizeType length, bool) {
        const std::string_view value(text, length);
        if (place_ != Place::entry) return wrong_value();
        if (field_ == Field::type) {
            entry_.type = type_index(value);
            return entry_.type.has_value() || refuse(unknown_type());
        }
        if (field_ == Field::stream_id) {
            return Uuid::parse(value).has_value() || refuse("Field 'stream_id' must be a UUID.");
        }
        return wrong_value();
    }

    bool Key(const char* text, rapidjson::SizeType length, bool) {
        const std::string_view name(text, length);
        if (place_ == Place::top && name == "errors" && !seen(Field::errors)) {
            field_ = Field::errors;
            return mark(field_);
        }
        // Outside a batch the object itself is the one entry.
        if (place_ == Place::top && !seen(Field::errors)) place_ = Place::entry;
        if (place_ == Place::entry) {
            if (name == "type") {
                field_ = Field::type;
            } else if (name == "count") {
                field_ = Field::count;
            } else if (name == "stream_id") {
                field_ = Field::stream_id;
            } else {
                return refuse("Only 'type', 'count' and 'stream_id' may be reported.");
            }
            return !seen(field_) ? mark(field_) : refuse("A field appears twice.");
        }
        return refuse("Beside 'errors' there may be nothing else.");
    }

    bool StartObject() {
        if (place_ == Place::outside) {
            place_ = Place::top;
            return true;
        }
        if (place_ != Place::list) return wrong_value();
        if (report.errors == max_client_errors) {
            return refuse("At most " + std::to_string(max_client_errors) +
                          " errors may be reported at once.");
        }
        place_ = Place::entry;
        in_list_ = true;
        return true;
    }
    bool EndObject(rapidjson::SizeType) {
        if (place_ != Place::entry) {
            if (!seen(Field::errors)) return refuse("Field 'errors' or 'type' is required.");
            return true;
        }
        if (!entry_.type) return refuse("Field 'type' is required.");
        ++report.errors;
        report.counts[*entry_.type] += entry_.count;
        entry_ = {};
        seen_ &= bit(Field::errors);
        place_ = in_list_ ? Place::list : Place::top;
        field_ = in_list_ ? Field::errors : Field::none;
        return true;
    }

    bool StartArray() {
        if (place_ != Place::top || field_ != Field::errors) return wrong_value();
        place_ = Place::list;
        return true;
    }
    bool EndArray(rapidjson::SizeType count) {
        place_ = Place::top;
        return count > 0 || refuse("Field 'errors' must not be empty.");
    }

    ClientErrorReport report;
    std::string refusal;

  private:
    enum class Place { outside, top, list, entry };
    enum class Field : unsigned { none, errors, type, count, stream_id };
    struct Entry {
        std::optional<std::size_t> type;
        std::uint64_t count = 1;
    };

    static unsigned bit(Field field) { return 1U << static_cast<unsigned>(field); }
    bool seen(Field field) const { return (seen_ & bit(field)) != 0; }
    bool mark(Field field) {
        seen_ |= bit(field);
        return true;
    }

    bool number(std::uint64_t value) {
        if (place_ != Place::entry || field_ != Field::count) return wrong_value();
        if (value < 1 || value > max_client_error_count) return wrong_value();
        entry_.count = value;
        return true;
    }
    bool wrong_value() {
        switch (field_) {
            case Field::none:
                break;
            case Field::errors:
                return refuse("Field 'errors' must be an array of objects.");
            case Field::type:
                return refuse(unknown_type());
            case Field::count:
                return refuse("Field 'count' must be an integer from 1 to " +
                              std::to_string(max_client_error_count) + ".");
            case Field::stream_id:
                return refuse("Field 'stream_id' must be a UUID.");
        }
        return refuse("The body must be a JSON object.");
    }
    bool refuse(std::string why) {
        refusal = std::move(why);
        return false;
    }

    Place place_ = Place::outside;
    Field field_ = Field::none;
    unsigned seen_ = 0;
    Entry entry_;
    bool in_list_ = false;
};

}  // namespace

Result<ClientErrorReport, InputError> read_client_errors(std::string_view body) {
    // To the parser a NUL byte is the end of the text, wherever it stands.
    if (body.find('\0') != std::string_view::npos) {
        return InputError{"bad_request", "The body is not valid JSON: it contains a NUL byte."};
    }
    if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return InputError{"validation_error", "Field 'errors' or 'type' is required."};
    }
    ReportReader handler;
    rapidjson::Reader reader;
    rapidjson::MemoryStream stream(body.data(), body.size());
    constexpr unsigned flags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    const auto result = reader.Parse<flags>(stream, handler);
    if (!handler.refusal.empty()) return InputError{"validation_error", handler.refusal};
    if (!result) {
        return InputError{"bad_request",
                          "The body is not valid JSON: " +
                              std::string(rapidjson::GetParseError_En(result.Code()))};
    }
    return handler.report;
}

}  // namespace subcults::api
