#include "quality/quality_routes.hpp"

#include "quality/quality_json.hpp"
#include "quality/quality_requests.hpp"
#include "streams/stream_replies.hpp"
#include "streams/stream_requests.hpp"

namespace subcults::api::quality {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t minute_us = 60'000'000;

net::Response stream_ended(const net::Request& request) {
    return net::error_response(409, "conflict", "The stream has ended.", request.request_id);
}

net::Response participants_only(const net::Request& request) {
    return net::error_response(403, "forbidden", "Only who takes part in the stream may do this.",
                               request.request_id);
}

net::Response no_metrics(const net::Request& request) {
    return net::error_response(404, "not_found", "Nothing has been measured of this participant.",
                               request.request_id);
}

net::Response later(const net::Request& request) {
    return net::retry_response(503, "unavailable",
                               "The service cannot take this now. Send it again.",
                               request.request_id, 1);
}

net::Response internal_error(const net::Request& request) {
    return net::error_response(500, "internal_error", "Something went wrong on our side.",
                               request.request_id);
}

net::Response collect_refusal(const net::Request& request, CollectFault fault) {
    switch (fault) {
        case CollectFault::not_found:
            return no_such_stream(request);
        case CollectFault::ended:
            return stream_ended(request);
        case CollectFault::unavailable:
            return net::retry_response(503, "unavailable",
                                       "The service cannot collect now. Nothing was changed.",
                                       request.request_id, 1);
        case CollectFault::outcome_unknown:
            return net::retry_response(503, "outcome_unknown",
                                       "The measurements may or may not have been recorded.",
                                       request.request_id, 1);
        case CollectFault::failed:
            break;
    }
    return internal_error(request);
}

// Whose measurements the caller may see.
struct View {
    bool everybody = false;
    std::string participant_id;  // the caller's own
    std::optional<std::string> only() const {
        if (everybody) return std::nullopt;
        return participant_id;
    }
};

// The handlers of one worker. Handlers are coroutines; `request` outlives them.
class QualityRoutes {
  public:
    explicit QualityRoutes(QualityContext context) : context_(context) {}

    asio::awaitable<net::Response> report(net::Request& request) {
        auto read = read_report(request.body(), now_micros());
        if (!read) co_return refuse(request, read.error());
        ReportRequest asked;
        asked.session = request.uuid_params[0];
        asked.caller_did = request.principal.did;
        asked.names = caller_names(context_.worker.keys, asked.session, asked.caller_did);
        asked.windows = read->windows;
        asked.deadline = request.deadline;
        const std::size_t sent = read->windows.size() + read->rejected.size();
        ReportOutcome outcome = co_await context_.writer.store(std::move(asked));
        using Status = ReportOutcome::Status;
        if (outcome.status != Status::stored) {
            const bool ours =
                outcome.status == Status::unavailable || outcome.status == Status::failed;
            (ours ? context_.metrics.unavailable : context_.metrics.rejected).increment(sent);
        }
        switch (outcome.status) {
            case Status::stored:
                break;
            case Status::not_found:
                co_return no_such_stream(request);
            case Status::ended:
                co_return stream_ended(request);
            case Status::forbidden:
                co_return participants_only(request);
            case Status::kicked:
                co_return net::error_response(403, "kicked",
                                              "The host has removed you from this stream.",
                                              request.request_id);
            case Status::unavailable:
                co_return later(request);
            case Status::failed:
                co_return internal_error(request);
        }
        count(*read, outcome);
        co_return net::json_response(202, reported_json(request.uuid_params[0], read->windows,
                                                        outcome.fates, read->rejected));
    }

    asio::awaitable<net::Response> recent(net::Request& request) {
        const auto limit = read_limit(request);
        if (!limit) co_return refuse(request, limit.error());
        auto view = co_await view_of(request);
        if (!view) co_return view.error();
        auto metrics = co_await recent_metrics(context_.worker.pool, request.uuid_params[0],
                                               view->only(), *limit, request.deadline);
        if (!metrics) {
            co_return database_failure(request, metrics.error(), context_.worker.log);
        }
        co_return net::json_response(200, metrics_json(request.uuid_params[0], *metrics));
    }

