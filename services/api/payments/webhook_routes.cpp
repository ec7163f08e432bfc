#include "payments/webhook_routes.hpp"

#include "http/signed_webhook.hpp"
#include "payments/stripe_event.hpp"
#include "payments/stripe_inbox.hpp"

#include <algorithm>
#include <chrono>
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
        if (const auto refused =
                signature_mistake(request, "Stripe-Signature", *context_.verifier)) {
            context_.metrics.webhook(EventKind::other, "bad_signature");
            complaints_.complain(request, "stripe webhook refused", *refused);
            co_return net::error_response(401, "auth_failed", "The signature is not valid.",
                                          request.request_id);
        }
        auto read = read_event(request.body());
        if (!read) {
            context_.metrics.webhook(EventKind::other, "malformed");
            complaints_.complain(request, "stripe webhook is malformed", read.error().reason);
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
            complaints_.complain(request, "stripe webhook not stored",
                                 db::to_string(stored.error().kind));
            co_return net::retry_response(503, "unavailable",
                                          "The service cannot reach its database.",
                                          request.request_id, retry_seconds);
        }
        const bool fresh = *stored == Stored::fresh;
        if (fresh && dead) complaints_.complain(request, "stripe event makes no sense", reason);
        context_.metrics.webhook(kind, !fresh ? "duplicate" : dead ? "unreadable" : "stored");
        co_return net::json_response(200, "{}");
    }

  private:
    WebhookContext context_;
    WebhookComplaints complaints_{context_.log};
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
