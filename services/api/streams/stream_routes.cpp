#include "streams/stream_routes.hpp"

#include "streams/join_latency.hpp"
#include "streams/stream_json.hpp"
#include "streams/stream_requests.hpp"

#include <boost/asio/use_awaitable.hpp>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

net::Response refuse(const net::Request& request, const InputError& error) {
    return net::error_response(400, error.code, error.message, request.request_id);
}

net::Response unavailable(const net::Request& request, std::string_view code,
                          std::string_view message) {
    return net::retry_response(503, code, message, request.request_id, 1);
}

net::Response database_failure(const net::Request& request, const db::Error& error, Log& log) {
    if (error.transient() || error.kind != db::ErrorKind::server) {
        return unavailable(request, "unavailable", "The service cannot reach its database.");
    }
    log.error("query failed", {{"statement", error.statement},
                               {"sqlstate", error.sqlstate},
                               {"error", error.message},
                               {"request_id", request.request_id}});
    return net::error_response(500, "internal_error", "Something went wrong on our side.",
                               request.request_id);
}

// The answer to a command that did not succeed.
net::Response refusal(const net::Request& request, const Outcome& outcome) {
    const std::string& id = request.request_id;
    using Status = Outcome::Status;
    switch (outcome.status) {
        case Status::not_found:
            return net::error_response(404, "not_found", "There is no such stream.", id);
        case Status::gone:
            return net::error_response(410, "scene_deleted", "The scene is gone.", id);
        case Status::ended:
            return net::error_response(409, "conflict", "The stream has ended.", id);
        case Status::forbidden:
            return net::error_response(403, "forbidden", "Only the host may do this.", id);
        case Status::already_active:
            return net::error_response(409, "conflict", "A stream is active already.", id);
        case Status::key_reused:
            return net::error_response(422, "idempotency_key_reused",
                                       "This Idempotency-Key came with another request before.",
                                       id);
        case Status::unavailable:
            return unavailable(request, "unavailable",
                               "The service cannot take this now. Nothing was changed.");
        case Status::outcome_unknown:
            return unavailable(request, "outcome_unknown",
                               "The change may or may not have been made; ask before repeating.");
        case Status::applied:
        case Status::replayed:
        case Status::failed:
            break;
    }
    return net::error_response(500, "internal_error", "Something went wrong on our side.", id);
}

// A session id that is the same for every retry with the same key, and unguessable without ours.
Uuid session_id_from(const Tag128& tag) {
    Uuid id{tag};
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x80);  // version 8: our own
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

// The handlers of one worker. Handlers are coroutines; `request` outlives them.
class StreamRoutes {
  public:
    explicit StreamRoutes(WorkerContext& context) : context_(context) {}

    asio::awaitable<net::Response> create(net::Request& request) {
        const auto subject = read_create(request.body());
        if (!subject) co_return refuse(request, subject.error());
        const auto key = read_idempotency_key(request);
        if (!key) co_return refuse(request, key.error());

        Command command = command_for(request, CommandKind::create);
        command.subject = *subject;
        command.session = *key ? session_id_from(tag(request, "POST /streams", **key)) : uuid_v7();
        const Uuid session = command.session;
        Outcome outcome = co_await submit(std::move(command));
        if (outcome.status == Outcome::Status::not_found) {
            const bool scene = subject->kind == Subject::Kind::scene;
            co_return net::error_response(
                404, scene ? "scene_not_found" : "not_found",
                scene ? "There is no such scene." : "There is no such event.", request.request_id);
        }
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        net::Response response = net::json_response(201, created_json(session, outcome));
        response.headers.emplace_back("Location", "/streams/" + session.to_string());
        co_return response;
    }

    asio::awaitable<net::Response> join(net::Request& request) {
        const auto body = read_join(request.body());
        if (!body) co_return refuse(request, body.error());
        Command command = command_for(request, CommandKind::join);
        if (const auto error = bind_participation(command, request, "join")) {
            co_return refuse(request, *error);
        }
        const Uuid session = command.session;
        Outcome outcome = co_await submit(std::move(command));
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        if (outcome.status == Outcome::Status::applied && body->token_issued_at) {
            observe_latency(*body->token_issued_at);
        }
        co_return net::json_response(200, joined_json(session, outcome));
    }

    asio::awaitable<net::Response> leave(net::Request& request) {
        const auto body = read_nothing(request.body());
        if (!body) co_return refuse(request, body.error());
        Command command = command_for(request, CommandKind::leave);
        if (const auto error = bind_participation(command, request, "leave")) {
            co_return refuse(request, *error);
        }
        const Uuid session = command.session;
        Outcome outcome = co_await submit(std::move(command));
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        co_return net::json_response(200, left_json(session, outcome));
    }

