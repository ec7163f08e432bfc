#include "telemetry/telemetry_routes.hpp"

#include "base/json_writer.hpp"
#include "metrics/catalogue.hpp"

namespace subcults::api {

namespace asio = boost::asio;

namespace {

asio::awaitable<net::Response> take_client_errors(net::Request& request,
                                                  ClientErrorMetrics& metrics) {
    const auto report = read_client_errors(request.body());
    if (!report) {
        co_return net::error_response(400, report.error().code, report.error().message,
                                      request.request_id);
    }
    metrics.add(*report);
    JsonWriter json;
    json.begin_object().field("accepted", report->errors).end_object();
    co_return net::json_response(202, json.take());
}

}  // namespace

ClientErrorMetrics::ClientErrorMetrics(metrics::Registry& registry) {
    namespace catalogue = metrics::catalogue;
    for (std::size_t i = 0; i < counters_.size(); ++i) {
        counters_[i] =
            &registry.get(catalogue::client_errors_total, {catalogue::client_error_types[i]});
    }
}

void ClientErrorMetrics::add(const ClientErrorReport& report) noexcept {
    for (std::size_t i = 0; i < counters_.size(); ++i) {
        if (report.counts[i] != 0) counters_[i]->increment(report.counts[i]);
    }
}

void add_telemetry_routes(net::Router& router, const net::Guard& user,
                          ClientErrorMetrics& metrics) {
    net::RouteOptions options;
    options.guards = {user};
    router.add(net::Method::post, "/telemetry/client-errors", std::move(options),
               [&metrics](net::Request& request) { return take_client_errors(request, metrics); });
}

}  // namespace subcults::api
