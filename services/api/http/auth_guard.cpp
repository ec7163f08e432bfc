#include "http/auth_guard.hpp"

#include <ctime>
#include <utility>

namespace subcults::api {
namespace {

net::Response refuse(const net::Request& request, std::string_view message) {
    net::Response response = net::error_response(401, "auth_failed", message, request.request_id);
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
}

// What a client may know about why its token was refused: enough to act, nothing about keys.
std::string_view explain(auth::TokenFault fault) {
    switch (fault) {
        case auth::TokenFault::expired:
            return "The access token has expired.";
        case auth::TokenFault::not_yet_valid:
            return "The access token is not valid yet.";
        default:
            return "The access token is not valid.";
    }
}

}  // namespace

net::Guard user_guard(auth::TokenCache& tokens) {
    return [&tokens](net::Request& request) -> std::optional<net::Response> {
        request.answer_headers.set("Cache-Control", "no-store");
        const auto header = request.header("Authorization");
        if (!header) return refuse(request, "An access token is required.");
        if (request.header_count("Authorization") > 1) {
            return refuse(request, "More than one Authorization header.");
        }
        const auto token = auth::bearer_token(*header);
        if (!token) return refuse(request, "The Authorization header must be 'Bearer <token>'.");
        auto claims = tokens.verify(*token, static_cast<std::int64_t>(std::time(nullptr)));
        if (!claims) return refuse(request, explain(claims.error()));
        request.principal.did = std::move(claims->did);
        request.principal.role = std::move(claims->role);
        return std::nullopt;
    };
}

net::Guard require_role(std::string role) {
    return [role = std::move(role)](net::Request& request) -> std::optional<net::Response> {
        if (request.principal.authenticated() && request.principal.role == role) {
            return std::nullopt;
        }
        return net::error_response(403, "forbidden", "Your role does not allow this.",
                                   request.request_id);
    };
}

}  // namespace subcults::api
