#include "payments/webhook_routes.hpp"

#include "payments/stripe_event.hpp"
#include "payments/stripe_inbox.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>

namespace subcults::api::payments {

namespace asio = boost::asio;

namespace {

// Stripe waits ten seconds for an answer and more.
constexpr std::chrono::seconds store_limit{5};
constexpr unsigned retry_seconds = 1;
constexpr unsigned unconfigured_retry_seconds = 60;

class WebhookRoute {
  public:
    explicit WebhookRoute(WebhookContext context) : context_(context) {}

    asio::awaitable<net::Response> receive(net::Request& request) {
        if (context_.verifier == nullptr) {
            co_return net::retry_response(503, "stripe_not_configured",
                                          "No Stripe account is configured here.",
                                          request.request_id, unconfigured_retry_seconds);
        }
        if (const auto refused = check_signature(request)) {
            context_.metrics.webhook(EventKind::other, "bad_signature");
            complain(request, "stripe webhook refused", *refused);
            co_return net::error_response(401, "auth_failed", "The signature is not valid.",
                                          request.request_id);
        }
        auto read = read_event(request.body());
        if (!read) {
            context_.metrics.webhook(EventKind::other, "malformed");
            complain(request, "stripe webhook is malformed", read.error().reason);
            co_return net::error_response(400, "bad_request", "The event cannot be read.",
                                          request.request_id);
        }
        const EventKind kind = read->event.kind;
        const bool dead = read->fate == ReadEvent::Fate::dead;
        if (read->fate == ReadEvent::Fate::ignored) {
            context_.metrics.webhook(kind, "ignored");
            co_return net::json_response(200, "{}");
        }
        const std::string_view reason = read->reason;
        const Deadline deadline = std::min(request.deadline, deadline_in(store_limit));
        auto stored = co_await put(context_.pool, std::move(*read), now_micros(), deadline);
        if (!stored) {
            context_.metrics.webhook(kind, "unavailable");
            complain(request, "stripe webhook not stored", db::to_string(stored.error().kind));
            co_return net::retry_response(503, "unavailable",
                                          "The service cannot reach its database.",
                                          request.request_id, retry_seconds);
        }
        const bool fresh = *stored == Stored::fresh;
        if (fresh && dead) complain(request, "stripe event makes no sense", reason);
        context_.metrics.webhook(kind, !fresh ? "duplicate" : dead ? "unreadable" : "stored");
        co_return net::json_response(200, "{}");
    }

  private:
    // Why it is refused; nullopt = it is Stripe's.
    std::optional<std::string_view> check_signature(const net::Request& request) const {
        const auto header = request.header("Stripe-Signature");
        if (!header) return "missing";
        if (request.header_count("Stripe-Signature") > 1) return "several";
        const auto now = static_cast<std::int64_t>(std::time(nullptr));
        const auto verified = context_.verifier->verify(*header, request.body(), now);
        if (verified) return std::nullopt;
        return to_string(verified.error());
    }

    void complain(const net::Request& request, std::string_view event, std::string_view reason) {
        std::uint64_t held_back = 0;
        if (!limit_.allow(held_back)) return;
        context_.log.warn(event, {{"reason", reason},
                                  {"held_back", held_back},
                                  {"request_id", request.request_id},
                                  {"trace_id", request.trace.self.trace_text()},
                                  {"span_id", request.trace.self.span_text()}});
    }

    WebhookContext context_;
    LogLimit limit_{std::chrono::milliseconds(1000)};
};

}  // namespace

void add_webhook_route(net::Router& router, WebhookContext context) {
    auto route = std::make_shared<WebhookRoute>(context);
    net::RouteOptions options;
    options.content_types = {"application/json"};
    options.max_body_bytes = 1024 * 1024;
    router.add(net::Method::post, "/internal/stripe/webhook", std::move(options),
               [route](net::Request& request) { return route->receive(request); });
}

}  // namespace subcults::api::payments
