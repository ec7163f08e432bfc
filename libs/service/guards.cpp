#include "service/guards.hpp"

namespace subcults::service {

net::Guard token_guard(const auth::InternalToken& token) {
    return [&token](net::Request& request) -> std::optional<net::Response> {
        const auto verdict =
            token.check(request.header("Authorization"), request.header("X-Internal-Token"));
        switch (verdict) {
            case auth::InternalToken::Verdict::allowed:
                return std::nullopt;
            case auth::InternalToken::Verdict::missing: {
                net::Response refused = net::error_response(
                    401, "auth_failed", "A token is required.", request.request_id);
                refused.headers.emplace_back("WWW-Authenticate", "Bearer");
                return refused;
            }
            case auth::InternalToken::Verdict::wrong:
                break;
        }
        return net::error_response(403, "forbidden", "The token is not valid here.",
                                   request.request_id);
    };
}

}  // namespace subcults::service
