#include "sim/request_log.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <utility>

namespace subcults::sim {
namespace {

constexpr std::size_t remembered = 256;

}  // namespace

void RequestLog::note(UpgradeSeen seen) {
    ++total_;
    seen_.push_back(std::move(seen));
    if (seen_.size() > remembered) seen_.pop_front();
}

std::string RequestLog::json() const {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    const auto text = [&writer](const char* name, const std::string& value) {
        writer.Key(name);
        writer.String(value);
    };
    writer.StartArray();
    for (const UpgradeSeen& seen : seen_) {
        writer.StartObject();
        text("query", seen.query);
        writer.Key("cursor");
        if (seen.cursor) {
            writer.Int64(*seen.cursor);
        } else {
            writer.Null();
        }
        text("user_agent", seen.user_agent);
        text("socket_encoding", seen.socket_encoding);
        text("extensions", seen.extensions);
        writer.Key("status");
        writer.Uint(seen.status);
        writer.EndObject();
    }
    writer.EndArray();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace subcults::sim
