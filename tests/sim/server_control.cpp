// The controls of the server: publishing by hand, faults on request, and what came of them.
#include "sim/answer.hpp"
#include "sim/control_arguments.hpp"
#include "sim/disorder.hpp"
#include "sim/server.hpp"
#include "sim/subscriber.hpp"

#include <boost/asio.hpp>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace subcults::sim {
namespace {

constexpr std::int64_t longest_stall_ms = 86'400'000;
constexpr std::int64_t many = std::numeric_limits<std::int32_t>::max();

}  // namespace

Server::Answer Server::control(std::string_view method, std::string_view path,
                               std::string_view query, const std::string& body) {
    constexpr std::string_view prefix = "/control/";
    Answer answer;
    const bool get = method == "GET" || method == "HEAD";
    if (get && path == "/health") {
        answer.body = "ok\n";
    } else if (get && path == "/control/stats") {
        answer.body = stats();
        answer.type = "application/json";
    } else if (get && path == "/control/requests") {
        answer.body = requests_.json();
        answer.type = "application/json";
    } else if (get && path == "/subscribe") {
        answer.status = 400;
        answer.body = "a websocket upgrade is expected here\n";
    } else if (method == "POST" && path == "/control/append") {
        append(body);
        answer.body = stats();
        answer.type = "application/json";
    } else if (method == "POST" && path.starts_with(prefix) &&
               fault(path.substr(prefix.size()), ControlArguments(query, body), answer)) {
        if (answer.body.empty()) answer.body = "done\n";
    } else {
        answer.status = 404;
        answer.body = "not found\n";
    }
    return answer;
}

// False when there is no such control.
bool Server::fault(std::string_view name, const ControlArguments& arguments, Answer& answer) {
    const auto invalid = [&answer](const char* text) {
        answer.status = 400;
        answer.body = text;
        return true;
    };
    const std::int64_t count =
        std::clamp<std::int64_t>(arguments.number("count").value_or(1), 0, many);
    if (name == "drop") {
        drop_all();
    } else if (name == "stall") {
        const std::int64_t ms = arguments.number("ms").value_or(0);
        stall(std::chrono::milliseconds(std::clamp<std::int64_t>(ms, 0, longest_stall_ms)));
    } else if (name == "silence") {
        silence();
    } else if (name == "resume") {
        resume();
    } else if (name == "refuse") {
        const std::int64_t status = arguments.number("status").value_or(503);
        if (status < 400 || status > 599) return invalid("status: expected 400 to 599\n");
        refusal_.status = static_cast<unsigned>(status);
        refusal_.retry_after = arguments.number("retry_after");
        refusal_.left = count;
    } else if (name == "damage") {
        if (!compressor_) return invalid("there is no compression to damage\n");
        to_damage_ = count;
    } else if (name == "forget") {
        const auto before_us = arguments.number("before_us");
        if (!before_us) return invalid("before_us: expected Unix microseconds\n");
        counters_.forgotten += timeline_.forget(*before_us);
    } else if (name == "regress") {
        if (!numbering_) return invalid("only a v2 host numbers its events\n");
        const std::int64_t by = arguments.number("by").value_or(0);
        if (by <= 0 || by > many) return invalid("by: expected a number of events\n");
        regress(static_cast<std::size_t>(by), arguments.flag("again"));
    } else {
        return false;
    }
    return true;
}

void Server::append(const std::string& lines) {
    for (std::size_t at = 0; at < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', at), lines.size());
        if (end > at) {
            publish(read_frame(lines.substr(at, end - at), timeline_.latest_time()));
        }
        at = end + 1;
    }
}

void Server::drop_all() {
    // A drop ends coroutines later, never within this loop, but it does so by changing the set.
    const auto subscribers = subscribers_;
    for (const auto& subscriber : subscribers) {
        ++counters_.dropped;
        subscriber->drop();
    }
}

void Server::stall(std::chrono::milliseconds duration) {
    ++counters_.stalls;
    stalled_ = true;
    stall_timer_.cancel();
    if (duration.count() == 0) return;
    stall_timer_.expires_after(duration);
    auto over = [this](boost::system::error_code error) {
        if (!error) resume();
    };
    stall_timer_.async_wait(std::move(over));
}

void Server::silence() {
    for (const auto& subscriber : subscribers_) {
        if (subscriber->silence()) ++counters_.silenced;
    }
}

void Server::resume() {
    stalled_ = false;
    stall_timer_.cancel();
    const auto subscribers = subscribers_;
    for (const auto& subscriber : subscribers) {
        if (subscriber->silenced()) subscriber->drop();
    }
    wake_all();
}

void Server::regress(std::size_t by, bool again) {
    ++counters_.regressions;
    drop_all();
    const auto revoked = timeline_.revoke(by);
    counters_.revoked += revoked.size();
    numbering_->regress(static_cast<std::int64_t>(by), revoked);
    if (!again || revoked.empty()) return;
    Disorder order(options_.shuffle_seed + counters_.regressions, revoked.size(), 0);
    for (const auto& frame : revoked)
        order.push(frame);
    while (!order.empty())
        publish(*order.pop().frame);
}

std::string Server::stats() const {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    const auto field = [&writer](const char* name, std::uint64_t value) {
        writer.Key(name);
        writer.Uint64(value);
    };
    const std::size_t served = subscriber_count();
    writer.StartObject();
    field("published", timeline_.end());
    field("retained", timeline_.retained());
    field("subscribers", served);
    field("half_open", subscribers_.size() - served);
    field("slowest_lag", slowest_lag());
    field("connections_total", counters_.connections_total);
    field("requests_total", requests_.total());
    field("sent", counters_.sent);
    field("sent_compressed", counters_.sent_compressed);
    field("dropped_slow", counters_.dropped_slow);
    field("dropped", counters_.dropped);
    field("stalls", counters_.stalls);
    field("silenced", counters_.silenced);
    field("refused", counters_.refused);
    field("regressions", counters_.regressions);
    field("revoked", counters_.revoked);
    field("reassigned", numbering_ ? numbering_->reassigned() : 0);
    field("forgotten", counters_.forgotten);
    field("gaps", counters_.gaps);
    field("jumps_back", counters_.jumps_back);
    field("reordered", counters_.reordered);
    field("repeated", counters_.repeated);
    field("damaged", counters_.damaged);
    writer.Key("next_seq");
    writer.Int64(numbering_ ? numbering_->next_seq() : 0);
    writer.Key("latest_time_us");
    writer.Int64(timeline_.latest_time());
    writer.Key("stalled");
    writer.Bool(stalled_);
    const UpgradeSeen* const last = requests_.last();
    writer.Key("last_query");
    writer.String(last != nullptr ? last->query : std::string());
    writer.Key("last_cursor");
    if (last != nullptr && last->cursor) {
        writer.Int64(*last->cursor);
    } else {
        writer.Null();
    }
    writer.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace subcults::sim
