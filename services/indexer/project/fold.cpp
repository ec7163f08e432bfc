#include "project/fold.hpp"

#include "base/json_writer.hpp"

#include <algorithm>

namespace subcults::indexer {

using jetstream::EventView;
using jetstream::Kind;
using jetstream::Operation;

namespace {

QuarantineRow quarantine_row(const FaultyFrame& frame) {
    QuarantineRow row;
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
    row.raw_bytes = row.raw.size();
    row.did = event.did;
    row.time_us = event.time_us;
    row.reason = reason;
    return row;
}

void fold_commit(FoldedBatch& batch, const EventView& event) {
    RecordRow row;
    row.rev = event.rev;
    row.time_us = event.time_us;
    if (event.operation != Operation::del) {
        row.cid = event.cid;
        row.record = event.record;
    }
    const RecordKey key{event.did, event.collection, event.rkey};
    const auto [slot, inserted] = batch.records.try_emplace(key, row);
    // Several revisions in one batch: the highest counts, wherever it stands.
    if (!inserted && slot->second.rev < row.rev) slot->second = row;
}

// A deleted account takes with it what came before in this batch (as tombstones: a replay must not
// bring it back); what follows is of its next life.
void fold_deletion(FoldedBatch& batch, std::string_view did) {
    for (auto row = batch.records.lower_bound(RecordKey{did, {}, {}});
         row != batch.records.end() && std::get<0>(row->first) == did; ++row) {
        row->second.cid.reset();
        row->second.record.reset();
    }
    if (std::find(batch.purged.begin(), batch.purged.end(), did) == batch.purged.end()) {
        batch.purged.push_back(did);
    }
}

void fold_account(FoldedBatch& batch, const EventView& event) {
    std::erase(batch.shown, event.did);
    batch.hidden.erase(event.did);
    if (event.active) {
        batch.shown.push_back(event.did);
    } else if (event.status == "deleted") {
        fold_deletion(batch, event.did);
        batch.shown.push_back(event.did);  // nothing is left that could be hidden
    } else {
        batch.hidden[event.did] = event.status.value_or("inactive");
    }
}

// The typed rows of what the records have become.
void project_scenes(FoldedBatch& batch, SceneProjector& projector) {
    for (const auto& [key, row] : batch.records) {
        const auto& [did, collection, rkey] = key;
        if (!is_scene_collection(collection)) continue;
        if (!row.record) {
            batch.scenes.push_back(SceneProjector::tombstone(did, collection, rkey, row.rev));
            continue;
        }
        auto scene = projector.project(did, collection, rkey, row.rev, *row.record);
        if (scene) {
            batch.scenes.push_back(std::move(*scene));
            continue;
        }
        // Not showing it is better than showing what it was before.
        batch.scenes.push_back(SceneProjector::tombstone(did, collection, rkey, row.rev));
        EventView event;
        event.operation = Operation::update;
        event.time_us = row.time_us;
        event.did = did;
        event.collection = collection;
        event.rkey = rkey;
        event.rev = row.rev;
        event.cid = row.cid.value_or("");
        event.record = *row.record;
        QuarantineRow quarantined = quarantine_row(event, "invalid_record");
        quarantined.path = scene.error().path;
        quarantined.detail = scene.error().reason;
        batch.quarantine.push_back(std::move(quarantined));
        --batch.events;
    }
}

}  // namespace

FoldedBatch fold(std::span<const QueueItem> items, SceneProjector& projector,
                 std::optional<std::string_view> quarantine_all) {
    FoldedBatch batch;
    for (const QueueItem& item : items) {
        batch.newest_us = std::max(batch.newest_us, item.time_us());
        if (const FaultyFrame* faulty = item.fault()) {
            batch.quarantine.push_back(quarantine_row(*faulty));
            continue;
        }
        const EventView event = item.event()->view();
        if (quarantine_all) {
            batch.quarantine.push_back(quarantine_row(event, *quarantine_all));
            continue;
        }
        ++batch.events;
        switch (event.kind) {
            case Kind::commit:
                ++batch.commits;
                fold_commit(batch, event);
                break;
            case Kind::account:
                fold_account(batch, event);
                break;
            case Kind::identity:
                break;  // changes no row yet; the event is done with
        }
    }
    project_scenes(batch, projector);
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
