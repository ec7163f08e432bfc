// Routes: a method and a pattern with typed parameters, matched without allocation.
//
//     router.add(Method::post, "/streams/{id:uuid}/join", access, handler);
//
// Segments are literal text, `{name}` (any non-empty segment, percent-decoded) or `{name:uuid}`
// (anything else in its place makes the path unknown: 404). Literals win over parameters.
// Matching a path whose pattern exists under other methods gives 405 with those methods.
// The pattern text itself, with `{name:uuid}` shortened to `{name}`, is the `route` label.
#pragma once

#include "net/http_message.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::net {

using Handler = std::function<boost::asio::awaitable<Response>(Request&)>;

// Runs before the handler. Returns a response to refuse the request (401, 403, 429, …), or nullopt
// to let it pass; may fill request.principal. Must be quick and must not block.
using Guard = std::function<std::optional<Response>(Request&)>;

struct RouteOptions {
    std::vector<Guard> guards = {};
    // Media types accepted for a body (without parameters). An empty body is always fine; a body
    // with another type is a 415. Empty list = no check.
    std::vector<std::string> content_types = {"application/json"};
    std::size_t max_body_bytes = 1024 * 1024;
    // Answered even by a worker that is overloaded: health checks, scrapes.
    bool essential = false;
};

struct Route {
    Method method;
    std::string pattern;  // the label
    RouteOptions options;
    Handler handler;
    std::size_t index = 0;  // position in routes(), for per-route metric tables
};

class Router {
  public:
    Router();
    ~Router();
    Router(Router&&) noexcept;
    Router& operator=(Router&&) noexcept;

    // Throws std::invalid_argument on a malformed pattern or a duplicate.
    void add(Method method, std::string_view pattern, RouteOptions options, Handler handler);

    struct Match {
        const Route* route = nullptr;  // null = no such path, or not with this method
        std::vector<Method> allowed;   // not empty = 405
        std::vector<std::string> text_params;
        std::vector<Uuid> uuid_params;
        bool bad_encoding = false;  // a percent escape that does not decode to UTF-8: 400
    };
    // HEAD is matched as GET where no HEAD route exists.
    Match match(Method method, std::string_view path) const;
    // The same into an object that is used again and keeps its capacity.
    void match(Method method, std::string_view path, Match& into) const;

    // May be changed until the server listens: rules that span routes are added at the end.
    const std::vector<std::unique_ptr<Route>>& routes() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace subcults::net
