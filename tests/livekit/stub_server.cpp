// The stub's HTTP side and RoomService; its controls are in stub_control.cpp.
#include "livekit/stub_server.hpp"

#include "base/json_writer.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>

namespace subcults::livekit_stub {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

namespace {

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::hours for_ever{24};

constexpr std::string_view service = "/twirp/livekit.RoomService/";
constexpr std::string_view controls = "/control/";
constexpr std::size_t most_traced = 1000;

StubAnswer plain(unsigned status, std::string text) {
    StubAnswer answer;
    answer.status = status;
    answer.body = std::move(text);
    answer.type = "text/plain; charset=utf-8";
    return answer;
}

std::string text(const rapidjson::Value& json, const char* snake, const char* camel) {
    for (const char* name : {snake, camel}) {
        const auto found = json.FindMember(name);
        if (found != json.MemberEnd() && found->value.IsString()) return found->value.GetString();
    }
    return {};
}
std::string text(const rapidjson::Value& json, const char* name) {
    return text(json, name, name);
}

}  // namespace

StubAnswer twirp_error(unsigned status, std::string_view code, std::string_view message) {
    JsonWriter json;
    json.begin_object().field("code", code).field("msg", message).end_object();
    StubAnswer answer;
    answer.status = status;
    answer.body = json.take();
    return answer;
}

StubServer::StubServer(asio::io_context& io, StubOptions options, Log& log)
    : io_(io),
      options_(std::move(options)),
      log_(log),
      acceptor_(io, tcp::endpoint(asio::ip::make_address(options_.address), options_.port), true),
      webhooks_(io, options_.api_key, options_.api_secret, log) {}

std::uint16_t StubServer::port() const {
    return acceptor_.local_endpoint().port();
}

void StubServer::stop() {
    stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (tcp::socket* const socket : open_)
        socket->close(ignored);
    for (asio::steady_timer* const delay : delays_)
        delay->cancel();
    webhooks_.stop();
}

asio::awaitable<void> StubServer::run() {
    while (!stopping_) {
        auto accepted = co_await acceptor_.async_accept(awaited);
        auto& [error, socket] = accepted;
        if (error) {
            if (stopping_) break;
            continue;
        }
        ++connections_;
        auto ended = [this](std::exception_ptr failure) {
            if (failure) log_.error("connection ended by an exception");
        };
        auto connection = serve(std::move(socket));
        asio::co_spawn(io_, std::move(connection), std::move(ended));
    }
}

asio::awaitable<void> StubServer::serve(tcp::socket socket) {
    open_.insert(&socket);
    beast::flat_buffer buffer;
    for (;;) {
        http::request<http::string_body> request;
        auto received = co_await http::async_read(socket, buffer, request, awaited);
        if (std::get<0>(received)) break;
        const std::string path(request.target());
        StubAnswer answer = twirp_error(404, "bad_route", "no handler for this path");
        if (path.starts_with(service)) {
            std::string method = path.substr(service.size());
            std::string authorization(request[http::field::authorization]);
            std::string type(request[http::field::content_type]);
            if (request.method() == http::verb::post) {
                TracedCall traced;
                traced.method = method;
                traced.traceparent = std::string(request["traceparent"]);
                traced.tracestate = std::string(request["tracestate"]);
                traced_.push_back(std::move(traced));
                if (traced_.size() > most_traced) traced_.pop_front();
                answer = co_await twirp(std::move(method), std::move(authorization),
                                        std::move(type), request.body());
            }
        } else if (path.starts_with(controls)) {
            rapidjson::Document body;
            body.Parse(request.body().empty() ? "{}" : request.body().c_str());
            answer = body.HasParseError() || !body.IsObject()
                         ? plain(400, "not a JSON object")
                         : control(path.substr(controls.size()), body);
        } else if (path == "/") {
            answer = plain(200, "OK");
        }
        if (answer.reset || stopping_) {
            // A reset rather than an orderly end.
            boost::system::error_code ignored;
            socket.set_option(asio::socket_base::linger(true, 0), ignored);
            break;
        }
        http::response<http::string_body> response(static_cast<http::status>(answer.status),
                                                   request.version());
        response.set(http::field::content_type, answer.type);
        response.keep_alive(request.keep_alive());
        response.body() = std::move(answer.body);
        response.prepare_payload();
        auto written = co_await http::async_write(socket, response, awaited);
        if (std::get<0>(written) || !response.keep_alive()) break;
    }
    open_.erase(&socket);
}

std::optional<StubServer::Fault> StubServer::take_fault(std::string_view method) {
    const auto found = std::find_if(faults_.begin(), faults_.end(), [method](const Fault& fault) {
        return fault.method == "*" || fault.method == method;
    });
    if (found == faults_.end()) return std::nullopt;
    Fault fault = *found;
    if (found->times > 0 && --found->times == 0) faults_.erase(found);
    return fault;
}

asio::awaitable<StubAnswer> StubServer::twirp(std::string method, std::string authorization,
                                              std::string content_type, std::string body) {
    ++calls_[method];
    if (const auto fault = take_fault(method)) {
        StubAnswer answer;
        if (fault->kind == "delay" || fault->kind == "hang") {
            asio::steady_timer delay(io_);
            delays_.insert(&delay);
            delay.expires_after(fault->kind == "hang" ? std::chrono::milliseconds(for_ever)
                                                      : std::chrono::milliseconds(fault->ms));
            co_await delay.async_wait(awaited);
            delays_.erase(&delay);
        } else if (fault->kind == "reset") {
            answer.reset = true;
            co_return answer;
        } else if (fault->kind == "plain401") {
            co_return plain(401, "invalid authorization token");
        } else if (fault->kind == "garbage") {
            answer.body = "{\"rooms\":[{\"name\":";
            co_return answer;
        } else if (fault->kind == "twirp") {
            co_return twirp_error(fault->status, fault->code, "as asked for");
        } else {
            co_return plain(fault->status, "<html>proxy</html>");
        }
    }
    if (content_type.substr(0, content_type.find(';')) != "application/json") {
        co_return twirp_error(404, "bad_route", "unexpected Content-Type");
    }
    // The middleware speaks plain text; a request without any token passes it and fails behind.
    constexpr std::string_view bearer = "Bearer ";
    if (authorization.empty()) {
        co_return twirp_error(401, "unauthenticated", "permissions denied");
    }
    if (!authorization.starts_with(bearer)) {
        co_return plain(401, "invalid authorization header. Must start with Bearer");
    }
    const auto grants = check_token(authorization.substr(bearer.size()), options_.api_key,
                                    options_.api_secret, now_ms() / 1000);
    if (!grants) co_return plain(401, "invalid token");
    rapidjson::Document request;
    request.Parse(body.c_str());
    if (request.HasParseError() || !request.IsObject()) {
        co_return twirp_error(400, "malformed", "the json request could not be decoded");
    }
    co_return call(method, *grants, request);
}

StubAnswer StubServer::call(std::string_view method, const Grants& grants, const Json& request) {
    const StubAnswer denied = twirp_error(401, "unauthenticated", "permissions denied");
    if (method == "ListRooms") return grants.room_list ? list_rooms(request) : denied;
    const std::string name = text(request, "room");
    if (method == "DeleteRoom") {
        if (!grants.room_create) return denied;
        if (!rooms_.contains(name)) {
            return twirp_error(404, "not_found", "requested room does not exist");
        }
        finish(name, false);
        return {};
    }
    if (!grants.room_admin || grants.room != name) return denied;
    if (method == "ListParticipants") {
        std::string list;
        const auto room = rooms_.find(name);  // an unknown one lists nobody
        if (room != rooms_.end()) {
            for (const auto& [identity, participant] : room->second.participants)
                list += (list.empty() ? "" : ",") + answer_json(participant);
            for (const Participant& ghost : room->second.ghosts)
                list += (list.empty() ? "" : ",") + answer_json(ghost);
        }
        StubAnswer answer;
        answer.body = "{\"participants\":[" + list + "]}";
        return answer;
    }
    return about_participant(method, request);
}

StubAnswer StubServer::list_rooms(const Json& request) {
    std::set<std::string> wanted;
    const auto names = request.FindMember("names");
    if (names != request.MemberEnd() && names->value.IsArray()) {
        for (const Json& name : names->value.GetArray())
            wanted.insert(name.GetString());
    }
    std::string list;
    for (const auto& [name, room] : rooms_) {
        if (!wanted.empty() && !wanted.contains(name)) continue;
        list += (list.empty() ? "" : ",") + answer_json(room);
    }
    StubAnswer answer;
    answer.body = "{\"rooms\":[" + list + "]}";
    return answer;
}

StubAnswer StubServer::about_participant(std::string_view method, const Json& request) {
    const auto room = rooms_.find(text(request, "room"));
    const std::string identity = text(request, "identity");
    if (room == rooms_.end() || !room->second.participants.contains(identity)) {
        return twirp_error(404, "not_found", "participant does not exist");
    }
    Participant& participant = room->second.participants[identity];
    StubAnswer answer;
    if (method == "GetParticipant") {
        answer.body = answer_json(participant);
        return answer;
    }
    if (method == "RemoveParticipant") {
        put_out(room->second, identity, false);
        return answer;
    }
    if (method == "MutePublishedTrack") {
        const std::string sid = text(request, "track_sid", "trackSid");
        const auto muted = request.FindMember("muted");
        const bool mute =
            muted != request.MemberEnd() && muted->value.IsBool() && muted->value.GetBool();
        answer.body = "{\"track\":null}";
        for (Track& track : participant.tracks) {
            if (track.sid != sid) continue;
            track.muted = mute;
            answer.body = "{\"track\":" + answer_json(track) + "}";
        }
        return answer;
    }
    return twirp_error(404, "bad_route", "no such method");
}

}  // namespace subcults::livekit_stub
