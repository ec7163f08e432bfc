#include "streams/host_routes.hpp"

#include "analytics/stream_analytics.hpp"
#include "streams/stream_json.hpp"
#include "streams/stream_replies.hpp"
#include "streams/stream_requests.hpp"

namespace subcults::api {

namespace asio = boost::asio;

namespace {

// The participant in the path. What cannot be one becomes nobody: the ledger still says first
// whether the caller may ask.
std::string target_of(const net::Request& request) {
    const std::string& text = request.text_params[0];
    return is_participant_id(text) ? text : std::string();
}

// The handlers of one worker. Handlers are coroutines; `request` outlives them.
class HostRoutes {
  public:
    explicit HostRoutes(WorkerContext& context) : context_(context) {}

    asio::awaitable<net::Response> lock(net::Request& request) {
        const auto locked = read_flag(request.body(), "locked");
        if (!locked) co_return refuse(request, locked.error());
        Command command = command_for(context_, request, CommandKind::lock);
        command.flag = *locked;
        const Uuid session = command.session;
        Outcome outcome = co_await submit(context_, std::move(command));
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        co_return net::json_response(200, locked_json(session, *locked));
    }

    asio::awaitable<net::Response> kick(net::Request& request, bool kicked) {
        const auto body = read_nothing(request.body());
        if (!body) co_return refuse(request, body.error());
        const std::string participant = target_of(request);
        Command command =
            command_for(context_, request, kicked ? CommandKind::kick : CommandKind::unkick);
        command.target = participant;
        const Uuid session = command.session;
        Outcome outcome = co_await submit(context_, std::move(command));
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        co_return net::json_response(200, kicked_json(session, participant, kicked));
    }

    asio::awaitable<net::Response> mute(net::Request& request) {
        const auto muted = read_flag(request.body(), "muted");
        if (!muted) co_return refuse(request, muted.error());
        const std::string participant = target_of(request);
        Command command = command_for(context_, request, CommandKind::mute);
        command.target = participant;
        command.flag = *muted;
        const Uuid session = command.session;
        Outcome outcome = co_await submit(context_, std::move(command));
        if (!outcome.succeeded()) co_return refusal(request, outcome);
        co_return net::json_response(200, muted_json(session, participant, *muted));
    }

    asio::awaitable<net::Response> participants(net::Request& request) {
        const auto asked = read_participants(request);
        if (!asked) co_return refuse(request, asked.error());
        const Uuid id = request.uuid_params[0];
        auto access =
            co_await find_stream_for(context_.pool, id, request.principal.did, request.deadline);
        if (!access) co_return database_failure(request, access.error(), context_.log);
        if (!*access) co_return no_such_stream(request);
        const StreamAccess& seen = **access;
        if (!seen.is_host) {
            co_return net::json_response(200, participants_json(seen.stream, nullptr));
        }
        auto page = co_await list_participants(context_.pool, id, asked->filter, asked->limit,
                                               asked->after, request.deadline);
        if (!page) co_return database_failure(request, page.error(), context_.log);
        co_return net::json_response(200, participants_json(seen.stream, &*page));
    }

    asio::awaitable<net::Response> analytics(net::Request& request) {
        const Uuid id = request.uuid_params[0];
        auto access =
            co_await find_stream_for(context_.pool, id, request.principal.did, request.deadline);
        if (!access) co_return database_failure(request, access.error(), context_.log);
        if (!*access) co_return no_such_stream(request);
        if (!(*access)->is_host) {
            // Of the subject's chain: the session's belongs to the ledger, which has nothing to do
            // with reading.
            const bool noted = co_await note_refusal(context_, request, (*access)->stream.subject,
                                                     "analytics_read");
            if (noted) co_return hosts_only(request);
            Outcome unnoted;
            unnoted.status = Outcome::Status::unavailable;
            co_return refusal(request, unnoted);
        }
        const UnixMicros now = now_micros();
        const bool ended = (*access)->stream.ended_at.has_value();
        db::DbResult<std::optional<StreamAnalytics>> found = std::optional<StreamAnalytics>();
        if (ended) {
            found = co_await final_analytics(context_.pool, id, now, request.deadline);
        } else {
            found = co_await compute_analytics(context_.pool, id, now, request.deadline);
        }
        if (!found) co_return database_failure(request, found.error(), context_.log);
        if (!*found) co_return no_such_stream(request);
        co_return net::json_response(200, analytics_json(id, **found));
    }

  private:
    WorkerContext& context_;
};

}  // namespace

void add_host_routes(net::Router& router, const net::RouteOptions& options,
                     WorkerContext& context) {
    auto routes = std::make_shared<HostRoutes>(context);
    using net::Method;
    using net::Request;
    router.add(Method::patch, "/streams/{id:uuid}/lock", options,
               [routes](Request& request) { return routes->lock(request); });
    router.add(Method::post, "/streams/{id:uuid}/participants/{pid}/kick", options,
               [routes](Request& request) { return routes->kick(request, true); });
    router.add(Method::del, "/streams/{id:uuid}/participants/{pid}/kick", options,
               [routes](Request& request) { return routes->kick(request, false); });
    router.add(Method::post, "/streams/{id:uuid}/participants/{pid}/mute", options,
               [routes](Request& request) { return routes->mute(request); });
    router.add(Method::get, "/streams/{id:uuid}/participants", options,
               [routes](Request& request) { return routes->participants(request); });
    router.add(Method::get, "/streams/{id:uuid}/analytics", options,
               [routes](Request& request) { return routes->analytics(request); });
}

}  // namespace subcults::api
