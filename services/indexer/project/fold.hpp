// A batch of events, folded in memory to what it leaves behind: one row per record, whatever
// happened to it in between, and what becomes of accounts.
//
// The fold knows the batch, the database knows what was before: each row that leaves here is
// guarded again when it is written. So the state after a stream does not depend on where it was
// cut into batches, nor on how often parts of it were delivered. What had to be quarantined is
// decided event by event for the same reason, not for the survivors of a batch alone.
//
// Accounts. Of several states the one with the highest relay number counts (is_newer). A deletion
// takes with it what came before it: rows that were in the batch by then are written first, then
// the purge, then what followed. What belongs to which life of an account is decided in the
// database, by stamp and revision: see purge_records.
#pragma once

#include "base/crypto.hpp"
#include "jetstream/event.hpp"
#include "project/projector.hpp"
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
    std::optional<std::string_view> record;  // nullopt = deleted, or not to be kept
    std::int64_t time_us = 0;
    TypedRow typed;
};

struct QuarantineRow {
    Digest256 fingerprint{};  // of the frame
    std::string raw;          // the frame; empty = must not be kept
    std::size_t raw_bytes = 0;
    std::string did;
    std::string collection;
    std::string rkey;
    std::string rev;
    std::int64_t time_us = 0;
    std::string_view reason;  // static text, a label value
    std::string path;
    std::string detail;
    bool before_purge = false;  // its account is deleted later in the batch
};

// did, collection, rkey: in this order rows are written, so that transactions never deadlock.
using RecordKey = std::tuple<std::string_view, std::string_view, std::string_view>;
using RecordRows = std::map<RecordKey, RecordRow>;

// When an event about an account happened: by the relay (0 = unknown), and by Jetstream.
struct AccountTime {
    std::int64_t seq = 0;
    std::int64_t time_us = 0;
};

struct AccountRow : AccountTime {
    bool active = true;
    std::optional<std::string_view> status;  // of inactive accounts
};

struct HandleRow : AccountTime {
    std::optional<std::string_view> handle;  // nullopt = to be resolved again
};

// Relay numbers decide, because every server passes on the same ones and a restarted one stamps
// old events anew. Where there are none, and where the stamps are more than a day apart (another
// relay counts from somewhere else), the stamps do. The same rule as in SQL (account_is_newer).
bool is_newer(const AccountTime& next, const AccountTime& current) noexcept;

// Views point into the items that were folded, which must outlive it.
struct FoldedBatch {
    RecordRows doomed;   // of accounts that are deleted later in the batch
    RecordRows records;  // all others
    std::map<std::string_view, std::int64_t> writers;  // did -> stamp of its first commit
    std::map<std::string_view, AccountTime> purges;    // accounts that were deleted
    std::map<std::string_view, AccountRow> accounts;
    std::map<std::string_view, HandleRow> handles;
    std::vector<QuarantineRow> quarantine;
    std::vector<Digest256> resolved;  // fingerprints that leave quarantine with this batch
    std::size_t events = 0;           // that are processed by this batch; quarantined ones are not
    std::size_t commits = 0;          // of these, those that concern records
    std::int64_t newest_us = 0;

    std::size_t record_rows() const noexcept { return doomed.size() + records.size(); }
};

// `quarantine_all` = the reason for which every event goes to quarantine instead of its rows: for
// a single event that the database has refused.
FoldedBatch fold(std::span<const QueueItem> items, Projector& projector,
                 std::optional<std::string_view> quarantine_all = std::nullopt);

// The event as a frame again, for quarantine.
std::string render_frame(const jetstream::EventView& event);

}  // namespace subcults::indexer
