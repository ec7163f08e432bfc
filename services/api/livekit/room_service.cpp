#include "livekit/room_service.hpp"

#include "base/json_writer.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <ctime>
#include <random>

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

using Kind = CallError::Kind;

constexpr std::chrono::milliseconds shortest_pause{50};
constexpr std::chrono::milliseconds longest_retry_pause{250};

CallError error(Kind kind) {
    CallError made;
    made.kind = kind;
    return made;
}

CallError error_of(const net::HttpFailure& failure) {
    using Http = net::HttpFailure::Kind;
    switch (failure.kind) {
        case Http::timeout:
            return error(Kind::timeout);
        case Http::cancelled:
            return error(Kind::cancelled);
        case Http::too_large:
            return error(Kind::unreadable);
        case Http::busy:
            return error(Kind::unavailable);
        case Http::resolve:
        case Http::connect:
        case Http::tls:
        case Http::exchange:
            break;
    }
    return error(Kind::connection);
}

bool may_help_to_repeat(const CallError& failed) {
    return failed.kind == Kind::unavailable || failed.kind == Kind::timeout ||
           failed.kind == Kind::connection;
}

std::string room_and_identity(std::string_view room, std::string_view identity) {
    JsonWriter json;
    json.begin_object().field("room", room).field("identity", identity).end_object();
    return json.take();
}

std::string room_only(std::string_view room) {
    JsonWriter json;
    json.begin_object().field("room", room).end_object();
    return json.take();
}

std::string base_path(const std::string& target) {
    std::string path = target.substr(0, target.find('?'));
    while (!path.empty() && path.back() == '/')
        path.pop_back();
    return path;
}

std::chrono::milliseconds random_pause() {
    thread_local std::minstd_rand generator(std::random_device{}());
    std::uniform_int_distribution<int> between(static_cast<int>(shortest_pause.count()),
                                               static_cast<int>(longest_retry_pause.count()));
    return std::chrono::milliseconds(between(generator));
}

CallResult<void> without_content(const CallResult<std::string>& body) {
    if (!body) return body.error();
    return {};
}

// An answer that LiveKit gave with 200 but that cannot be read.
template <class T>
CallResult<T> read_or_complain(const CallResult<std::string>& body,
                               Result<T, Unreadable> (*read)(std::string_view),
                               const TraceContext& trace, Log& log) {
    if (!body) return body.error();
    auto value = read(*body);
    if (value) return std::move(*value);
    log.warn("livekit's answer is unreadable",
             {{"reason", value.error().reason}, {"trace_id", trace.self.trace_text()}});
    return error(Kind::unreadable);
}

}  // namespace

std::string_view to_string(CallError::Kind kind) noexcept {
    switch (kind) {
        case Kind::not_found:
            return "not_found";
        case Kind::refused:
            return "refused";
        case Kind::unauthenticated:
            return "unauthenticated";
        case Kind::unavailable:
            return "unavailable";
        case Kind::timeout:
            return "timeout";
        case Kind::connection:
            return "connection";
        case Kind::unreadable:
            return "unreadable";
        case Kind::circuit_open:
            return "circuit_open";
        case Kind::cancelled:
            return "cancelled";
    }
    return "other";
}

std::string_view to_string(RoomService::State state) noexcept {
    switch (state) {
        case RoomService::State::unknown:
            return "unknown";
        case RoomService::State::reachable:
            return "reachable";
        case RoomService::State::unreachable:
            return "unreachable";
    }
    return "unknown";
}

CallError judge_refusal(unsigned http_status, std::string_view body) {
    CallError made;
    made.http_status = http_status;
    if (const auto twirp = read_twirp_error(body)) made.code = twirp->code;
    // Authentication fails in plain text before RoomService is reached, and proxies speak for
    // themselves: where there is no code, the status has to do.
    if (made.code.empty() && http_status == 404) {
        made.kind = Kind::unavailable;  // no RoomService there (yet): not "no such room"
    } else if (made.code == "not_found") {
        made.kind = Kind::not_found;
    } else if (made.code == "deadline_exceeded" || http_status == 408 || http_status == 504) {
        made.kind = Kind::timeout;
    } else if (made.code == "unauthenticated" || made.code == "permission_denied" ||
               http_status == 401 || http_status == 403) {
        made.kind = Kind::unauthenticated;
    } else if (http_status == 429 || http_status >= 500) {
        made.kind = http_status == 501 ? Kind::refused : Kind::unavailable;
    } else if (http_status >= 400) {
        made.kind = Kind::refused;
    } else {
        made.kind = Kind::unreadable;  // a redirect, or a success that is none
    }
    return made;
}

