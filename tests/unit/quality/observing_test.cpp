// What a measurement moves in the metrics.
#include "quality/quality_metrics.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api::quality;

namespace {

struct Counted {
    Counted() : registry(metrics::Scope::api), metrics(QualityMetrics::make(registry)) {}
    static std::uint64_t count(const metrics::Histogram& histogram) {
        return histogram.snapshot().count();
    }
    metrics::Registry registry;
    QualityMetrics metrics;
};

Measurement measured(double loss, double jitter, double rtt) {
    Measurement measurement;
    measurement.participant_id = "user-a";
    Values& values = measurement.window.values;
    values.bitrate_kbps = 32;
    values.audio_level = 0.1;
    values.packet_loss_percent = loss;
    values.jitter_ms = jitter;
    values.rtt_ms = rtt;
    measurement.mos = 4;
    return measurement;
}

}  // namespace

TEST_CASE("a measurement is observed once in every histogram that it has a value for") {
    Counted counted;
    counted.metrics.observe(measured(5, 30, 300));
    for (const auto* histogram :
         {&counted.metrics.bitrate, &counted.metrics.jitter, &counted.metrics.packet_loss,
          &counted.metrics.audio_level, &counted.metrics.rtt, &counted.metrics.mos}) {
        CHECK(Counted::count(*histogram) == 1);
    }
    CHECK(counted.metrics.alerts.value() == 0);
    CHECK(counted.metrics.high_packet_loss.value() == 0);

    Measurement partial;
    partial.window.values.jitter_ms = 4;
    counted.metrics.observe(partial);
    CHECK(Counted::count(counted.metrics.jitter) == 2);
    CHECK(Counted::count(counted.metrics.packet_loss) == 1);
    CHECK(Counted::count(counted.metrics.mos) == 1);
}

TEST_CASE("a poor sample alerts once, whatever makes it poor") {
    Counted counted;
    counted.metrics.observe(measured(50, 500, 5000));
    CHECK(counted.metrics.alerts.value() == 1);
    CHECK(counted.metrics.high_packet_loss.value() == 1);
    counted.metrics.observe(measured(5, 30.5, 0));
    counted.metrics.observe(measured(0, 0, 301));
    CHECK(counted.metrics.alerts.value() == 3);
    CHECK(counted.metrics.high_packet_loss.value() == 1);
}

TEST_CASE("a muted window has neither bitrate nor level, because silence is not a fault") {
    Counted counted;
    Measurement muted = measured(6, 1, 1);
    muted.window.muted = true;
    counted.metrics.observe(muted);
    CHECK(Counted::count(counted.metrics.bitrate) == 0);
    CHECK(Counted::count(counted.metrics.audio_level) == 0);
    CHECK(Counted::count(counted.metrics.packet_loss) == 1);
    CHECK(counted.metrics.alerts.value() == 1);
}

TEST_CASE("a late measurement moves nothing") {
    Counted counted;
    Measurement late = measured(50, 500, 5000);
    late.window.late = true;
    counted.metrics.observe(late);
    CHECK(Counted::count(counted.metrics.packet_loss) == 0);
    CHECK(counted.metrics.alerts.value() == 0);
    CHECK(counted.metrics.high_packet_loss.value() == 0);
}
