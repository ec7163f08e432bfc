#include "livekit/reconcile_rules.hpp"

#include <map>

namespace subcults::api::livekit {

namespace {

// The webhook of a connection younger than this is probably still on its way.
constexpr std::int64_t patience_micros = 5'000'000;
// How long it may take from a join to a connection: permissions are asked for, networks are slow.
constexpr std::int64_t connecting_micros = 60'000'000;

Command repair(const Uuid& session, std::string participant_id, Presence news) {
    Command command;
    command.kind = CommandKind::presence;
    command.session = session;
    command.request_id = "livekit-reconciliation";
    command.participant_id = std::move(participant_id);
    command.presence = std::move(news);
    return command;
}

}  // namespace

void ReconcileRules::begin_round() {
    missing_now_.clear();
}

void ReconcileRules::end_round() {
    missing_before_ = std::move(missing_now_);
    missing_now_.clear();
}

std::vector<Command> ReconcileRules::repairs(const RoomSnapshot& room, UnixMicros now) {
    std::vector<Command> commands;
    std::map<std::string_view, const KnownConnection*> known;
    for (const KnownConnection& connection : room.known)
        known.emplace(connection.participant_id, &connection);

    std::set<std::pair<std::string_view, std::string_view>> connected;
    std::set<std::string_view> somehow;
    for (const Participant& participant : room.listed) {
        if (!participant.listener || participant.identity.empty()) continue;
        // Somebody who is still connecting is not gone, but not there either.
        connected.emplace(participant.identity, participant.sid);
        somehow.insert(participant.identity);
        if (!participant.active || participant.sid.empty()) continue;
        const auto found = known.find(participant.identity);
        if (found != known.end()) {
            const KnownConnection& seen = *found->second;
            if (seen.removal_ordered) continue;
            if (seen.sid == participant.sid && !seen.banned) continue;
        }
        if (participant.joined_at.value == 0) continue;
        if (now.value - participant.joined_at.value < patience_micros) continue;
        Presence news;
        news.kind = Presence::Kind::joined;
        news.sid = participant.sid;
        news.joined_at = participant.joined_at;
        news.at = participant.joined_at;
        commands.push_back(repair(room.session, participant.identity, std::move(news)));
    }
    for (const KnownConnection& connection : room.known) {
        if (!connection.present) continue;
        const bool never_connected = connection.sid.empty();
        if (never_connected) {
            // Before anybody has connected there is no room, and nothing to be learned from that.
            if (!room.exists || somehow.contains(connection.participant_id)) continue;
            if (now.value - connection.since.value < connecting_micros) continue;
        } else if (connected.contains({connection.participant_id, connection.sid})) {
            continue;
        }
        Connection missing(room.session, connection.participant_id, connection.sid);
        const bool twice = missing_before_.contains(missing);
        missing_now_.insert(std::move(missing));
        if (!twice) continue;
        Presence news;
        news.kind = Presence::Kind::left;
        news.sid = connection.sid;
        news.joined_at = connection.since;
        // Whoever has left and joined again since the database was read gets a minute of their own.
        news.at = never_connected ? UnixMicros{now.value - connecting_micros} : now;
        commands.push_back(repair(room.session, connection.participant_id, std::move(news)));
    }
    return commands;
}

}  // namespace subcults::api::livekit