    asio::awaitable<net::Response> end(net::Request& request) {
        const auto body = read_nothing(request.body());
        if (!body) co_return refuse(request, body.error());
        Command command = command_for(request, CommandKind::end);
        command.session = request.uuid_params[0];
        const Uuid session = command.session;
        Outcome outcome = co_await submit(std::move(command));
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        co_return net::json_response(200, created_json(session, outcome));
    }

    asio::awaitable<net::Response> get(net::Request& request) {
        const Uuid id = request.uuid_params[0];
        auto found = co_await find_stream(context_.pool, id, request.deadline);
        if (!found) co_return database_failure(request, found.error(), context_.log);
        if (!*found) {
            co_return net::error_response(404, "not_found", "There is no such stream.",
                                          request.request_id);
        }
        co_return net::json_response(200, stream_json(**found));
    }

    asio::awaitable<net::Response> list(net::Request& request) {
        const auto asked = read_list(request);
        if (!asked) co_return refuse(request, asked.error());
        auto page = co_await list_streams(context_.pool, asked->filter, asked->limit, asked->after,
                                          request.deadline);
        if (!page) co_return database_failure(request, page.error(), context_.log);
        std::optional<std::string> next;
        if (page->next) next = page->next->encode();
        co_return net::json_response(200, stream_list_json(page->streams, next));
    }

  private:
    Command command_for(const net::Request& request, CommandKind kind) {
        Command command;
        command.kind = kind;
        command.caller_did = request.principal.did;
        command.request_id = request.request_id;
        command.actor = context_.keys.actor(context_.keys.current_kid(), command.caller_did);
        command.deadline = request.deadline;
        return command;
    }

    Tag128 tag(const net::Request& request, std::string_view route, std::string_view key) {
        return context_.keys.idempotency_tag(context_.keys.current_kid(), request.principal.did,
                                             route, key);
    }

    // Session, participant and Idempotency-Key of a join or leave.
    std::optional<InputError> bind_participation(Command& command, const net::Request& request,
                                                 std::string_view action) {
        command.session = request.uuid_params[0];
        command.participant_id = context_.keys.participant_id(context_.keys.current_kid(),
                                                              command.session, command.caller_did);
        const auto key = read_idempotency_key(request);
        if (!key) return key.error();
        if (*key) {
            IdempotencyKey idempotency;
            idempotency.key = tag(request, action, **key);
            idempotency.request = tag(request, "body", request.body());
            command.idempotency = idempotency;
        }
        return std::nullopt;
    }

    asio::awaitable<Outcome> submit(Command command) {
        auto outcome = co_await context_.ledger.async_submit(std::move(command), context_.index,
                                                             asio::use_awaitable);
        co_return outcome;
    }

    void observe_latency(UnixMicros issued_at) {
        const JoinLatency latency = judge_join_latency(issued_at, now_micros());
        switch (latency.verdict) {
            case LatencyVerdict::sample:
                context_.metrics.join_latency.observe(latency.seconds);
                break;
            case LatencyVerdict::future:
                context_.metrics.latency_rejected_future.increment();
                break;
            case LatencyVerdict::stale:
                context_.metrics.latency_rejected_stale.increment();
                break;
        }
    }

    WorkerContext& context_;
};

}  // namespace

void add_stream_routes(net::Router& router, const net::Guard& user, WorkerContext& context) {
    // Shared by the handlers below, so it lives as long as the router.
    auto routes = std::make_shared<StreamRoutes>(context);
    net::RouteOptions options;
    options.guards = {user};
    using net::Method;
    using net::Request;
    router.add(Method::post, "/streams", options,
               [routes](Request& request) { return routes->create(request); });
    router.add(Method::get, "/streams", options,
               [routes](Request& request) { return routes->list(request); });
    router.add(Method::get, "/streams/{id:uuid}", options,
               [routes](Request& request) { return routes->get(request); });
    router.add(Method::post, "/streams/{id:uuid}/join", options,
               [routes](Request& request) { return routes->join(request); });
    router.add(Method::post, "/streams/{id:uuid}/leave", options,
               [routes](Request& request) { return routes->leave(request); });
    router.add(Method::post, "/streams/{id:uuid}/end", options,
               [routes](Request& request) { return routes->end(request); });
}

}  // namespace subcults::api
