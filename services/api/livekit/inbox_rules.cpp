// What events mean: pure functions, no I/O.
#include "livekit/inbox.hpp"

#include <algorithm>

namespace subcults::api::livekit {

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t most_failures = 10;

Command presence(const InboxItem& item, Presence::Kind kind) {
    Command command;
    command.kind = CommandKind::presence;
    command.participant_id = item.participant_id;
    Presence news;
    news.kind = kind;
    news.sid = item.participant_sid;
    news.at = happened_at(item.created_at, item.received_at);
    news.joined_at = item.joined_at.value_or(news.at);
    command.presence = std::move(news);
    return command;
}

std::optional<Command> without_address(const InboxItem& item) {
    switch (item.kind) {
        case EventKind::participant_joined:
            return presence(item, Presence::Kind::joined);
        case EventKind::participant_left:
            return presence(item, Presence::Kind::left);
        case EventKind::participant_connection_aborted:
            return presence(item, Presence::Kind::aborted);
        case EventKind::track_published: {
            // Agents and recorders publish audio too; their identities are none of ours.
            if (!item.known_participant) return std::nullopt;
            Command command;
            command.kind = CommandKind::first_track;
            command.at = happened_at(item.created_at, item.received_at);
            return command;
        }
        case EventKind::room_started:
        case EventKind::room_finished:
        case EventKind::track_unpublished:
        case EventKind::other:
            break;
    }
    return std::nullopt;
}

}  // namespace

UnixMicros happened_at(UnixMicros created_at, UnixMicros received_at) noexcept {
    const std::int64_t last = created_at.value + second - 1;
    return UnixMicros{std::clamp(received_at.value, created_at.value, last)};
}

std::optional<Command> command_for(const InboxItem& item) {
    if (!item.session) return std::nullopt;
    auto command = without_address(item);
    if (!command) return command;
    command->session = *item.session;
    command->request_id = item.id;
    return command;
}

std::map<std::string, RoomFate> fates_of(const std::vector<InboxItem>& items) {
    std::map<std::string, RoomFate> fates;
    for (const InboxItem& item : items) {
        if (!item.session) continue;
        RoomFate fate;
        fate.room_sid = item.room_sid;
        if (item.kind == EventKind::room_finished) {
            fate.finished_at = happened_at(item.created_at, item.received_at);
        } else if (item.kind != EventKind::room_started &&
                   item.kind != EventKind::participant_joined) {
            continue;
        }
        fates.insert_or_assign(item.room_name, std::move(fate));
    }
    return fates;
}

bool settled(Outcome::Status status, std::int64_t attempts) noexcept {
    switch (status) {
        case Outcome::Status::unavailable:
        case Outcome::Status::outcome_unknown:
            return false;
        case Outcome::Status::failed:
            // A row that can never be applied must not be tried for ever.
            return attempts >= most_failures;
        default:
            return true;
    }
}

}  // namespace subcults::api::livekit
