#include "livekit/token_routes.hpp"

#include "base/json_writer.hpp"
#include "streams/stream_requests.hpp"

#include <boost/asio/use_awaitable.hpp>

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t second = 1'000'000;

struct Refusal {
    unsigned status;
    std::string_view code;
    std::string_view message;
};

Refusal explain(Outcome::Status status) {
    using Status = Outcome::Status;
    switch (status) {
        case Status::not_found:
            return {404, "not_found", "There is no such stream."};
        case Status::gone:
            return {410, "scene_deleted", "The scene is gone."};
        case Status::ended:
            return {409, "conflict", "The stream has ended."};
        case Status::locked:
            return {403, "stream_locked", "The stream is locked; only its host may join."};
        case Status::kicked:
            return {403, "kicked", "The host has removed you from this stream."};
        case Status::forbidden:
            return {403, "forbidden", "You may not do this."};
        case Status::unavailable:
            return {503, "unavailable", "The service cannot take this now. Nothing was changed."};
        case Status::outcome_unknown:
            return {503, "outcome_unknown", "The request may or may not have been noted; repeat it."};
        default:
            return {500, "internal_error", "Something went wrong on our side."};
    }
}

net::Response refuse(const net::Request& request, Outcome::Status status) {
    const Refusal refusal = explain(status);
    if (refusal.status == 503) {
        return net::retry_response(503, refusal.code, refusal.message, request.request_id, 1);
    }
    return net::error_response(refusal.status, refusal.code, refusal.message, request.request_id);
}

class TokenRoute {
  public:
    explicit TokenRoute(TokenContext context) : context_(std::move(context)) {}

    asio::awaitable<net::Response> issue(net::Request& request) {
        const auto body = read_nothing(request.body());
        if (!body) {
            co_return net::error_response(400, body.error().code, body.error().message,
                                          request.request_id);
        }
        if (context_.signer == nullptr) {
            co_return net::retry_response(503, "livekit_not_configured",
                                          "No LiveKit is configured here.", request.request_id, 60);
        }
        Command command = command_for(request);
        Outcome outcome = co_await context_.worker.ledger.async_submit(
            std::move(command), context_.worker.index, asio::use_awaitable);
        if (!outcome.succeeded()) co_return refuse(request, outcome.status);
        net::Response response = net::json_response(200, answer(outcome));
        response.headers.emplace_back("Cache-Control", "no-store");
        co_return response;
    }

  private:
    Command command_for(const net::Request& request) {
        PrivacyKeys& keys = context_.worker.keys;
        Command command;
        command.kind = CommandKind::token;
        command.session = request.uuid_params[0];
        command.caller_did = request.principal.did;
        command.request_id = request.request_id;
        command.actor = keys.actor(keys.current_kid(), command.caller_did);
        command.participant_id =
            keys.participant_id(keys.current_kid(), command.session, command.caller_did);
        command.deadline = request.deadline;
        return command;
    }

    std::string answer(const Outcome& outcome) {
        const std::int64_t issued = outcome.at.value / second;
        const auth::LiveKitRole role =
            outcome.is_host ? auth::LiveKitRole::host : auth::LiveKitRole::listener;
        const std::string token = context_.signer->join_token(
            outcome.room_name, outcome.participant_id, role, issued, context_.ttl_seconds);
        JsonWriter json;
        json.begin_object()
            .field("token", token)
            .field("expires_at",
                   format_rfc3339(UnixMicros{(issued + context_.ttl_seconds) * second}))
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
