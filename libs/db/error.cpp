#include "db/error.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace subcults::db {

bool Error::transient() const noexcept {
    switch (kind) {
        case ErrorKind::unavailable:
        case ErrorKind::connection_lost:
        case ErrorKind::timeout:
        case ErrorKind::pool_timeout:
            return true;
        case ErrorKind::server: {
            static constexpr std::array<std::string_view, 6> classes{"08", "40", "53",
                                                                     "55", "57", "58"};
            return std::ranges::any_of(classes, [this](auto two) { return is_class(two); });
        }
        case ErrorKind::protocol:
        case ErrorKind::cancelled:
            return false;
    }
    return false;
}

bool Error::of_the_data() const noexcept {
    return is_class("22") || is_class("23") || is_class("54");
}

bool Error::certainly_not_applied() const noexcept {
    switch (kind) {
        case ErrorKind::unavailable:
        case ErrorKind::pool_timeout:
            return true;
        case ErrorKind::server:
            // The two codes by which a server or a proxy says that it does not know either.
            return sqlstate != "40003" && sqlstate != "08007";
        case ErrorKind::connection_lost:
        case ErrorKind::timeout:
        case ErrorKind::protocol:
        case ErrorKind::cancelled:
            return false;
    }
    return false;
}

std::string_view to_string(ErrorKind kind) noexcept {
    switch (kind) {
        case ErrorKind::unavailable:
            return "unavailable";
        case ErrorKind::connection_lost:
            return "connection_lost";
        case ErrorKind::timeout:
            return "timeout";
        case ErrorKind::pool_timeout:
            return "pool_timeout";
        case ErrorKind::server:
            return "server";
        case ErrorKind::protocol:
            return "protocol";
        case ErrorKind::cancelled:
            return "cancelled";
    }
    return "unknown";
}

std::string describe(const Error& error) {
    std::string text(to_string(error.kind));
    if (!error.sqlstate.empty()) text.append(" ").append(error.sqlstate);
    if (!error.statement.empty()) text.append(" in ").append(error.statement);
    if (!error.message.empty()) text.append(": ").append(error.message);
    return text;
}

void throw_exception_from_error(const Error& error, const boost::source_location& location) {
    std::string text = describe(error);
    text.append(" (").append(location.file_name()).append(":");
    text.append(std::to_string(location.line())).append(")");
    throw std::runtime_error(text);
}

}  // namespace subcults::db
