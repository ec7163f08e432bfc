// A batch of events, folded in memory to what it leaves behind: one row per record, whatever
// happened to it in between, and what becomes of accounts.
#pragma once

#include "jetstream/event.hpp"
#include "project/scene.hpp"
#include "queue/event_queue.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace subcults::indexer {

struct RecordRow {
    std::string_view rev;
    std::optional<std::string_view> cid;
    std::optional<std::string_view> record;  // nullopt = deleted
    std::int64_t time_us = 0;
};

struct QuarantineRow {
    std::string raw;
    std::size_t raw_bytes = 0;
    std::string did;
    std::int64_t time_us = 0;
    std::string_view reason;  // static text, a label value
    std::string path;
    std::string detail;
};

// did, collection, rkey: in this order rows are written, so that transactions never deadlock.
using RecordKey = std::tuple<std::string_view, std::string_view, std::string_view>;

// Views point into the items that were folded, which must outlive it.
struct FoldedBatch {
    std::map<RecordKey, RecordRow> records;
    std::vector<SceneRow> scenes;
    std::vector<std::string_view> purged;                 // accounts that were deleted
    std::map<std::string_view, std::string_view> hidden;  // did -> status
    std::vector<std::string_view> shown;                  // active (again)
    std::vector<QuarantineRow> quarantine;
    std::size_t events = 0;   // that are processed by this batch
    std::size_t commits = 0;  // of these, those that concern records
    std::int64_t newest_us = 0;
};

// `projector` is used and left as it was. `quarantine_all` = the reason for which every event goes
// to quarantine instead of its rows: for a single event that the database has refused.
FoldedBatch fold(std::span<const QueueItem> items, SceneProjector& projector,
                 std::optional<std::string_view> quarantine_all = std::nullopt);

// The event as a frame again, for quarantine.
std::string render_frame(const jetstream::EventView& event);

}  // namespace subcults::indexer
