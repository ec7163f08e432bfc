// What audio quality counts and observes.
//
// References into the registry; safe from any thread, copied freely.
#pragma once

#include "metrics/registry.hpp"
#include "quality/collection.hpp"

#include <cstddef>

namespace subcults::api::quality {

struct QualityMetrics {
    metrics::Histogram& bitrate;
    metrics::Histogram& jitter;
    metrics::Histogram& packet_loss;
    metrics::Histogram& audio_level;
    metrics::Histogram& rtt;
    metrics::Histogram& mos;
    metrics::Counter& alerts;
    metrics::Counter& high_packet_loss;
    // Windows of reports, by what became of them.
    metrics::Counter& accepted;
    metrics::Counter& duplicate;
    metrics::Counter& rejected;
    metrics::Counter& unavailable;
    metrics::Gauge& queued;

    static QualityMetrics make(metrics::Registry& registry);

    // A measurement whose collection has committed. Late ones change nothing; a muted one has
    // neither bitrate nor level, because silence is not a fault.
    void observe(const Measurement& measurement) const noexcept;
};

}  // namespace subcults::api::quality