struct RoomService::Method {
    std::string_view name;
    auth::LiveKitGrant grant;
    bool repeatable;  // at once, without looking again

    static const Method list_rooms, list_participants, get_participant, delete_room,
        remove_participant, mute_track;
};

using Grant = auth::LiveKitGrant;
const RoomService::Method RoomService::Method::list_rooms{"ListRooms", Grant::room_list, true};
const RoomService::Method RoomService::Method::list_participants{"ListParticipants",
                                                                 Grant::room_admin, true};
const RoomService::Method RoomService::Method::get_participant{"GetParticipant", Grant::room_admin,
                                                               true};
const RoomService::Method RoomService::Method::delete_room{"DeleteRoom", Grant::room_create, true};
// Not repeated: between two tries the participant may have come back by leave of the host.
const RoomService::Method RoomService::Method::remove_participant{"RemoveParticipant",
                                                                  Grant::room_admin, false};
const RoomService::Method RoomService::Method::mute_track{"MutePublishedTrack", Grant::room_admin,
                                                          true};

RoomService::RoomService(asio::any_io_executor executor, RoomServiceOptions options,
                         LiveKitMetrics& metrics, Log& log)
    : options_(std::move(options)),
      metrics_(metrics),
      log_(log),
      signer_(options_.api_key, options_.api_secret),
      http_(executor, options_.url, options_.http),
      circuit_(options_.circuit),
      pause_(executor),
      base_path_(base_path(options_.url.target)) {}

RoomService::~RoomService() = default;

void RoomService::stop() noexcept {
    stopped_ = true;
    pause_.cancel();
    http_.close();
}

bool RoomService::worth_asking() const noexcept {
    return !stopped_ && circuit_.would_allow(SteadyClock::now());
}

void RoomService::note(const CallResult<std::string>& result, const TraceParent& span) {
    if (!result && result.error().kind == Kind::cancelled) {
        circuit_.abandoned();
        return;
    }
    const bool was_open = circuit_.state() != CircuitBreaker::State::closed;
    const bool alive = result.has_value() || result.error().answered();
    if (alive) {
        circuit_.succeeded();
    } else {
        circuit_.failed(SteadyClock::now());
    }
    const bool is_open = circuit_.state() != CircuitBreaker::State::closed;
    metrics_.circuit_open.set(is_open ? 1 : 0);
    state_.store(alive     ? State::reachable
                 : is_open ? State::unreachable
                           : state_.load(std::memory_order_relaxed),
                 std::memory_order_relaxed);
    if (is_open && !was_open) {
        log_.warn("livekit is away", {{"outcome", to_string(result.error().kind)},
                                      {"trace_id", span.trace_text()},
                                      {"span_id", span.span_text()}});
    } else if (!is_open && was_open) {
        log_.info("livekit is back");
    }
}

asio::awaitable<CallResult<std::string>> RoomService::attempt(const Method& method,
                                                              std::string room, std::string body,
                                                              TraceContext span) {
    net::HttpCall call;
    call.target = base_path_ + "/twirp/livekit.RoomService/" + std::string(method.name);
    const std::string token =
        signer_.call_token(method.grant, room, static_cast<std::int64_t>(std::time(nullptr)));
    call.headers.emplace_back("Authorization", "Bearer " + token);
    call.headers.emplace_back("Content-Type", "application/json");
    call.headers.emplace_back("X-Twirp-Timeout-Ms", std::to_string(options_.call_timeout.count()));
    call.headers.emplace_back("traceparent", span.self.header());
    if (!span.state.empty()) call.headers.emplace_back("tracestate", std::move(span.state));
    call.body = std::move(body);
    call.repeatable = method.repeatable;
    const Deadline deadline = deadline_in(options_.call_timeout);
    auto reply = co_await http_.send(std::move(call), deadline);
    if (!reply) co_return error_of(reply.error());
    if (reply->status != 200) co_return judge_refusal(reply->status, reply->body);
    co_return std::move(reply->body);
}

