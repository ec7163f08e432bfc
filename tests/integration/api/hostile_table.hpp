// What strangers may send, and what each of it gets: the table, by area.
//
// A row is the bytes of one connection and the answers to them, in order. Rows are made for one
// world of ids and tokens, so that the same table runs against any database.
#pragma once

#include "support/http_client.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace subcults::test {

struct World {
    std::string stream;  // live
    std::string ended;
    std::string scene;    // with a live stream
    std::string unknown;  // an id of nothing
    std::string user;     // tokens
    std::string host;
    std::string admin;
    std::string secret;    // that signs tokens
    std::string internal;  // the operators' token
};

struct Expected {
    unsigned status = 0;
    std::string code;  // "" = not looked at, and the body may be anything
};

struct Row {
    std::string area;
    std::string about;
    std::string bytes;
    std::vector<Expected> answers;
    bool head = false;  // answers have no body
    bool slow = false;  // answered only when a timeout has passed
};

using Table = std::vector<Row>;

Table hostile_tokens(const World& world);
Table hostile_targets(const World& world);   // paths, methods, queries
Table hostile_bodies(const World& world);    // JSON, media types, sizes, keys
Table hostile_commands(const World& world);  // well-formed, but not allowed
Table hostile_framing(const World& world);   // heads, lengths, chunks, pipelines, slow senders
Table hostile_telemetry(const World& world);
Table hostile_moderation(const World& world);  // LiveKit tokens, lock, mute, kick, participants
Table hostile_webhooks(const World& world);
Table hostile_audit(const World& world);
Table hostile_quality(const World& world);  // reports, collections, measurements
Table hostile_trust(const World& world);
Table hostile_jobs(const World& world);

// One request as bytes. A body is sent with its length, and as JSON unless a type is given.
std::string request_bytes(std::string_view method, std::string_view target, const Headers& headers,
                          std::string_view body = {});
Headers bearer(std::string_view token);
Headers bearer(std::string_view token, std::string_view name, std::string_view value);

// What is shown of a row when it fails: printable and short.
std::string shown(const Row& row);

}  // namespace subcults::test
