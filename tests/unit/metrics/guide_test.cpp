// The observability guide's metrics, written down a second time and independently of the
// catalogue: what dashboards and alert rules rely on must not move.
#include "exposition_reader.hpp"

#include "metrics/registry.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::metrics;

namespace {

struct Expected {
    std::string name;
    std::string type;
    std::set<std::string> labels;     // besides `le`
    std::vector<std::string> bounds;  // of a histogram, as printed
};

const std::vector<Expected> api_metrics = {
    {"stream_joins_total", "counter", {}, {}},
    {"stream_leaves_total", "counter", {}, {}},
    {"stream_join_latency_seconds",
     "histogram",
     {},
     {"0.1", "0.25", "0.5", "1.0", "2.0", "5.0", "10.0", "30.0", "60.0"}},
    {"stream_audio_bitrate_kbps",
     "histogram",
     {},
     {"16", "32", "64", "96", "128", "160", "192", "256", "320"}},
    {"stream_audio_jitter_ms", "histogram", {}, {"1", "5", "10", "20", "30", "50", "100", "200"}},
    {"stream_audio_packet_loss_percent",
     "histogram",
     {},
     {"0.1", "0.5", "1", "2", "5", "10", "20", "50"}},
    {"stream_audio_level",
     "histogram",
     {},
     {"0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0"}},
    {"stream_network_rtt_ms",
     "histogram",
     {},
     {"10", "25", "50", "100", "150", "200", "300", "500", "1000"}},
    {"stream_quality_alerts_total", "counter", {}, {}},
    {"stream_high_packet_loss_total", "counter", {}, {}},
};

const std::vector<Expected> indexer_metrics = {
    {"indexer_messages_processed_total", "counter", {}, {}},
    {"indexer_messages_error_total", "counter", {}, {}},
    {"indexer_upserts_total", "counter", {}, {}},
    {"indexer_trust_recompute_total", "counter", {}, {}},
    {"indexer_ingest_latency_seconds",
     "histogram",
     {},
     {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10"}},
    {"indexer_processing_lag_seconds", "gauge", {}, {}},
    {"indexer_reconnection_attempts_total", "counter", {}, {}},
    {"indexer_database_writes_failed_total", "counter", {}, {}},
    {"indexer_backpressure_paused_total", "counter", {}, {}},
    {"indexer_backpressure_resumed_total", "counter", {}, {}},
    {"indexer_backpressure_pause_duration_seconds",
     "histogram",
     {},
     {"0.1", "0.5", "1", "5", "10", "30", "60"}},
    {"indexer_pending_messages", "gauge", {}, {}},
};

const std::vector<Expected> job_metrics = {
    {"background_jobs_total", "counter", {"job_type", "status"}, {}},
    {"background_jobs_duration_seconds",
     "histogram",
     {"job_type"},
     {"0.1", "0.25", "0.5", "1.0", "2.0", "5.0", "10.0", "30.0", "60.0", "120.0"}},
    {"background_job_errors_total", "counter", {"job_type", "error_type"}, {}},
};

test::Exposition scrape(Scope service) {
    const Registry registry(service);
    std::string text;
    registry.render(text);
    return test::read_exposition(text);
}

void check(const test::Exposition& text, const std::vector<Expected>& metrics) {
    for (const Expected& expected : metrics) {
        INFO(expected.name);
        REQUIRE(text.type.count(expected.name) == 1);
        CHECK(text.type.at(expected.name) == expected.type);
        CHECK_FALSE(text.help.at(expected.name).empty());

        const bool histogram = expected.type == "histogram";
        // Bounds by series, in the order in which they are printed.
        std::map<std::map<std::string, std::string>, std::vector<std::string>> bounds;
        for (const auto& sample : text.samples) {
            if (sample.name != expected.name + (histogram ? "_bucket" : "")) continue;
            auto labels = sample.labels;
            if (histogram) {
                const std::string le = labels.at("le");
                labels.erase("le");
                bounds[labels].push_back(le);
            } else {
                bounds[labels];
            }
            std::set<std::string> names;
            for (const auto& [name, value] : labels)
                names.insert(name);
            CHECK(names == expected.labels);
            CHECK(sample.value() == 0);
        }
        CHECK_FALSE(bounds.empty());
        for (const auto& [labels, list] : bounds) {
            auto whole = expected.bounds;
            if (histogram) whole.emplace_back("+Inf");
            CHECK(list == whole);
        }
    }
}

std::set<std::string> values_of(const test::Exposition& text, const std::string& name,
                                const std::string& label) {
    std::set<std::string> values;
    for (const auto& sample : text.samples) {
        if (sample.name == name) values.insert(sample.labels.at(label));
    }
    return values;
}

}  // namespace

TEST_CASE("the API exposes the guide's streaming, quality and job metrics from the start") {
    const auto text = scrape(Scope::api);
    check(text, api_metrics);
    check(text, job_metrics);
}

TEST_CASE("the indexer exposes the guide's indexer and job metrics from the start") {
    const auto text = scrape(Scope::indexer);
    check(text, indexer_metrics);
    check(text, job_metrics);
}

TEST_CASE("the job labels have the guide's values, each in one of the services") {
    const auto api = scrape(Scope::api);
    const auto indexer = scrape(Scope::indexer);
    auto types = values_of(api, "background_jobs_total", "job_type");
    types.merge(values_of(indexer, "background_jobs_total", "job_type"));
    for (const char* type :
         {"trust_recompute", "index_backfill", "index_processing", "payment_processing",
          "stream_cleanup", "cache_invalidation", "report_generation"}) {
        CHECK(types.count(type) == 1);
    }
    CHECK(values_of(api, "background_jobs_total", "status") ==
          std::set<std::string>{"success", "failure"});
    CHECK(values_of(api, "background_job_errors_total", "error_type") ==
          std::set<std::string>{"timeout", "database_error", "network_error", "validation_error",
                                "permission_denied", "recompute_error", "not_found"});
}

TEST_CASE("the metrics that the guide announces for later exist") {
    Registry registry(Scope::api);
    const auto text = scrape(Scope::api);
    CHECK(text.type.at("stream_duration_seconds") == "histogram");
    CHECK(text.type.at("stream_active_sessions") == "gauge");
    CHECK(values_of(text, "client_errors_total", "error_type").count("other") == 1);
}
