#include "project/fold.hpp"

#include "base/json_writer.hpp"

#include <algorithm>

namespace subcults::indexer {

using jetstream::EventView;
using jetstream::Kind;
using jetstream::Operation;

namespace {

// Stamps further apart than this are not of one stretch of a relay's numbers.
constexpr std::int64_t relay_window_us = 86'400'000'000;

QuarantineRow quarantine_row(const FaultyFrame& frame) {
    QuarantineRow row;
    row.fingerprint = sha256(frame.raw);
    row.raw = frame.raw;
    row.raw_bytes = frame.raw.size();
    row.did = frame.did;
    row.time_us = frame.time_us;
    row.reason = frame.reason;
    row.path = frame.path;
    row.detail = frame.detail;
    return row;
}

QuarantineRow quarantine_row(const EventView& event, std::string_view reason) {
    QuarantineRow row;
    row.raw = render_frame(event);
    row.fingerprint = sha256(row.raw);
    row.raw_bytes = row.raw.size();
    row.did = event.did;
    row.collection = event.collection;
    row.rkey = event.rkey;
    row.rev = event.rev;
    row.time_us = event.time_us;
    row.reason = reason;
    return row;
}

class Folder {
  public:
    Folder(FoldedBatch& batch, Projector& projector) : batch_(batch), projector_(projector) {}

    void commit(const EventView& event);
    void account(const EventView& event);
    void identity(const EventView& event);
    void set_aside(const EventView& event, std::string_view reason);

  private:
    void quarantine_fault(const EventView& event, const Projection& projection);
    void remove(std::string_view did, const AccountTime& when);

    FoldedBatch& batch_;
    Projector& projector_;
};

void merge(RecordRows& rows, const RecordKey& key, RecordRow row) {
    const auto slot = rows.find(key);
    if (slot == rows.end()) {
        rows.emplace(key, std::move(row));
    } else if (slot->second.rev < row.rev) {
        // Several revisions in one batch: the highest counts, wherever it stands.
        slot->second = std::move(row);
    }
}

void Folder::quarantine_fault(const EventView& event, const Projection& projection) {
    QuarantineRow row =
        quarantine_row(event, projection.private_data ? "private_data" : "invalid_record");
    if (projection.private_data) row.raw.clear();
    row.path = projection.fault->path;
    row.detail = projection.fault->reason;
    batch_.quarantine.push_back(std::move(row));
}

void Folder::commit(const EventView& event) {
    RecordRow row;
    row.rev = event.rev;
    row.time_us = event.time_us;
    bool processed = true;
    if (event.operation == Operation::del) {
        row.typed = Projector::tombstone(event.did, event.collection, event.rkey, event.rev);
    } else {
        Projection projection =
            projector_.project(event.did, event.collection, event.rkey, event.rev, event.record);
        if (projection.fault) {
            quarantine_fault(event, projection);
            processed = false;
        }
        if (!projection.private_data) {
            row.cid = event.cid;
            row.record = event.record;
        }
        row.typed = std::move(projection.row);
    }
    const auto [writer, first] = batch_.writers.try_emplace(event.did, event.time_us);
    if (!first) writer->second = std::min(writer->second, event.time_us);
    merge(batch_.records, RecordKey{event.did, event.collection, event.rkey}, std::move(row));
    if (!processed) return;
    ++batch_.events;
    ++batch_.commits;
}

// A deleted account takes with it what came before; what follows is of its next life.
void Folder::remove(std::string_view did, const AccountTime& when) {
    batch_.purges[did] = when;
    auto row = batch_.records.lower_bound(RecordKey{did, {}, {}});
    while (row != batch_.records.end() && std::get<0>(row->first) == did) {
        merge(batch_.doomed, row->first, std::move(row->second));
        row = batch_.records.erase(row);
    }
    for (QuarantineRow& set_aside : batch_.quarantine) {
        if (set_aside.did == did) set_aside.before_purge = true;
    }
}

void Folder::account(const EventView& event) {
    ++batch_.events;
    AccountRow row;
    row.seq = event.upstream_seq;
    row.time_us = event.time_us;
    row.active = event.active;
    if (!event.active) row.status = event.status.value_or("inactive");
    const auto [slot, first] = batch_.accounts.try_emplace(event.did, row);
    if (!first) {
        if (!is_newer(row, slot->second)) return;
        slot->second = row;
    }
    if (!row.active && row.status == "deleted") remove(event.did, row);
}

void Folder::identity(const EventView& event) {
    ++batch_.events;
    HandleRow row;
    row.seq = event.upstream_seq;
    row.time_us = event.time_us;
    row.handle = event.handle;
    const auto [slot, first] = batch_.handles.try_emplace(event.did, row);
    if (!first && is_newer(row, slot->second)) slot->second = row;
}

// Whatever the reason: what is private is not kept.
void Folder::set_aside(const EventView& event, std::string_view reason) {
    if (event.kind == Kind::commit && event.operation != Operation::del) {
        const Projection projection =
            projector_.project(event.did, event.collection, event.rkey, event.rev, event.record);
        if (projection.private_data) return quarantine_fault(event, projection);
    }
    batch_.quarantine.push_back(quarantine_row(event, reason));
}

}  // namespace

bool is_newer(const AccountTime& next, const AccountTime& current) noexcept {
    const std::int64_t apart = next.time_us - current.time_us;
    if (next.seq > 0 && current.seq > 0 && apart <= relay_window_us && apart >= -relay_window_us) {
        return next.seq > current.seq;
    }
    return apart > 0;
}

FoldedBatch fold(std::span<const QueueItem> items, Projector& projector,
                 std::optional<std::string_view> quarantine_all) {
    FoldedBatch batch;
    Folder folder(batch, projector);
    for (const QueueItem& item : items) {
        batch.newest_us = std::max(batch.newest_us, item.time_us());
        if (const FaultyFrame* faulty = item.fault()) {
            batch.quarantine.push_back(quarantine_row(*faulty));
            continue;
        }
        const EventView event = item.event()->view();
        if (quarantine_all) {
            folder.set_aside(event, *quarantine_all);
            continue;
        }
        switch (event.kind) {
            case Kind::commit:
                folder.commit(event);
                break;
            case Kind::account:
                folder.account(event);
                break;
            case Kind::identity:
                folder.identity(event);
                break;
        }
    }
    return batch;
}

std::string render_frame(const EventView& event) {
    JsonWriter json;
    json.begin_object()
        .field("did", event.did)
        .field("time_us", event.time_us)
        .field("kind", jetstream::to_string(event.kind));
    switch (event.kind) {
        case Kind::commit:
            json.key("commit")
                .begin_object()
                .field("rev", event.rev)
                .field("operation", jetstream::to_string(event.operation))
                .field("collection", event.collection)
                .field("rkey", event.rkey);
            if (event.operation != Operation::del) {
                json.key("record").raw(event.record).field("cid", event.cid);
            }
            json.end_object();
            break;
        case Kind::identity:
            json.key("identity").begin_object().field("did", event.did);
            if (event.handle) json.field("handle", *event.handle);
            json.field("seq", event.upstream_seq).end_object();
            break;
        case Kind::account:
            json.key("account")
                .begin_object()
                .field("active", event.active)
                .field("did", event.did);
            if (event.status) json.field("status", *event.status);
            json.field("seq", event.upstream_seq).end_object();
            break;
    }
    json.end_object();
    return json.take();
}

}  // namespace subcults::indexer
