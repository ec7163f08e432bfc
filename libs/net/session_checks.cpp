#include "net/session.hpp"

#include "net/query.hpp"

#include <algorithm>
#include <utility>

namespace subcults::net {

Response Session::error(unsigned status, std::string_view code, std::string_view message) const {
    return error_response(status, code, message, request_.request_id);
}

void Session::log_failure(std::exception_ptr failure) noexcept {
    core_->report_exception(std::move(failure), "request failed", &request_,
                            match_.route != nullptr ? match_.route->pattern : std::string_view{});
}

std::optional<Response> Session::check() {
    match_.route = nullptr;
    const auto not_allowed = [this](std::string allowed) {
        Response response = error(405, "method_not_allowed", "this path has other methods");
        response.headers.emplace_back("Allow", std::move(allowed));
        return response;
    };
    if (head_.connect_or_trace) return not_allowed(core_->all_methods());
    const auto target = split_target(head_.target());
    if (!target) return error(400, "bad_request", "the request target is not well-formed");
    if (target->path == "*") {
        if (head_.method == Method::options) return not_allowed(core_->all_methods());
        return error(400, "bad_request", "the request target is not well-formed");
    }
    core_->router().match(head_.method, target->path, match_);
    try {
        if (auto answer = core_->admit(request_, match_.route)) return answer;
    } catch (...) {
        log_failure(std::current_exception());
        return error(500, "internal_error", "something went wrong on our side");
    }
    if (match_.route != nullptr) {
        if (auto refusal = check_load()) return refusal;
    }
    if (match_.bad_encoding) return error(400, "bad_request", "the path does not decode to UTF-8");
    if (match_.route == nullptr) {
        if (!match_.allowed.empty()) return not_allowed(join_methods(match_.allowed));
        return error(404, "not_found", "there is nothing at this path");
    }
    if (!target->query.empty() && !request_.set_query(target->query)) {
        return error(400, "bad_request", "the query does not decode to UTF-8");
    }
    // Swapped, not copied: both sides keep their capacity for the next request.
    request_.text_params.swap(match_.text_params);
    request_.uuid_params.swap(match_.uuid_params);
    const RouteOptions& options = match_.route->options;
    if (!options.guards.empty()) {
        try {
            for (const Guard& guard : options.guards) {
                if (auto refusal = guard(request_)) return refusal;
            }
        } catch (...) {
            log_failure(std::current_exception());
            return error(500, "internal_error", "something went wrong on our side");
        }
    }
    if (head_.content_length != 0) {
        if (auto refusal = check_type(false)) return refusal;
        if (head_.content_length > options.max_body_bytes) {
            return error(413, "payload_too_large",
                         "the request body may have at most " +
                             std::to_string(options.max_body_bytes) + " bytes");
        }
    }
    return std::nullopt;
}

std::optional<Response> Session::check_load() {
    if (match_.route->options.essential) return std::nullopt;
    const auto reason = core_->load().verdict(started_);
    if (!reason) return std::nullopt;
    core_->report_shed(*reason);
    return retry_response(503, "overloaded", "the service is busy, try again later",
                          request_.request_id, 1);
}

// `body_seen`: a chunked body turns out to be empty only when it was read, and an empty body is
// fine under any type.
std::optional<Response> Session::check_type(bool body_seen) {
    const std::vector<std::string>& accepted = match_.route->options.content_types;
    if (accepted.empty()) return std::nullopt;
    if (body_seen && (!head_.chunked || request_.body().empty())) return std::nullopt;
    if (head_.content_type) {
        const std::string_view type = media_type(head_.text(*head_.content_type));
        for (const std::string& candidate : accepted) {
            if (equals_no_case(type, candidate)) return std::nullopt;
        }
    }
    return error(415, "unsupported_media_type", "the body must be sent as " + accepted.front());
}

}  // namespace subcults::net
