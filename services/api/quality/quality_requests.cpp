#include "quality/quality_requests.hpp"

#include <charconv>
#include <string>

namespace subcults::api::quality {
namespace {

Result<int, InputError> read_number(const net::Request& request, std::string_view name, int most,
                                    int fallback) {
    int number = fallback;
    bool seen = false;
    for (const auto& [given, text] : request.query()) {
        if (given != name) continue;
        if (seen) {
            return InputError{"validation_error",
                              std::string("Parameter '").append(name) + "' appears twice."};
        }
        seen = true;
        const char* end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, number);
        if (parsed.ec != std::errc() || parsed.ptr != end || number < 1 || number > most) {
            return InputError{"validation_error", std::string("Parameter '").append(name) +
                                                      "' must be an integer from 1 to " +
                                                      std::to_string(most) + "."};
        }
    }
    return number;
}

}  // namespace

Result<int, InputError> read_limit(const net::Request& request) {
    return read_number(request, "limit", most_metrics, 100);
}

Result<int, InputError> read_since_minutes(const net::Request& request) {
    return read_number(request, "since_minutes", most_minutes, 5);
}

}  // namespace subcults::api::quality
