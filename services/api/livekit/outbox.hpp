// Carries out what the ledger decided about LiveKit: rows of livekit_outbox, after their commit.
//
// A row is claimed for a minute, carried out, then deleted; so a replica that dies in between
// delays it and loses nothing, and several replicas share the work. Everything in it may be done
// twice. Rows about the same participant of a room are carried out in order, one after the other,
// but a removal waits for no mute, and one whose reason is gone is dropped.
// A room or participant that is not there is as good as removed. While LiveKit is away nothing is
// claimed. What LiveKit can never do is given up with a line in the log: a request that it calls
// invalid, an unmute that it does not allow, anything that has failed for a day.
// Calls belong to the trace of the request that the row comes from; a row without one begins its
// own.
//
// Threading: belongs to the io_context of its pool.
#pragma once

#include "base/log.hpp"
#include "base/trace_context.hpp"
#include "base/uuid.hpp"
#include "db/pool.hpp"
#include "livekit/alarm.hpp"
#include "livekit/room_service.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace subcults::api::livekit {

struct OutboxAction {
    std::int64_t id = 0;
    Uuid session;
    std::string action;
    std::string room_name;
    std::string participant_id;
    std::int64_t attempts = 0;  // this one included
    UnixMicros created_at;
    TraceContext trace;
};

// What becomes of a row after a try. Pure.
struct OutboxVerdict {
    enum class Kind { done, again, given_up } kind = Kind::done;
    std::chrono::milliseconds after{0};  // again
};
OutboxVerdict judge_outbox(const OutboxAction& action, const CallResult<void>& result,
                           UnixMicros now) noexcept;

class OutboxWorker {
  public:
    OutboxWorker(boost::asio::any_io_executor executor, db::Pool& pool, RoomService& rooms,
                 Log& log);

    // Works until stop().
    boost::asio::awaitable<void> run();
    // Something may be there.
    void wake() noexcept { alarm_.ring(); }
    void stop() noexcept;

    // The statements that the pool must have prepared.
    static std::vector<db::Statement> statements();

  private:
    // Whether there may be more to do at once.
    boost::asio::awaitable<bool> round();
    boost::asio::awaitable<std::vector<OutboxAction>> claim();
    boost::asio::awaitable<CallResult<void>> carry_out(OutboxAction action);
    boost::asio::awaitable<CallResult<void>> remove(OutboxAction action);
    boost::asio::awaitable<CallResult<void>> mute(OutboxAction action, bool muted);
    boost::asio::awaitable<void> conclude(OutboxAction action, CallResult<void> result);

    db::Pool& pool_;
    RoomService& rooms_;
    Log& log_;
    Alarm alarm_;
    bool stopping_ = false;
};

}  // namespace subcults::api::livekit
