#include "cache/invalidation_rules.hpp"

#include <algorithm>
#include <utility>

namespace subcults::api {

namespace {

std::size_t spoil(Stamps& stamps, const ChangedIds& changed) noexcept {
    if (changed.all()) {
        stamps.invalidate_all();
        return 1;
    }
    for (const Uuid& id : changed.ids())
        stamps.invalidate(id);
    return changed.ids().size();
}

}  // namespace

std::size_t spoil(CacheStamps& stamps, const Changes& changes) noexcept {
    return spoil(stamps.sessions, changes.sessions) + spoil(stamps.trust, changes.trust);
}

void InvalidationRules::on_message(std::string_view payload) {
    const auto message = decode_changes(payload);
    if (!message) {
        // A newer version tells of something that this one does not understand.
        lost_ = true;
        return;
    }
    if (message->origin != own_origin_) {
        // Their probes are theirs.
        changes_.sessions.merge(message->changes.sessions);
        changes_.trust.merge(message->changes.trust);
        return;
    }
    // What was changed here is known here; that the message came back is the news.
    if (message->changes.probe) probe_seen_ = std::max(probe_seen_, *message->changes.probe);
}

Invalidated InvalidationRules::apply() {
    Invalidated done;
    const Changes changes = std::exchange(changes_, Changes());
    if (std::exchange(lost_, false)) {
        stamps_.sessions.invalidate_all();
        stamps_.scenes.invalidate_all();
        stamps_.trust.invalidate_all();
        trust_graph_ = false;
        done.flushes = 1;
        return done;
    }
    if (std::exchange(trust_graph_, false)) {
        stamps_.scenes.invalidate_all();
        stamps_.trust.invalidate_all();
        done.trust_graph = 1;
    }
    done.remote = spoil(stamps_, changes);
    return done;
}

}  // namespace subcults::api
