#include "http/cors.hpp"

#include <algorithm>

namespace subcults::api {
namespace {

constexpr std::string_view exposed =
    "X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, "
    "X-Next-Cursor, Location, Date";
constexpr std::string_view methods = "GET, HEAD, POST, PUT, PATCH, DELETE";
constexpr std::string_view request_headers =
    "Authorization, Content-Type, Idempotency-Key, X-Request-ID, traceparent, tracestate";
// Browsers cap it themselves; ten minutes keeps a change of the list from lingering.
constexpr std::string_view max_age = "600";

}  // namespace

std::optional<net::Response> Cors::handle(net::Request& request) const {
    if (!enabled()) return std::nullopt;
    const auto origin = request.header("Origin");
    if (!origin) return std::nullopt;
    const bool allowed = request.header_count("Origin") == 1 &&
                         std::find(origins_.begin(), origins_.end(), *origin) != origins_.end();
    const bool preflight = request.method() == net::Method::options &&
                           request.header("Access-Control-Request-Method").has_value();
    if (allowed) {
        request.answer_headers.set("Access-Control-Allow-Origin", *origin);
        if (preflight) {
            request.answer_headers.set("Access-Control-Allow-Methods", methods);
            request.answer_headers.set("Access-Control-Allow-Headers", request_headers);
            request.answer_headers.set("Access-Control-Max-Age", max_age);
        } else {
            request.answer_headers.set("Access-Control-Expose-Headers", exposed);
        }
    }
    if (!preflight) return std::nullopt;
    net::Response answer;
    answer.status = 204;
    return answer;
}

std::string check_origin(std::string_view origin) {
    constexpr std::string_view wanted = "must be scheme://host or scheme://host:port in lower case";
    std::string_view rest;
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (origin.substr(0, scheme.size()) == scheme) rest = origin.substr(scheme.size());
    }
    const bool plain = std::all_of(rest.begin(), rest.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
               c == ':' || c == '[' || c == ']';
    });
    if (rest.empty() || !plain || rest.front() == ':' || rest.back() == ':') {
        return std::string(wanted);
    }
    // Browsers leave the usual ports out, so an origin that names one would never match.
    const bool https = origin.substr(0, 8) == "https://";
    if (rest.ends_with(https ? ":443" : ":80")) return "must not name the scheme's own port";
    return {};
}

}  // namespace subcults::api
