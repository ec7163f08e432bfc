#include "streams/stream_routes.hpp"

#include "analytics/stream_analytics.hpp"
#include "streams/host_routes.hpp"
#include "streams/join_latency.hpp"
#include "streams/ledger_state.hpp"
#include "streams/stream_json.hpp"
#include "streams/stream_replies.hpp"
#include "streams/stream_requests.hpp"

namespace subcults::api {

namespace asio = boost::asio;
using Status = Outcome::Status;

namespace {

constexpr std::int64_t day_us = idempotency_lifetime_us;

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

        Command command = command_for(context_, request, CommandKind::create);
        command.subject = *subject;
        command.session = uuid_v7();
        if (*key) {
            auto ids = ids_of(request, **key);
            command.session = ids.front();
            command.earlier_sessions.assign(ids.begin() + 1, ids.end());
        }
        Outcome outcome = co_await submit(context_, std::move(command));
        if (outcome.status == Outcome::Status::not_found) {
            const bool scene = subject->kind == Subject::Kind::scene;
            co_return net::error_response(
                404, scene ? "scene_not_found" : "not_found",
                scene ? "There is no such scene." : "There is no such event.", request.request_id);
        }
        if (!outcome.succeeded()) {
            const bool noted = co_await note_refused_create(request, *subject, outcome.status);
            if (!noted) outcome.status = Outcome::Status::unavailable;
            co_return refusal(request, outcome);
        }
        const Uuid session = outcome.session;
        net::Response response = net::json_response(201, created_json(session, outcome));
        response.headers.emplace_back("Location", "/streams/" + session.to_string());
        co_return response;
    }

    asio::awaitable<net::Response> join(net::Request& request) {
        const auto body = read_join(request.body());
        if (!body) co_return refuse(request, body.error());
        Command command = command_for(context_, request, CommandKind::join);
        command.measured_by_client = body->token_issued_at.has_value();
        if (const auto error = bind_participation(command, request, "join")) {
            co_return refuse(request, *error);
        }
        const Uuid session = command.session;
        Outcome outcome = co_await submit(context_, std::move(command));
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        if (outcome.status == Outcome::Status::applied && body->token_issued_at) {
            observe_latency(*body->token_issued_at);
        }
        co_return net::json_response(200, joined_json(session, outcome));
    }

    asio::awaitable<net::Response> leave(net::Request& request) {
        const auto body = read_nothing(request.body());
        if (!body) co_return refuse(request, body.error());
        Command command = command_for(context_, request, CommandKind::leave);
        if (const auto error = bind_participation(command, request, "leave")) {
            co_return refuse(request, *error);
        }
        const Uuid session = command.session;
        Outcome outcome = co_await submit(context_, std::move(command));
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        co_return net::json_response(200, left_json(session, outcome));
    }

    asio::awaitable<net::Response> end(net::Request& request) {
        const auto body = read_nothing(request.body());
        if (!body) co_return refuse(request, body.error());
        Command command = command_for(context_, request, CommandKind::end);
        const Uuid session = command.session;
        Outcome outcome = co_await submit(context_, std::move(command));
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        // In a transaction of its own; should it fail, the next one who needs them does it.
        auto stored =
            co_await final_analytics(context_.pool, session, now_micros(), request.deadline);
        if (!stored) {
            context_.log.warn("analytics were put off",
                              {{"statement", stored.error().statement},
                               {"request_id", request.request_id},
                               {"trace_id", request.trace.self.trace_text()},
                               {"span_id", request.trace.self.span_text()}});
        }
        co_return net::json_response(200, ended_json(session, outcome));
    }

    asio::awaitable<net::Response> get(net::Request& request) {
        const Uuid id = request.uuid_params[0];
        auto found = co_await context_.cache.stream(id, request.deadline);
        if (!found) co_return database_failure(request, found.error(), context_.log);
        if (!*found) co_return no_such_stream(request);
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
    // A refused start has no session whose chain could tell of it: the scene's or event's does.
    asio::awaitable<bool> note_refused_create(const net::Request& request, Subject subject,
                                              Outcome::Status status) {
        const bool denied = status == Status::forbidden || status == Status::gone ||
                            status == Status::already_active || status == Status::key_reused;
        if (!denied) co_return true;
        auto noted = co_await note_refusal(context_, request, subject, "created");
        co_return noted;
    }

    Tag128 tag(std::int64_t kid, const net::Request& request, std::string_view route,
               std::string_view key) {
        return context_.keys.idempotency_tag(kid, request.principal.did, route, key);
    }

    // The ids that this key stands for: one per day, so that it is new again after a day, and per
    // configured privacy key, so that a rotation does not make it new. That of now comes first.
    std::vector<Uuid> ids_of(const net::Request& request, std::string_view key) {
        const std::int64_t today = now_micros().value / day_us;
        std::vector<Uuid> ids;
        for (const std::int64_t kid : context_.keys.kids()) {
            for (const std::int64_t day : {today, today - 1}) {
                const std::string route = "POST /streams " + std::to_string(day);
                ids.push_back(session_id_from(tag(kid, request, route, key)));
            }
        }
        return ids;
    }

    // Participant and Idempotency-Key of a join or leave.
    std::optional<InputError> bind_participation(Command& command, const net::Request& request,
                                                 std::string_view action) {
        name_participant(context_, command);
        const auto key = read_idempotency_key(request);
        if (!key) return key.error();
        if (*key) {
            for (const std::int64_t kid : context_.keys.kids()) {
                IdempotencyKey made;
                made.key = tag(kid, request, action, **key);
                made.request = tag(kid, request, "body", request.body());
                if (command.idempotency) {
                    command.earlier_keys.push_back(made);
                } else {
                    command.idempotency = made;
                }
            }
        }
        return std::nullopt;
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
            case LatencyVerdict::too_old:
                context_.metrics.latency_rejected_too_old.increment();
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
    add_host_routes(router, options, context);
}

}  // namespace subcults::api
