// The endpoints of audio quality: reports of participants, collections, and what was measured.
//
// A host and an administrator see everybody, a participant sees itself, others nothing (403).
// Collections are the host's and administrators' business.
#pragma once

#include "net/router.hpp"
#include "quality/quality_service.hpp"
#include "quality/report_writer.hpp"
#include "worker_context.hpp"

namespace subcults::api::quality {

// Everything outlives the router.
struct QualityContext {
    WorkerContext& worker;
    ReportWriter& writer;
    QualityService& service;
    QualityMetrics metrics;
};

void add_quality_routes(net::Router& router, const net::Guard& user, QualityContext context);

}  // namespace subcults::api::quality
