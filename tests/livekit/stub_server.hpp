// A LiveKit server for tests: RoomService over Twirp JSON, webhooks, and controls. No media.
//
//   POST /twirp/livekit.RoomService/{Method}   as LiveKit answers them, tokens checked
//   POST /control/webhooks  {"url","retry_ms"}           where webhooks go; "" = nowhere
//   POST /control/hold                                   keeps webhooks back
//   POST /control/release   {"reversed"}                 sends what was kept
//   POST /control/replay    {"count"}                    the last ones once more, with their ids
//   POST /control/connect   {"token","silent","pending"} like a client: {"sid","room","identity"};
//                           the same identity connected before is put out; pending = no media yet
//   POST /control/join      {"room","identity","kind","hidden","silent"}   without a token
//   POST /control/activate  {"room","identity"}          media of a pending one connects
//   POST /control/abort     {"room","identity"}          … or never does
//   POST /control/publish   {"room","identity","source","type"}   403 when the token forbids it
//   POST /control/leave     {"room","identity","silent"}
//   POST /control/attributes {"room","identity","attributes":{"name":"value"}}
//   POST /control/ghost     {"room","identity","state"}  the same identity once more in the list
//   POST /control/finish    {"room","silent"}            the room is closed
//   POST /control/fault     {"method","kind","status","code","ms","times"}
//                           kind: status, twirp, plain401, garbage, delay, hang, reset
//                           method "*" = all; times 0 = until cleared
//   POST /control/clear                                  no faults any more
//   GET  /control/state                                  rooms, calls, webhooks as JSON
//   GET  /control/traces    the last 1,000 calls: {"calls":[{"method","traceparent","tracestate"}]}
//
// "silent" sends no webhook. Everything runs on the one thread of the io_context.
#pragma once

#include "base/log.hpp"
#include "livekit/access.hpp"
#include "livekit/rooms.hpp"
#include "livekit/webhook_sender.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <rapidjson/document.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace subcults::livekit_stub {

struct StubOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 7880;  // 0 = any free one
    std::string api_key;
    std::string api_secret;
};

struct StubAnswer {
    unsigned status = 200;
    std::string body = "{}";
    std::string type = "application/json";
    bool reset = false;  // close the connection instead of answering
};
StubAnswer twirp_error(unsigned status, std::string_view code, std::string_view message);

class StubServer {
  public:
    StubServer(boost::asio::io_context& io, StubOptions options, Log& log);
    StubServer(const StubServer&) = delete;
    StubServer& operator=(const StubServer&) = delete;

    std::uint16_t port() const;
    boost::asio::awaitable<void> run();
    void stop();

  private:
    using Json = rapidjson::Value;
    struct Fault {
        std::string method;
        std::string kind;
        unsigned status = 500;
        std::string code;
        std::int64_t ms = 0;
        std::int64_t times = 0;  // left; 0 = for ever
    };
    // Headers of a call; empty where they were not sent.
    struct TracedCall {
        std::string method;
        std::string traceparent;
        std::string tracestate;
    };

    boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
    boost::asio::awaitable<StubAnswer> twirp(std::string method, std::string authorization,
                                             std::string content_type, std::string body);
    std::optional<Fault> take_fault(std::string_view method);
    StubAnswer call(std::string_view method, const Grants& grants, const Json& request);
    StubAnswer list_rooms(const Json& request);
    StubAnswer about_participant(std::string_view method, const Json& request);

    StubAnswer control(std::string_view action, const Json& request);
    StubAnswer control_webhooks(std::string_view action, const Json& request);
    StubAnswer connect(const Json& request);
    StubAnswer join(const Json& request);
    StubAnswer settle(std::string_view action, const Json& request);
    StubAnswer publish(const Json& request);
    StubAnswer dress(std::string_view action, const Json& request);
    void enter(const std::string& room, Participant participant, bool silent);
    void put_out(Room& room, const std::string& identity, bool silent);
    void finish(const std::string& room, bool silent);
    void announce(std::string_view event, const Room& room, const Participant* participant,
                  const Track* track, bool silent);
    std::string state() const;
    std::string traces() const;

    boost::asio::io_context& io_;
    StubOptions options_;
    Log& log_;
    boost::asio::ip::tcp::acceptor acceptor_;
    WebhookSender webhooks_;
    std::map<std::string, Room> rooms_;
    std::vector<Fault> faults_;
    std::map<std::string, std::uint64_t> calls_;
    std::deque<TracedCall> traced_;
    std::set<boost::asio::ip::tcp::socket*> open_;
    std::set<boost::asio::steady_timer*> delays_;
    std::uint64_t connections_ = 0;
    bool stopping_ = false;
};

}  // namespace subcults::livekit_stub
