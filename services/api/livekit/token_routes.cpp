#include "livekit/token_routes.hpp"

#include "base/json_writer.hpp"
#include "streams/stream_replies.hpp"
#include "streams/stream_requests.hpp"

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t micros_per_second = 1'000'000;

class TokenRoute {
  public:
    explicit TokenRoute(TokenContext context) : context_(std::move(context)) {}

    asio::awaitable<net::Response> issue(net::Request& request) {
        const auto body = read_nothing(request.body());
        if (!body) co_return refuse(request, body.error());
        if (context_.signer == nullptr) {
            co_return net::retry_response(503, "livekit_not_configured",
                                          "No LiveKit is configured here.", request.request_id, 60);
        }
        Command command = command_for(context_.worker, request, CommandKind::token);
        name_participant(context_.worker, command);
        Outcome outcome = co_await submit(context_.worker, std::move(command));
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        net::Response response = net::json_response(200, answer(outcome));
        response.headers.emplace_back("Cache-Control", "no-store");
        co_return response;
    }

  private:
    std::string answer(const Outcome& outcome) {
        const std::int64_t issued = outcome.at.value / micros_per_second;
        const auth::LiveKitRole role =
            outcome.is_host ? auth::LiveKitRole::host : auth::LiveKitRole::listener;
        const std::string token = context_.signer->join_token(
            outcome.room_name, outcome.participant_id, role, issued, context_.ttl_seconds,
            outcome.is_host && context_.host_attributes);
        JsonWriter json;
        json.begin_object()
            .field("token", token)
            .field("expires_at",
                   format_rfc3339(UnixMicros{(issued + context_.ttl_seconds) * micros_per_second}))
            .field("issued_at", format_rfc3339(outcome.at))
            .field("url", context_.url)
            .field("room_name", outcome.room_name)
            .field("participant_id", outcome.participant_id)
            .end_object();
        return json.take();
    }

    TokenContext context_;
};

}  // namespace

void add_token_route(net::Router& router, const net::Guard& user, TokenContext context) {
    auto route = std::make_shared<TokenRoute>(std::move(context));
    net::RouteOptions options;
    options.guards = {user};
    router.add(net::Method::post, "/streams/{id:uuid}/token", std::move(options),
               [route](net::Request& request) { return route->issue(request); });
}

}  // namespace subcults::api::livekit
