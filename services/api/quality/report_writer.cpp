#include "quality/report_writer.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace subcults::api::quality {

namespace asio = boost::asio;

ReportWriter::ReportWriter(asio::io_context& io, ReportWriterOptions options, Log& log)
    : log_limit_(std::chrono::seconds(1)) {
    const std::size_t lane_count = std::max<std::size_t>(options.lanes, 1);
    ReportLaneOptions each;
    each.database_uri = std::move(options.database_uri);
    each.max_batch = options.max_batch;
    each.max_queued = options.max_queued / lane_count;
    each.on_query = std::move(options.on_query);
    for (std::size_t i = 0; i < lane_count; ++i)
        lanes_.push_back(std::make_unique<ReportLane>(io, each, log, log_limit_));
}

void ReportWriter::start() {
    for (const auto& lane : lanes_)
        lane->start();
}

void ReportWriter::stop() noexcept {
    for (const auto& lane : lanes_)
        lane->stop();
}

asio::awaitable<ReportOutcome> ReportWriter::store(ReportRequest request) {
    const std::size_t hash = std::hash<std::string_view>()(request.caller_did);
    return lanes_[hash % lanes_.size()]->store(std::move(request));
}

std::size_t ReportWriter::queued() const noexcept {
    std::size_t all = 0;
    for (const auto& lane : lanes_)
        all += lane->queued();
    return all;
}

}  // namespace subcults::api::quality
