// Answers about audio quality as the contract writes them. Absent values are null; empty lists [].
#pragma once

#include "quality/collector.hpp"
#include "quality/quality_queries.hpp"
#include "quality/report_rows.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace subcults::api::quality {

// {"stream_id","metrics":[…],"count"}
std::string metrics_json(const Uuid& session, const std::vector<MetricView>& metrics);
// One of those, bare.
std::string metric_json(const Uuid& session, const MetricView& metric);
// {"stream_id","since_minutes","participants":[…],"count"}
std::string high_loss_json(const Uuid& session, int since_minutes,
                           const std::vector<std::string>& participants);
// {"stream_id","participants","metrics_recorded","alerts_triggered","measured_at","roster",
//  "stale":[…],"missing":[…]}
std::string collected_json(const Uuid& session, const CollectionReport& report);
// {"stream_id","accepted":[seq],"duplicates":[seq],"rejected":[{"index","seq","reason","field"}]}
std::string reported_json(const Uuid& session, const std::vector<Window>& windows,
                          const std::vector<WindowFate>& fates,
                          const std::vector<Rejection>& rejected);

}  // namespace subcults::api::quality
