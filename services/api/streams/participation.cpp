#include "streams/participation.hpp"

#include <algorithm>
#include <tuple>

namespace subcults::api {
namespace {

// LiveKit's times are whole seconds in places, and its clock is another one.
constexpr std::int64_t second_us = 1'000'000;
UnixMicros later(UnixMicros time, std::int64_t by_us) {
    return UnixMicros{time.value + by_us};
}

void come_in(ParticipantRow& row, UnixMicros at, PresenceChange& change) {
    if (!row.present()) change.active = 1;
    if (!row.first_joined_at || at < *row.first_joined_at) row.first_joined_at = at;
    row.joined_at = at;
    row.left_at.reset();
    change.changed = true;
}

void go_out(ParticipantRow& row, Stays& stays, UnixMicros at, PresenceChange& change) {
    const UnixMicros left = std::max(at, *row.joined_at);
    row.left_at = left;
    if (!row.stay.empty()) stays.close(row.stay, left);
    if (!row.livekit_sid.empty()) stays.close(row.livekit_sid, left);
    row.stay.clear();
    change.active = -1;
    change.changed = true;
}

// Whether the known connection was there before the newest token, and so was made with an earlier
// one. Of a time in whole seconds the rest is unknown, so that a connection may seem to be up to a
// second older than it is; of any other time nothing is, and a participant that gets a new token
// right after connecting must not be measured again by the connection it has.
bool older_than_token(const ParticipantRow& row) {
    const bool whole_seconds = row.livekit_active_at->value % second_us == 0;
    const std::int64_t unknown_us = whole_seconds ? second_us - 1 : 0;
    return later(*row.livekit_active_at, unknown_us) < *row.token_issued_at;
}

bool newer_than_known(const ParticipantRow& row, const Presence& presence) {
    if (row.livekit_sid.empty()) return true;
    return std::tie(presence.joined_at, presence.sid) >
           std::tie(*row.livekit_since, row.livekit_sid);
}

// Takes note of a connection that was not known: as a stay, and as the newest if it is.
void remember(ParticipantRow& row, Stays& stays, const Presence& presence, StayRow stay,
              PresenceChange& change) {
    if (!row.livekit_sid.empty()) ++row.reconnection_count;
    if (newer_than_known(row, presence)) {
        // Two connections of one identity do not live side by side: the older one is over.
        if (!row.livekit_sid.empty()) stays.close(row.livekit_sid, stay.joined_at);
        row.livekit_sid = presence.sid;
        row.livekit_since = presence.joined_at;
        row.livekit_active_at.reset();
    } else if (!stay.left_at) {
        stay.left_at = std::max(stay.joined_at, *row.livekit_since);
    }
    if (!row.first_joined_at || stay.joined_at < *row.first_joined_at) {
        row.first_joined_at = stay.joined_at;
    }
    stays.open(presence.sid, stay);
    change.changed = true;
}

PresenceChange connected(ParticipantRow& row, Stays& stays, const Presence& presence,
                         UnixMicros since, UnixMicros active_at) {
    PresenceChange change;
    const bool known = stays.find(presence.sid) != nullptr;
    if (!known) {
        StayRow stay;
        stay.joined_at = since;
        // The participant left after this connection had begun: it is news of the past.
        const bool over =
            row.leave_requested_at && later(since, second_us) <= *row.leave_requested_at;
        if (over) stay.left_at = *row.leave_requested_at;
        const bool newest = newer_than_known(row, presence);
        remember(row, stays, presence, stay, change);
        if (newest && !over && !row.present()) come_in(row, since, change);
        if (over && !row.joined_at) {
            row.joined_at = since;
            row.left_at = std::max(since, *stay.left_at);
        }
    }
    if (presence.sid == row.livekit_sid && !row.livekit_active_at) {
        row.livekit_active_at = active_at;
        change.changed = true;
    }
    return change;
}

PresenceChange disconnected(ParticipantRow& row, Stays& stays, const Presence& presence,
                            UnixMicros since, UnixMicros at) {
    PresenceChange change;
    const bool latest = presence.sid == row.livekit_sid || newer_than_known(row, presence);
    // A client that joined after this connection's end is on its way with another one.
    const bool ends_presence = latest && row.present() && later(at, second_us) > *row.joined_at;
    const UnixMicros end = std::max(since, at);
    if (const StayRow* known = stays.find(presence.sid)) {
        if (!known->left_at || end < *known->left_at) {
            stays.close(presence.sid, end);
            change.changed = true;
        }
    } else if (presence.kind == Presence::Kind::left) {
        StayRow stay;
        stay.joined_at = since;
        stay.left_at = end;
        remember(row, stays, presence, stay, change);
        if (!row.joined_at) {
            // Its coming was never told; both are known now.
            row.joined_at = since;
            row.left_at = end;
        }
    }
    if (ends_presence) go_out(row, stays, end, change);
    return change;
}

}  // namespace

PresenceChange client_joined(ParticipantRow& row, Stays& stays, UnixMicros at, std::string stay) {
    PresenceChange change;
    if (row.first_joined_at && row.livekit_sid.empty()) ++row.reconnection_count;
    if (!row.present()) {
        row.stay = std::move(stay);
        StayRow opened;
        opened.joined_at = at;
        stays.open(row.stay, opened);
    }
    come_in(row, at, change);
    row.leave_requested_at.reset();
    return change;
}

PresenceChange client_left(ParticipantRow& row, Stays& stays, UnixMicros at) {
    PresenceChange change;
    if (row.present()) go_out(row, stays, at, change);
    row.leave_requested_at = at;
    change.changed = true;
    return change;
}

PresenceChange livekit_said(ParticipantRow& row, Stays& stays, const Presence& presence,
                            UnixMicros not_before, UnixMicros now) {
    const UnixMicros ceiling = std::max(not_before, now);
    const UnixMicros since = std::clamp(presence.joined_at, not_before, ceiling);
    const UnixMicros at = std::clamp(presence.at, not_before, ceiling);
    if (presence.sid.empty()) {
        PresenceChange change;
        const bool over =
            presence.kind != Presence::Kind::joined && row.present() && *row.joined_at < at;
        if (over) go_out(row, stays, at, change);
        return change;
    }
    if (presence.kind == Presence::Kind::joined) {
        return connected(row, stays, presence, since, at);
    }
    return disconnected(row, stays, presence, since, at);
}

std::optional<double> close_latency(ParticipantRow& row, std::optional<UnixMicros> first_track_at) {
    const bool waiting = row.latency_wanted && !row.latency_done && row.token_issued_at;
    if (!waiting || !row.livekit_active_at || !first_track_at) return std::nullopt;
    if (older_than_token(row)) return std::nullopt;
    row.latency_wanted = false;
    row.latency_done = true;
    const UnixMicros heard = std::max(*row.livekit_active_at, *first_track_at);
    const auto waited = static_cast<double>(heard.value - row.token_issued_at->value) / 1e6;
    return std::max(0.0, waited);
}

}  // namespace subcults::api
