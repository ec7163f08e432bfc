// The same series in our registry and in prometheus-cpp's, for comparing the cost of a scrape.
// `lines` counts sample lines: a quarter counters with three labels, a quarter gauges with
// fractional values, half histograms with 14 bounds, as a busy API would have them.
#pragma once

#include "metrics/catalogue.hpp"
#include "metrics/registry.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <cstddef>
#include <string>

namespace subcults::test {

inline constexpr metrics::Label workload_labels[] = {{"method"}, {"route"}, {"status"}};
inline constexpr metrics::Label workload_session_labels[] = {{"session_id"}};
inline constexpr metrics::Label workload_duration_labels[] = {{"method"}, {"route"}};

inline constexpr metrics::CounterDef workload_requests{
    {.name = "requests_total", .help = "Requests.", .labels = workload_labels}};
inline constexpr metrics::GaugeDef workload_sessions{
    {.name = "session_level", .help = "Levels.", .labels = workload_session_labels}};
inline constexpr metrics::HistogramDef workload_durations{
    {.name = "request_duration_seconds",
     .help = "Durations.",
     .labels = workload_duration_labels,
     .bounds = metrics::catalogue::http_duration_bounds}};
inline constexpr const metrics::Definition* workload_definitions[] = {
    &workload_requests, &workload_sessions, &workload_durations};

class RenderWorkload {
  public:
    explicit RenderWorkload(std::size_t lines) : ours_(metrics::Scope::api, workload_definitions) {
        const prometheus::Histogram::BucketBoundaries bounds = {
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10};
        auto& requests =
            prometheus::BuildCounter().Name("requests_total").Help("Requests.").Register(theirs_);
        auto& sessions =
            prometheus::BuildGauge().Name("session_level").Help("Levels.").Register(theirs_);
        auto& durations = prometheus::BuildHistogram()
                              .Name("request_duration_seconds")
                              .Help("Durations.")
                              .Register(theirs_);

        constexpr std::array<const char*, 4> methods = {"GET", "POST", "PATCH", "DELETE"};
        for (std::size_t i = 0; i < lines / 4; ++i) {
            const std::string method = methods[i % 4];
            const std::string route = "/streams/{id}/participants/" + std::to_string(i / 4);
            const auto count = 1'000'003 * (i % 1000) + 17;
            ours_.get(workload_requests, {method, route, "200"}).increment(count);
            requests.Add({{"method", method}, {"route", route}, {"status", "200"}})
                .Increment(static_cast<double>(count));

            const std::string session =
                "0199c0de-7e57-7000-8000-" + std::to_string(100'000'000'000 + i);
            const double level = static_cast<double>(i) / 7.0;
            ours_.get(workload_sessions, {session}).set(level);
            sessions.Add({{"session_id", session}}).Set(level);
        }
        for (std::size_t i = 0; i < lines / 2 / 17; ++i) {
            const std::string route = "/streams/{id}/route-" + std::to_string(i);
            auto& a = ours_.get(workload_durations, {"GET", route});
            auto& b = durations.Add({{"method", "GET"}, {"route", route}}, bounds);
            for (int n = 0; n < 50; ++n) {
                a.observe(0.0007 * n * n);
                b.Observe(0.0007 * n * n);
            }
        }
    }

    std::string ours() const {
        std::string text;
        ours_.render(text);
        return text;
    }
    std::string theirs() const { return prometheus::TextSerializer().Serialize(theirs_.Collect()); }
    const metrics::Registry& registry() const { return ours_; }

  private:
    metrics::Registry ours_;
    prometheus::Registry theirs_;
};

}  // namespace subcults::test
