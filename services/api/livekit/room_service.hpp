// LiveKit's RoomService: rooms, who is in them, and putting people out or on mute.
//
// Each call carries a token of its own with just the permission it needs, has `call_timeout` to be
// answered, and is tried a second time after a short random pause where that is safe and could
// help (LiveKit unavailable, slow, or the connection broken). A circuit breaker stands before all
// of them: when LiveKit is dead, calls fail at once with `circuit_open` and cost nothing.
//
// Each attempt carries `traceparent`: the trace of what it is made for, with a span of its own, and
// that trace's `tracestate`. Without one of the caller's, a call begins a new trace.
//
// Errors are values; `not_found` is an ordinary answer that callers expect.
// Threading: belongs to one single-threaded io_context, except state(), which is safe from any
// thread. Several calls may be under way. stop() ends them with `cancelled`.
#pragma once

#include "auth/livekit_token.hpp"
#include "base/log.hpp"
#include "base/trace_context.hpp"
#include "livekit/circuit_breaker.hpp"
#include "livekit/livekit_metrics.hpp"
#include "livekit/messages.hpp"
#include "net/http_client.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api::livekit {

struct CallError {
    enum class Kind {
        not_found,        // no such room or participant
        refused,          // LiveKit answered and will not: hardly worth repeating soon
        unauthenticated,  // key, secret or grant are not what LiveKit wants
        unavailable,      // LiveKit or a proxy before it says: later
        timeout,
        connection,    // could not be reached, or the connection broke
        unreadable,    // an answer that makes no sense
        circuit_open,  // not even sent
        cancelled,
    };
    Kind kind = Kind::unavailable;
    std::string code = {};  // LiveKit's own, if it gave one
    unsigned http_status = 0;

    // The server was there and did its work, whatever it said.
    bool answered() const noexcept {
        return kind == Kind::not_found || kind == Kind::refused || kind == Kind::unauthenticated;
    }
};
std::string_view to_string(CallError::Kind kind) noexcept;

// What an answer with a status other than 200 means. Pure.
CallError judge_refusal(unsigned http_status, std::string_view body);

template <class T>
using CallResult = Result<T, CallError>;

struct RoomServiceOptions {
    net::WsUrl url;  // its path is put before /twirp
    std::string api_key;
    Secret api_secret;
    std::chrono::milliseconds call_timeout{3000};
    CircuitPolicy circuit;
    net::HttpClientOptions http;
};

class RoomService {
  public:
    RoomService(boost::asio::any_io_executor executor, RoomServiceOptions options,
                LiveKitMetrics& metrics, Log& log);
    ~RoomService();
    RoomService(const RoomService&) = delete;
    RoomService& operator=(const RoomService&) = delete;

    // Empty = all rooms.
    boost::asio::awaitable<CallResult<std::vector<Room>>> list_rooms(
        std::vector<std::string> names, TraceContext trace = TraceContext::start());
    boost::asio::awaitable<CallResult<std::vector<Participant>>> list_participants(
        std::string room, TraceContext trace = TraceContext::start());
    boost::asio::awaitable<CallResult<Participant>> get_participant(
        std::string room, std::string identity, TraceContext trace = TraceContext::start());
    boost::asio::awaitable<CallResult<void>> delete_room(
        std::string room, TraceContext trace = TraceContext::start());
    boost::asio::awaitable<CallResult<void>> remove_participant(
        std::string room, std::string identity, TraceContext trace = TraceContext::start());
    boost::asio::awaitable<CallResult<void>> mute_track(std::string room, std::string identity,
                                                        std::string track_sid, bool muted,
                                                        TraceContext trace = TraceContext::start());

    // Whether a call would be sent now: for those who can wait instead.
    bool worth_asking() const noexcept;

    enum class State { unknown, reachable, unreachable };
    State state() const noexcept { return state_.load(std::memory_order_relaxed); }

    void stop() noexcept;

  private:
    struct Method;
    boost::asio::awaitable<CallResult<std::string>> call(const Method& method, std::string room,
                                                         std::string body, TraceContext trace);
    // `span` is the attempt's own.
    boost::asio::awaitable<CallResult<std::string>> attempt(const Method& method, std::string room,
                                                            std::string body, TraceContext span);
    void note(const CallResult<std::string>& result, const TraceParent& span);

    RoomServiceOptions options_;
    LiveKitMetrics& metrics_;
    Log& log_;
    auth::LiveKitSigner signer_;
    net::HttpClient http_;
    CircuitBreaker circuit_;
    boost::asio::steady_timer pause_;
    std::string base_path_;
    bool stopped_ = false;
    std::atomic<State> state_{State::unknown};
};

// "unknown", "reachable", "unreachable": for the readiness page.
std::string_view to_string(RoomService::State state) noexcept;

}  // namespace subcults::api::livekit
