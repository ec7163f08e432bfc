#include "reports/report_routes.hpp"

#include "reports/report_requests.hpp"
#include "reports/report_text.hpp"
#include "streams/stream_replies.hpp"

#include <optional>
#include <utility>

namespace subcults::api::reports {

namespace asio = boost::asio;

namespace {

net::Response owners_only(const net::Request& request) {
    return net::error_response(403, "forbidden",
                               "Only the scene's owner and administrators may do this.",
                               request.request_id);
}

// What the caller is answered instead of reports; nullopt = it may see them. A scene that has left
// nothing but sessions behind is one to administrators.
std::optional<net::Response> refusal_for(const net::Request& request, const SceneOwner* scene) {
    if (request.principal.is_admin()) return std::nullopt;
    if (scene == nullptr || scene->hidden) {
        return net::error_response(404, "scene_not_found", "There is no such scene.",
                                   request.request_id);
    }
    if (scene->deleted) {
        return net::error_response(410, "scene_deleted", "The scene was deleted.",
                                   request.request_id);
    }
    if (scene->did != request.principal.did) return owners_only(request);
    return std::nullopt;
}

net::Response csv_response(const Reports& reports) {
    net::Response response;
    response.content_type = "text/csv; charset=utf-8";
    response.body = reports_csv(reports);
    response.headers.emplace_back("Content-Disposition", "attachment; filename=\"reports.csv\"");
    return response;
}

asio::awaitable<net::Response> list(net::Request& request, WorkerContext& context) {
    auto read = read_reports(request, now_micros());
    if (!read) co_return refuse(request, read.error());
    if (!read->asked.scene && !request.principal.is_admin()) {
        co_return net::error_response(403, "forbidden",
                                      "Reports of all scenes are for administrators: name a scene.",
                                      request.request_id);
    }
    if (read->asked.scene) {
        const Uuid scene = *read->asked.scene;
        auto owner = co_await context.cache.owner(scene, request.deadline);
        if (!owner) co_return database_failure(request, owner.error(), context.log);
        auto refusal = refusal_for(request, owner->get());
        if (refusal) co_return std::move(*refusal);
    }
    auto found = co_await find_reports(context.pool, std::move(read->asked), request.deadline);
    if (!found) co_return database_failure(request, found.error(), context.log);
    if (read->format == Format::csv) co_return csv_response(*found);
    co_return net::json_response(200, reports_json(*found));
}

}  // namespace

void add_report_route(net::Router& router, const net::Guard& user, WorkerContext& context) {
    net::RouteOptions options;
    options.guards = {user};
    router.add(net::Method::get, "/reports", std::move(options),
               [&context](net::Request& request) { return list(request, context); });
}

}  // namespace subcults::api::reports
