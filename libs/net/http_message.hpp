// What handlers see of HTTP: a request with its decoded path parameters, and a response to fill.
// No Beast type appears here, so handlers compile without it and are tested without a socket.
#pragma once

#include "base/time.hpp"
#include "base/trace_context.hpp"
#include "base/uuid.hpp"
#include "net/answer_headers.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::net {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };
std::string_view to_string(Method method) noexcept;

// Who is calling, as established by the authenticator of the route. Empty did = nobody.
struct Principal {
    std::string did;
    std::string role;  // "user", "admin" or what the token says
    bool authenticated() const noexcept { return !did.empty(); }
    bool is_admin() const noexcept { return role == "admin"; }
};

class Request {
  public:
    virtual ~Request() = default;

    virtual Method method() const noexcept = 0;
    virtual std::string_view path() const noexcept = 0;
    virtual std::string_view body() const noexcept = 0;
    // The value of a header, names compared without case; nullopt when absent. When a header was
    // sent more than once this is the first.
    virtual std::optional<std::string_view> header(std::string_view name) const noexcept = 0;
    // How often a header was sent.
    virtual std::size_t header_count(std::string_view name) const noexcept = 0;
    // The value of the header's occurrence number `index`, from 0, in the order sent.
    virtual std::optional<std::string_view> header_at(std::string_view name,
                                                      std::size_t index) const noexcept {
        return index == 0 ? header(name) : std::nullopt;
    }
    // Percent-decoded query parameters in the order sent. A target that does not decode was
    // already answered with 400.
    virtual const std::vector<std::pair<std::string, std::string>>& query() const = 0;
    std::optional<std::string_view> query_value(std::string_view name) const;

    virtual std::string_view remote_address() const noexcept = 0;

    // Set by the server before the handler runs.
    std::string request_id;
    // The caller's trace, or a new one, with this request's own span.
    TraceContext trace;
    Principal principal;
    // Path parameters by position in the pattern.
    std::vector<std::string> text_params;
    std::vector<Uuid> uuid_params;
    // When the handler has to have answered; pass it on to every wait.
    Deadline deadline{};
    // Sent with whatever answer this request gets.
    AnswerHeaders answer_headers;
};

struct Response {
    unsigned status = 200;
    std::string_view content_type = "application/json; charset=utf-8";
    std::string body;
    std::vector<std::pair<std::string_view, std::string>> headers;
    bool close = false;  // close the connection after this answer
};

// {"error":{"code","message","request_id"}} with the given status.
Response error_response(unsigned status, std::string_view code, std::string_view message,
                        std::string_view request_id);
// The same for 429 and 503, with Retry-After in seconds.
Response retry_response(unsigned status, std::string_view code, std::string_view message,
                        std::string_view request_id, unsigned retry_after_seconds);
Response json_response(unsigned status, std::string body);

}  // namespace subcults::net
