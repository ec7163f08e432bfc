// Webhooks, durably: stored before they are answered, processed later.
//
// put() is what the endpoint does, on any worker's pool: one row, taken once however often LiveKit
// sends it. InboxProcessor turns rows into commands of the ledger, in the order they came, in
// batches; a batch whose commands the ledger could not take is looked at again. The commands
// themselves may be repeated, so a crash between their commit and the mark in the inbox is
// harmless.
//
// One processor at a time (see lease.hpp) keeps the order; two for a moment would do no harm.
#pragma once

#include "base/log.hpp"
#include "db/pool.hpp"
#include "livekit/ledger_desk.hpp"
#include "livekit/messages.hpp"
#include "livekit/room_service.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace subcults::api::livekit {

enum class Stored { fresh, duplicate };
boost::asio::awaitable<db::DbResult<Stored>> put(db::Pool& pool, WebhookEvent event,
                                                 UnixMicros received_at, Deadline deadline);
std::vector<db::Statement> put_statements();

// A row of the inbox with what the database knows about it.
struct InboxItem {
    std::string id;
    EventKind kind = EventKind::other;
    std::string room_name;
    std::string room_sid;
    std::string participant_id;
    std::string participant_sid;
    std::optional<UnixMicros> joined_at;
    UnixMicros created_at;
    UnixMicros received_at;
    std::int64_t attempts = 0;
    std::optional<Uuid> session;     // nullopt = the room is none of ours
    bool known_participant = false;  // known to the session
};

// When an event happened, as well as can be told: LiveKit's stamp has whole seconds, the arrival
// here is finer but may be late or by another clock. Pure.
UnixMicros happened_at(UnixMicros created_at, UnixMicros received_at) noexcept;

// The ledger's command for an event; nullopt = nothing to do. Pure; the deadline is the caller's.
std::optional<Command> command_for(const InboxItem& item);

// What a batch says about rooms coming and going: the moment of finishing, or nullopt = it is back.
struct RoomFate {
    std::string room_sid;
    std::optional<UnixMicros> finished_at;
};
std::map<std::string, RoomFate> fates_of(const std::vector<InboxItem>& items);

// Whether the ledger has dealt with a command, whatever it said; false = ask again later.
bool settled(Outcome::Status status, std::int64_t attempts) noexcept;

struct InboxOptions {
    std::chrono::seconds empty_grace{300};
};

class InboxProcessor {
  public:
    InboxProcessor(db::Pool& pool, LedgerDesk& desk, RoomService& rooms, InboxOptions options,
                   Log& log);

    enum class Round { idle, more, trouble };
    // Processes up to 256 events.
    boost::asio::awaitable<Round> process();
    // Ends the sessions of rooms that have been finished for longer than the grace. While LiveKit
    // cannot be asked whether they are really gone, they stay.
    boost::asio::awaitable<void> close_finished();
    // Forgets events of more than a day ago, up to 20,000 of them; whether there are more.
    boost::asio::awaitable<bool> purge();

    static std::vector<db::Statement> statements();

  private:
    boost::asio::awaitable<db::DbResult<db::Rows>> run(db::Statement statement, db::Params params);
    boost::asio::awaitable<bool> note_fates(std::map<std::string, RoomFate> fates);
    boost::asio::awaitable<bool> mark(std::vector<std::string> done,
                                      std::vector<std::string> again);
    boost::asio::awaitable<void> forget_closings(std::vector<std::string> rooms);

    db::Pool& pool_;
    LedgerDesk& desk_;
    RoomService& rooms_;
    InboxOptions options_;
    Log& log_;
};

}  // namespace subcults::api::livekit
