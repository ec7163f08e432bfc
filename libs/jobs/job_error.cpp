#include "jobs/job_error.hpp"

namespace subcults::jobs {

std::string_view to_string(ErrorType type) noexcept {
    switch (type) {
        case ErrorType::timeout:
            return "timeout";
        case ErrorType::database_error:
            return "database_error";
        case ErrorType::network_error:
            return "network_error";
        case ErrorType::validation_error:
            return "validation_error";
        case ErrorType::permission_denied:
            return "permission_denied";
        case ErrorType::recompute_error:
            return "recompute_error";
        case ErrorType::not_found:
            return "not_found";
    }
    return "database_error";
}

ErrorType classify(const db::Error& error) noexcept {
    if (error.sqlstate == "42501" || error.is_class("28")) return ErrorType::permission_denied;
    if (error.is_class("22") || error.is_class("23")) return ErrorType::validation_error;
    return ErrorType::database_error;
}

ErrorType classify_status(unsigned http_status) noexcept {
    if (http_status == 401 || http_status == 403) return ErrorType::permission_denied;
    if (http_status == 404 || http_status == 410) return ErrorType::not_found;
    const bool later = http_status == 408 || http_status == 429;
    if (http_status >= 400 && http_status < 500 && !later) return ErrorType::validation_error;
    return ErrorType::network_error;
}

std::string brief(const db::Error& error) {
    db::Error shown = error;
    shown.message.clear();
    return db::describe(shown);
}

}  // namespace subcults::jobs
