// With what? Bodies, media types, sizes, idempotency keys.
#include "integration/api/hostile_table.hpp"

namespace subcults::test {
namespace {

using namespace std::string_literals;

struct Bad {
    std::string body;
    std::string code;
};

// No endpoint takes any of these.
std::vector<Bad> bad_bodies() {
    const std::string unreadable = "bad_request";
    const std::string refused = "validation_error";
    std::string nested;
    for (int i = 0; i < 10'000; ++i)
        nested += "{\"x\":";
    // An odd number of bytes, then characters of two: no even limit falls between two of them.
    std::string long_name = "a";
    for (int i = 0; i < 40; ++i)
        long_name += "\xc3\xa9";
    return {
        {"{", unreadable},
        {"}", unreadable},
        {"{]", unreadable},
        {"nonsense", unreadable},
        {"{} {}", unreadable},
        {"{},", unreadable},
        {"{'x':1}", unreadable},
        {"{x:1}", unreadable},
        {"{\"x\"}", unreadable},
        {"{\"x\":}", unreadable},
        {"{\"x\":1,}", unreadable},
        {"{\"x\":tru}", unreadable},
        {"{\"x\":01}", unreadable},
        {"{\"x\":1e999}", unreadable},
        {"{\"x\":NaN}", unreadable},
        {"{\"x\":\"", unreadable},
        {"{\"x\":\"\\q\"}", unreadable},
        {"{\"x\":\"\\ud800\"}", unreadable},
        {"{\"x\":\"\\udc00\\ud800\"}", unreadable},
        {"{\"x\":\"\xff\"}", unreadable},
        {"{\"x\":\"\xc0\xaf\"}", unreadable},
        {"{\"x\":\"\xed\xa0\x80\"}", unreadable},
        {"{\"x\":\"a\nb\"}", unreadable},
        {"\xef\xbb\xbf{}", unreadable},
        {"\xff\xfe{\0}\0"s, unreadable},
        {"{}\0"s, unreadable},
        {"\0"s, unreadable},
        {"// comment\n{}", unreadable},
        {"<xml/>", unreadable},
        {"a=b&c=d", unreadable},
        {"\x1f\x8b\x08\0\0\0\0\0"s, unreadable},
        {"-", unreadable},
        {"[]", refused},
        {"[{}]", refused},
        {"null", refused},
        {"true", refused},
        {"1", refused},
        {"1.5", refused},
        {"\"text\"", refused},
        {"{\"surprise\":\"x\"}", refused},
        {"{\"" + long_name + "\":\"x\"}", refused},
        {"{\"__proto__\":{}}", refused},
        {"{\"\":1}", refused},
        {"{\"x\":[]}", refused},
        {"{\"x\":1,\"x\":2}", refused},
        {"{\"\\u0000\":1}", refused},
        {std::string(100'000, '['), refused},
        {nested, refused},
    };
}

void add_fields(Table& table, const World& world) {
    const std::string join = "/streams/" + world.stream + "/join";
    for (const char* value : {"\"x\"",
                              "\"\"",
                              "1",
                              "1769653800",
                              "1.5",
                              "true",
                              "null",
                              "[]",
                              "{}",
                              "\"now\"",
                              "\"2026-01-01\"",
                              "\"2026-01-01T00:00:00\"",
                              "\"2026-02-30T00:00:00Z\"",
                              "\"2026-13-01T00:00:00Z\"",
                              "\"2026-01-01T25:00:00Z\"",
                              "\"2026-01-01T00:61:00Z\"",
                              "\"2026-01-01T00:00:00+24:00\"",
                              "\" 2026-01-01T00:00:00Z\"",
                              "\"2026-01-01T00:00:00Z \"",
                              "\"0000-01-01T00:00:00Z\"",
                              "\"99999-01-01T00:00:00Z\"",
                              "\"-001-01-01T00:00:00Z\"",
                              "\"2026-01-01T00:00:00Z\\u0000\"",
                              "\"1769653800\"",
                              "\"2026-01-01T00:00:00.Z\""}) {
        table.push_back({"fields",
                         std::string("token_issued_at ") + value,
                         request_bytes("POST", join, bearer(world.user),
                                       "{\"token_issued_at\":"s + value + "}"),
                         {{400, "validation_error"}}});
    }
    const std::string quoted = "\"" + world.unknown + "\"";
    for (const std::string& body : {""s,
                                    "{}"s,
                                    "{\"scene_id\":\"x\"}"s,
                                    "{\"scene_id\":\"\"}"s,
                                    "{\"scene_id\":null}"s,
                                    "{\"scene_id\":1}"s,
                                    "{\"scene_id\":true}"s,
                                    "{\"scene_id\":{}}"s,
                                    "{\"scene_id\":[]}"s,
                                    "{\"event_id\":\"x\"}"s,
                                    "{\"event_id\":null}"s,
                                    "{\"event_id\":[1]}"s,
                                    "{\"scene_id\":" + quoted + ",\"event_id\":" + quoted + "}",
                                    "{\"scene_id\":" + quoted + ",\"scene_id\":" + quoted + "}",
                                    "{\"scene_id\":" + quoted + ",\"room_name\":\"mine\"}",
                                    "{\"scene_id\":" + quoted + ",\"host_did\":\"x\"}",
                                    "{\"SCENE_ID\":" + quoted + "}",
                                    "{\"scene_id\":\"{" + world.unknown + "}\"}",
                                    "{\"scene_id\":\"" + world.unknown + "\\u0000\"}",
                                    "{\"scene_id\":\" " + world.unknown + "\"}",
                                    "{\"scene_id\":\"' OR 1=1 --\"}"s,
                                    "{\"scene_id\":\"" + std::string(100'000, 'a') + "\"}"}) {
        table.push_back({"fields",
                         "create " + body.substr(0, 40),
                         request_bytes("POST", "/streams", bearer(world.host), body),
                         {{400, "validation_error"}}});
    }
}

void add_types_and_sizes(Table& table, const World& world) {
    const std::string join = "/streams/" + world.stream + "/join";
    for (const char* type :
         {"", "text/plain", "text/html", "application/xml", "application/x-www-form-urlencoded",
          "multipart/form-data; boundary=x", "application/jsonp", "application/json5",
          "application/vnd.api+json", "application", "json", "*/*", "application/json, text/plain",
          "application/octet-stream", "application/ json"}) {
        table.push_back(
            {"types",
             std::string("'") + type + "'",
             request_bytes("POST", join, bearer(world.user, "Content-Type", type), "{}"),
             {{415, "unsupported_media_type"}}});
    }
    table.push_back({"types",
                     "none at all",
                     "POST " + join + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                         world.user + "\r\nContent-Length: 2\r\n\r\n{}",
                     {{415, "unsupported_media_type"}}});
    table.push_back(
        {"types",
         "a body of another type on a GET",
         request_bytes("GET", "/streams", bearer(world.user, "Content-Type", "text/csv"), "a,b"),
         {{415, "unsupported_media_type"}}});
    table.push_back(
        {"types",
         "UTF-16",
         request_bytes("POST", join,
                       bearer(world.user, "Content-Type", "application/json; charset=utf-16"),
                       "{\0}\0"s),
         {{400, "bad_request"}}});
    table.push_back({"types",
                     "announced as compressed",
                     request_bytes("POST", join, bearer(world.user, "Content-Encoding", "gzip"),
                                   "\x1f\x8b\x08\x01\x02\x03"),
                     {{400, "bad_request"}}});
    const std::string large(1024 * 1024 + 1, ' ');
    for (const std::string& target :
         {"/streams"s, join, "/streams/" + world.stream + "/leave",
          "/streams/" + world.stream + "/end", "/telemetry/client-errors"s}) {
        table.push_back({"sizes",
                         "a byte too many for " + target.substr(0, 20),
                         request_bytes("POST", target, bearer(world.host), large),
                         {{413, "payload_too_large"}}});
    }
    table.push_back({"sizes",
                     "a mebibyte of brackets",
                     request_bytes("POST", join, bearer(world.user), std::string(1024 * 1024, '[')),
                     {{400, "validation_error"}}});
}

void add_keys(Table& table, const World& world) {
    const std::string body = "{\"scene_id\":\"" + world.unknown + "\"}";
    for (const char* action : {"/join", "/leave", ""}) {
        const bool create = *action == '\0';
        const std::string target =
            create ? std::string("/streams") : "/streams/" + world.stream + action;
        const auto add = [&](const std::string& about, const Headers& headers) {
            table.push_back({"keys",
                             about + " on " + (create ? "create" : action),
                             request_bytes("POST", target, headers, create ? body : ""),
                             {{400, "validation_error"}}});
        };
        for (const std::string& key : {std::string(), std::string(65, 'k'), std::string(5000, 'k'),
                                       "white space"s, "tab\tkey"s, "k\xc3\xa9y"s, "\xff"s}) {
            add("'" + key.substr(0, 12) + "'", bearer(world.user, "Idempotency-Key", key));
        }
        Headers twice = bearer(world.user, "Idempotency-Key", "k1");
        twice.emplace_back("Idempotency-Key", "k2");
        add("two", twice);
    }
}

}  // namespace

Table hostile_bodies(const World& world) {
    Table table;
    const std::string stream = "/streams/" + world.stream;
    for (const std::string& target :
         {"/streams"s, stream + "/join", stream + "/leave", stream + "/end"}) {
        for (const Bad& bad : bad_bodies()) {
            table.push_back({"bodies",
                             bad.body.substr(0, 30),
                             request_bytes("POST", target, bearer(world.host), bad.body),
                             {{400, bad.code}}});
        }
    }
    add_fields(table, world);
    add_types_and_sizes(table, world);
    add_keys(table, world);
    return table;
}

Table hostile_commands(const World& world) {
    Table table;
    const auto add = [&](const std::string& about, const std::string& method,
                         const std::string& target, const std::string& token,
                         const std::string& body, unsigned status, const std::string& code) {
        table.push_back({"commands",
                         about,
                         request_bytes(method, target, bearer(token), body),
                         {{status, code}}});
    };
    const std::string stream = "/streams/" + world.stream;
    const std::string ended = "/streams/" + world.ended;
    const std::string nothing = "/streams/" + world.unknown;
    const std::string scene = "{\"scene_id\":\"" + world.scene + "\"}";
    add("somebody else's stream ended", "POST", stream + "/end", world.user, "", 403, "forbidden");
    add("ended as an admin", "POST", stream + "/end", world.admin, "", 403, "forbidden");
    add("somebody else's scene", "POST", "/streams", world.user, scene, 403, "forbidden");
    add("a second stream of a scene", "POST", "/streams", world.host, scene, 409, "conflict");
    add("a scene that is not there", "POST", "/streams", world.host,
        "{\"scene_id\":\"" + world.unknown + "\"}", 404, "scene_not_found");
    add("an event that is not there", "POST", "/streams", world.host,
        "{\"event_id\":\"" + world.unknown + "\"}", 404, "not_found");
    add("an event that is a scene", "POST", "/streams", world.host,
        "{\"event_id\":\"" + world.scene + "\"}", 404, "not_found");
    for (const char* action : {"/join", "/leave", "/end"}) {
        add("nothing to act on", "POST", nothing + action, world.user, "", 404, "not_found");
        add("a malformed id", "POST", std::string("/streams/nope") + action, world.user, "", 404,
            "not_found");
    }
    add("joined after the end", "POST", ended + "/join", world.user, "", 409, "conflict");
    add("left after the end", "POST", ended + "/leave", world.user, "", 409, "conflict");
    add("joined with an empty object after the end", "POST", ended + "/join", world.user, "{}", 409,
        "conflict");
    add("ended again by somebody else", "POST", ended + "/end", world.user, "", 403, "forbidden");
    return table;
}

Table hostile_telemetry(const World& world) {
    Table table;
    const auto add = [&](const std::string& body, const std::string& code) {
        table.push_back(
            {"telemetry",
             body.substr(0, 50),
             request_bytes("POST", "/telemetry/client-errors", bearer(world.user), body),
             {{400, code}}});
    };
    std::string crowd = "{\"errors\":[";
    for (int i = 0; i < 51; ++i)
        crowd += std::string(i > 0 ? "," : "") + "{\"type\":\"other\"}";
    for (const std::string& body : {""s,
                                    "{}"s,
                                    "[]"s,
                                    "null"s,
                                    "{\"errors\":[]}"s,
                                    "{\"errors\":{}}"s,
                                    "{\"errors\":[1]}"s,
                                    "{\"errors\":[[]]}"s,
                                    "{\"errors\":[{}]}"s,
                                    "{\"type\":\"\"}"s,
                                    "{\"type\":\"ICE_FAILED\"}"s,
                                    "{\"type\":\"ice_failed \"}"s,
                                    "{\"type\":\"x\"}"s,
                                    "{\"type\":null}"s,
                                    "{\"type\":\"other\",\"message\":\"text\"}"s,
                                    "{\"type\":\"other\",\"type\":\"other\"}"s,
                                    "{\"type\":\"other\",\"count\":0}"s,
                                    "{\"type\":\"other\",\"count\":101}"s,
                                    "{\"type\":\"other\",\"count\":-1}"s,
                                    "{\"type\":\"other\",\"count\":1.0}"s,
                                    "{\"type\":\"other\",\"count\":\"2\"}"s,
                                    "{\"type\":\"other\",\"stream_id\":\"x\"}"s,
                                    "{\"type\":\"other\",\"stream_id\":1}"s,
                                    "{\"errors\":[{\"type\":\"other\"}],\"x\":1}"s,
                                    "{\"type\":\"other\\nX\"}"s,
                                    crowd + "]}",
                                    std::string(50'000, '[')}) {
        add(body, "validation_error");
    }
    for (const std::string& body : {"{"s, "{\"type\":\"other\"} x"s, "{\"type\":\"\xff\"}"s,
                                    "{\"type\":\"other\"}\0"s, "{\"type\":\"other\",}"s}) {
        add(body, "bad_request");
    }
    return table;
}

}  // namespace subcults::test