asio::awaitable<CallResult<std::string>> RoomService::call(const Method& method, std::string room,
                                                           std::string body, TraceContext trace) {
    if (stopped_) co_return error(Kind::cancelled);
    if (!circuit_.allow(SteadyClock::now())) {
        metrics_.request(method.name, to_string(Kind::circuit_open), -1);
        co_return error(Kind::circuit_open);
    }
    const auto begun = SteadyClock::now();
    TraceContext span = trace.child();
    auto result = co_await attempt(method, room, body, span);
    // A probe is one call, not two.
    const bool probing = circuit_.state() != CircuitBreaker::State::closed;
    if (!result && method.repeatable && !probing && may_help_to_repeat(result.error())) {
        pause_.expires_after(random_pause());
        co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!stopped_) {
            span = trace.child();
            result = co_await attempt(method, std::move(room), std::move(body), span);
        }
    }
    note(result, span.self);
    const std::chrono::duration<double> took = SteadyClock::now() - begun;
    const std::string_view outcome = result ? "ok" : to_string(result.error().kind);
    metrics_.request(method.name, outcome, took.count());
    if (log_.enabled(LogLevel::debug)) {
        log_.debug("livekit call", {{"method", method.name},
                                    {"outcome", outcome},
                                    {"seconds", took.count()},
                                    {"trace_id", span.self.trace_text()},
                                    {"span_id", span.self.span_text()}});
    }
    co_return result;
}

asio::awaitable<CallResult<std::vector<Room>>> RoomService::list_rooms(
    std::vector<std::string> names, TraceContext trace) {
    JsonWriter json;
    json.begin_object().key("names").begin_array();
    for (const std::string& name : names)
        json.value(name);
    json.end_array().end_object();
    std::string room;
    auto body = co_await call(Method::list_rooms, std::move(room), json.take(), trace);
    co_return read_or_complain<std::vector<Room>>(body, read_rooms, trace, log_);
}

asio::awaitable<CallResult<std::vector<Participant>>> RoomService::list_participants(
    std::string room, TraceContext trace) {
    std::string request = room_only(room);
    auto body =
        co_await call(Method::list_participants, std::move(room), std::move(request), trace);
    co_return read_or_complain<std::vector<Participant>>(body, read_participants, trace, log_);
}

asio::awaitable<CallResult<Participant>> RoomService::get_participant(std::string room,
                                                                      std::string identity,
                                                                      TraceContext trace) {
    std::string request = room_and_identity(room, identity);
    auto body = co_await call(Method::get_participant, std::move(room), std::move(request), trace);
    co_return read_or_complain<Participant>(body, read_participant, trace, log_);
}

asio::awaitable<CallResult<void>> RoomService::delete_room(std::string room, TraceContext trace) {
    std::string request = room_only(room);
    auto body =
        co_await call(Method::delete_room, std::move(room), std::move(request), std::move(trace));
    co_return without_content(body);
}

asio::awaitable<CallResult<void>> RoomService::remove_participant(std::string room,
                                                                  std::string identity,
                                                                  TraceContext trace) {
    std::string request = room_and_identity(room, identity);
    auto body = co_await call(Method::remove_participant, std::move(room), std::move(request),
                              std::move(trace));
    co_return without_content(body);
}

asio::awaitable<CallResult<void>> RoomService::mute_track(std::string room, std::string identity,
                                                          std::string track_sid, bool muted,
                                                          TraceContext trace) {
    JsonWriter json;
    json.begin_object().field("room", room).field("identity", identity);
    json.field("track_sid", track_sid).field("muted", muted).end_object();
    auto body = co_await call(Method::mute_track, std::move(room), json.take(), std::move(trace));
    co_return without_content(body);
}

}  // namespace subcults::api::livekit