    asio::awaitable<net::Response> latest(net::Request& request) {
        auto view = co_await view_of(request);
        if (!view) co_return view.error();
        const std::string participant = request.text_params[0];
        if (!view->everybody && participant != view->participant_id) {
            co_return participants_only(request);
        }
        if (!is_participant_id(participant)) co_return no_metrics(request);
        std::optional<std::string> only(participant);
        auto metrics = co_await recent_metrics(context_.worker.pool, request.uuid_params[0],
                                               std::move(only), 1, request.deadline);
        if (!metrics) {
            co_return database_failure(request, metrics.error(), context_.worker.log);
        }
        if (metrics->empty()) co_return no_metrics(request);
        co_return net::json_response(200, metric_json(request.uuid_params[0], metrics->front()));
    }

    asio::awaitable<net::Response> high_loss(net::Request& request) {
        const auto minutes = read_since_minutes(request);
        if (!minutes) co_return refuse(request, minutes.error());
        auto view = co_await view_of(request);
        if (!view) co_return view.error();
        const UnixMicros since{now_micros().value - *minutes * minute_us};
        auto found = co_await high_loss_participants(context_.worker.pool, request.uuid_params[0],
                                                     view->only(), since, request.deadline);
        if (!found) co_return database_failure(request, found.error(), context_.worker.log);
        co_return net::json_response(200, high_loss_json(request.uuid_params[0], *minutes, *found));
    }

    asio::awaitable<net::Response> collect(net::Request& request) {
        const auto body = read_nothing(request.body());
        if (!body) co_return refuse(request, body.error());
        auto view = co_await view_of(request);
        if (!view) {
            // To a stranger as to a participant.
            if (view.error().status == 403) co_return hosts_only(request);
            co_return view.error();
        }
        if (!view->everybody) co_return hosts_only(request);
        auto report = co_await context_.service.collect(request.uuid_params[0], request.trace);
        if (!report) co_return collect_refusal(request, report.error());
        co_return net::json_response(200, collected_json(request.uuid_params[0], *report));
    }

  private:
    asio::awaitable<Result<View, net::Response>> view_of(net::Request& request) {
        const Uuid session = request.uuid_params[0];
        CallerNames names = caller_names(context_.worker.keys, session, request.principal.did);
        auto found = co_await find_standing(context_.worker.pool, session, request.principal.did,
                                            std::move(names), request.deadline);
        if (!found) co_return database_failure(request, found.error(), context_.worker.log);
        if (!*found) co_return no_such_stream(request);
        View view;
        view.everybody = (*found)->is_host || request.principal.is_admin();
        view.participant_id = std::move((*found)->participant_id);
        if (!view.everybody && !(*found)->is_participant) co_return participants_only(request);
        co_return view;
    }

    // Notes what the database said of each window, and completes the list of the rejected.
    void count(Report& report, const ReportOutcome& outcome) const {
        for (std::size_t i = 0; i < report.windows.size(); ++i) {
            switch (outcome.fates[i]) {
                case WindowFate::accepted:
                    context_.metrics.accepted.increment();
                    break;
                case WindowFate::duplicate:
                    context_.metrics.duplicate.increment();
                    break;
                case WindowFate::not_present:
                    Rejection rejection;
                    rejection.index = report.positions[i];
                    rejection.seq = report.windows[i].seq;
                    rejection.reason = "not_present";
                    report.rejected.push_back(rejection);
                    break;
            }
        }
        context_.metrics.rejected.increment(report.rejected.size());
    }

    QualityContext context_;
};

}  // namespace

void add_quality_routes(net::Router& router, const net::Guard& user, QualityContext context) {
    // Shared by the handlers below, so it lives as long as the router.
    auto routes = std::make_shared<QualityRoutes>(context);
    net::RouteOptions options;
    options.guards = {user};
    using net::Method;
    using net::Request;
    router.add(Method::post, "/streams/{id:uuid}/quality-metrics", options,
               [routes](Request& request) { return routes->report(request); });
    router.add(Method::get, "/streams/{id:uuid}/quality-metrics", options,
               [routes](Request& request) { return routes->recent(request); });
    router.add(Method::post, "/streams/{id:uuid}/quality-metrics/collect", options,
               [routes](Request& request) { return routes->collect(request); });
    router.add(Method::get, "/streams/{id:uuid}/quality-metrics/high-packet-loss", options,
               [routes](Request& request) { return routes->high_loss(request); });
    router.add(Method::get, "/streams/{id:uuid}/participants/{pid}/quality-metrics", options,
               [routes](Request& request) { return routes->latest(request); });
}

}  // namespace subcults::api::quality
