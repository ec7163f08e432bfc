// Which web pages may talk to the API from a browser: an allow-list of exact origins.
//
// Answers to an allowed origin name it and let its scripts read the headers they need; answers to
// any other carry nothing of the kind, and the browser keeps them from the page. Nothing is refused
// for its origin: that protects nobody, since only browsers send one. Access tokens travel in a
// header that scripts set, never in cookies, so credentials are not allowed and a foreign page has
// nothing to ride on. The answers differ by origin, so all of them carry `Vary: Origin`
// (security_headers.hpp).
//
// Immutable, thread-safe; a comparison per configured origin, and only for requests that name one.
#pragma once

#include "net/http_message.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api {

class Cors {
  public:
    // Empty = off: no headers, no preflights.
    explicit Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {}

    bool enabled() const noexcept { return !origins_.empty(); }

    // Sets the answer's headers; the whole answer when the request is a preflight. A preflight of a
    // foreign origin is answered without the headers that would let it pass.
    std::optional<net::Response> handle(net::Request& request) const;

  private:
    std::vector<std::string> origins_;
};

// A message for an origin that no browser would ever send in this spelling; "" when it is fine.
std::string check_origin(std::string_view origin);

}  // namespace subcults::api
