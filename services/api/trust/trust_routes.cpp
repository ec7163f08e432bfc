#include "trust/trust_routes.hpp"

#include "base/json_writer.hpp"
#include "streams/stream_replies.hpp"

namespace subcults::api {

namespace asio = boost::asio;

namespace {

asio::awaitable<net::Response> get_trust(net::Request& request, WorkerContext& context) {
    const Uuid scene = request.uuid_params[0];
    auto found = co_await context.cache.trust(scene, request.deadline);
    if (!found) co_return database_failure(request, found.error(), context.log);
    const TrustAnswer* answer = found->get();
    switch (answer != nullptr ? answer->scene : TrustAnswer::Scene::unknown) {
        case TrustAnswer::Scene::unknown:
            co_return net::error_response(404, "scene_not_found", "There is no such scene.",
                                          request.request_id);
        case TrustAnswer::Scene::deleted:
            co_return net::error_response(410, "scene_deleted", "The scene was deleted.",
                                          request.request_id);
        case TrustAnswer::Scene::known:
            break;
    }
    co_return net::json_response(200, trust_json(scene, answer->trust));
}

}  // namespace

std::string trust_json(const Uuid& scene, const SceneTrust& trust) {
    JsonWriter json;
    json.begin_object().field("scene_id", scene.to_string()).field("trust_score", trust.score);
    if (trust.breakdown) {
        json.key("breakdown")
            .begin_object()
            .field("average_alliance_weight", trust.breakdown->alliance_weight)
            .field("average_membership_trust_weight", trust.breakdown->membership_weight)
            .field("role_multiplier_aggregate", trust.breakdown->role_multiplier)
            .end_object();
    }
    json.field("stale", trust.stale);
    if (trust.last_updated) json.field("last_updated", format_rfc3339(*trust.last_updated));
    json.end_object();
    return json.take();
}

void add_trust_route(net::Router& router, WorkerContext& context) {
    router.add(net::Method::get, "/trust/{scene_id:uuid}", {},
               [&context](net::Request& request) { return get_trust(request, context); });
}

}  // namespace subcults::api
