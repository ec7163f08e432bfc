#include "livekit/reconcile_rules.hpp"

#include <map>

namespace subcults::api::livekit {

namespace {

// The webhook of a connection younger than this is probably still on its way.
constexpr std::int64_t patience_micros = 5'000'000;

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
    for (const Participant& participant : room.listed) {
        if (!participant.listener || participant.identity.empty()) continue;
        // Somebody who is still connecting is not gone, but not there either.
        connected.emplace(participant.identity, participant.sid);
        if (!participant.active || participant.sid.empty()) continue;
        const auto found = known.find(participant.identity);
        if (found != known.end() && found->second->sid == participant.sid) continue;
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
        if (connected.contains({connection.participant_id, connection.sid})) continue;
        Connection missing(room.session, connection.participant_id, connection.sid);
        const bool twice = missing_before_.contains(missing);
        missing_now_.insert(std::move(missing));
        if (!twice) continue;
        Presence news;
        news.kind = Presence::Kind::left;
        news.sid = connection.sid;
        news.joined_at = connection.since;
        news.at = now;
        commands.push_back(repair(room.session, connection.participant_id, std::move(news)));
    }
    return commands;
}

}  // namespace subcults::api::livekit
