#include "livekit/webhook_routes.hpp"

#include "http/signed_webhook.hpp"
#include "livekit/inbox.hpp"

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds store_limit{3};
constexpr unsigned retry_seconds = 1;

class WebhookRoute {
  public:
    explicit WebhookRoute(WebhookContext context) : context_(std::move(context)) {}

    asio::awaitable<net::Response> receive(net::Request& request) {
        if (context_.verifier == nullptr) {
            co_return net::retry_response(503, "livekit_not_configured",
                                          "No LiveKit is configured here.", request.request_id, 60);
        }
        if (const auto refused = signature_mistake(request, "Authorization", *context_.verifier)) {
            context_.metrics.webhook(EventKind::other, "bad_signature");
            complaints_.complain(request, "livekit webhook refused", *refused);
            co_return net::error_response(401, "auth_failed", "The signature is not valid.",
                                          request.request_id);
        }
        auto event = read_webhook(request.body());
        if (!event) {
            context_.metrics.webhook(EventKind::other, "malformed");
            complaints_.complain(request, "livekit webhook is malformed", event.error().reason);
            co_return net::error_response(400, "bad_request", "The event cannot be read.",
                                          request.request_id);
        }
        const EventKind kind = event->kind;
        if (!event->useful()) {
            context_.metrics.webhook(kind, "ignored");
            co_return net::json_response(200, "{}");
        }
        const Deadline deadline = std::min(request.deadline, deadline_in(store_limit));
        auto stored = co_await put(context_.pool, std::move(*event), now_micros(), deadline);
        if (!stored) {
            context_.metrics.webhook(kind, "unavailable");
            complaints_.complain(request, "livekit webhook not stored",
                                 db::to_string(stored.error().kind));
            co_return net::retry_response(503, "unavailable",
                                          "The service cannot reach its database.",
                                          request.request_id, retry_seconds);
        }
        const bool fresh = *stored == Stored::fresh;
        context_.metrics.webhook(kind, fresh ? "stored" : "duplicate");
        if (fresh) context_.wake();
        co_return net::json_response(200, "{}");
    }

  private:
    WebhookContext context_;
    WebhookComplaints complaints_{context_.log};
};

}  // namespace

void add_webhook_route(net::Router& router, WebhookContext context) {
    auto route = std::make_shared<WebhookRoute>(std::move(context));
    net::RouteOptions options;
    options.content_types = {"application/webhook+json", "application/json"};
    router.add(net::Method::post, "/internal/livekit/webhook", std::move(options),
               [route](net::Request& request) { return route->receive(request); });
}

}  // namespace subcults::api::livekit
