// Routes of the contract beyond sessions: tokens, moderation, analytics, audit, webhooks. Written
// from the contract alone.
#include "integration/api/hostile_table.hpp"

namespace subcults::test {
namespace {

using namespace std::string_literals;

constexpr const char* participant = "/participants/p-aaaaaaaaaaaaaaaaaaaaaaaaaa";

struct Route {
    const char* method;
    std::string target;
    bool host_only;
};

}  // namespace

Table hostile_later(const World& world) {
    Table table;
    const auto add = [&](const std::string& about, const std::string& method,
                         const std::string& target, const Headers& headers, const std::string& body,
                         unsigned status, const std::string& code) {
        table.push_back({"later",
                         about + " " + method + " " + target.substr(0, 20),
                         request_bytes(method, target, headers, body),
                         {{status, code}}});
    };
    const std::vector<Route> routes{
        {"POST", "/token", false},
        {"GET", "/participants", false},
        {"GET", "/analytics", true},
        {"PATCH", "/lock", true},
        {"POST", participant + "/mute"s, true},
        {"POST", participant + "/kick"s, true},
        {"DELETE", participant + "/kick"s, true},
    };
    const auto body_of = [](const std::string& target) {
        if (target == "/lock") return R"({"locked":true})"s;
        if (target.ends_with("/mute")) return R"({"muted":true})"s;
        return ""s;
    };
    for (const Route& route : routes) {
        const std::string target = "/streams/" + world.stream + route.target;
        const std::string body = body_of(route.target);
        add("nobody", route.method, target, {}, body, 401, "auth_failed");
        add("a bad token", route.method, target, bearer("a.b.c"), body, 401, "auth_failed");
        add("nothing", route.method, "/streams/" + world.unknown + route.target, bearer(world.host),
            body, 404, "not_found");
        add("a malformed id", route.method, "/streams/nope" + route.target, bearer(world.host),
            body, 404, "not_found");
        add("another method", "PUT", target, bearer(world.host), body, 405, "method_not_allowed");
        if (route.host_only) {
            add("a stranger", route.method, target, bearer(world.user), body, 403, "forbidden");
        }
    }
    // Bodies of the two that take one.
    for (const auto& [target, field] :
         {std::pair{"/lock"s, "locked"s}, std::pair{participant + "/mute"s, "muted"s}}) {
        const char* const method = target == "/lock" ? "PATCH" : "POST";
        const std::string path = "/streams/" + world.stream + target;
        for (const std::string& value :
             {"\"yes\""s, "\"true\""s, "1"s, "0"s, "null"s, "[]"s, "{}"s}) {
            add("a value of another type", method, path, bearer(world.host),
                "{\"" + field + "\":" + value + "}", 400, "validation_error");
        }
        for (const std::string& body :
             {""s, "{}"s, "[]"s, "true"s, "{\"" + field + "\":true,\"x\":1}",
              "{\"" + field + "\":true,\"" + field + "\":false}", "{\"x\":true}"s}) {
            add("another shape", method, path, bearer(world.host), body, 400, "validation_error");
        }
        for (const std::string& body : {"{"s, "{\"" + field + "\":tru}", "\xff"s}) {
            add("no JSON", method, path, bearer(world.host), body, 400, "bad_request");
        }
        add("another type", method, path, bearer(world.host, "Content-Type", "text/plain"), "true",
            415, "unsupported_media_type");
        add("too large", method, path, bearer(world.host), std::string(1024 * 1024 + 1, ' '), 413,
            "payload_too_large");
    }
    add("after the end", "POST", "/streams/" + world.ended + "/token", bearer(world.user), "", 409,
        "conflict");
    add("after the end", "PATCH", "/streams/" + world.ended + "/lock", bearer(world.host),
        R"({"locked":true})", 409, "conflict");

    // The audit log is for admins, and its parameters have ranges.
    for (const std::string& target : {"/audit-logs"s, "/audit-logs/verify"s}) {
        add("nobody", "GET", target, {}, "", 401, "auth_failed");
        add("no admin", "GET", target, bearer(world.user), "", 403, "forbidden");
        add("no admin", "GET", target, bearer(world.host), "", 403, "forbidden");
        add("another method", "POST", target, bearer(world.admin), "", 405, "method_not_allowed");
        add("another method", "DELETE", target, bearer(world.admin), "", 405, "method_not_allowed");
    }
    for (const char* query : {"limit=0", "limit=-1", "limit=ten", "limit=99999", "limit=",
                              "entity_id=x", "entity_id='--", "cursor=AAAA", "cursor=%27"}) {
        add("a bad parameter", "GET",
            std::string("/audit-logs?entity_type=stream_session&") + query, bearer(world.admin), "",
            400, "validation_error");
    }
    add("no text", "GET", "/audit-logs?entity_type=%ff", bearer(world.admin), "", 400,
        "bad_request");

    // Webhooks prove themselves by a signature over the body.
    const std::string hook = "/internal/livekit/webhook";
    const std::string event = R"({"event":"participant_joined","id":"EV_x"})";
    const auto webhook = [&](const std::string& about, const std::string& authorization,
                             const std::string& body) {
        Headers headers{{"Content-Type", "application/webhook+json"}};
        if (!authorization.empty()) headers.emplace_back("Authorization", authorization);
        add(about, "POST", hook, headers, body, 401, "");
    };
    webhook("unsigned", "", event);
    webhook("garbage for a signature", "a.b.c", event);
    webhook("a user's token", world.user, event);
    webhook("a user's bearer token", "Bearer " + world.user, event);
    webhook("no body", "a.b.c", "");
    webhook("no JSON", "a.b.c", "{");
    webhook("bytes", "\xff\xfe", "\xff\xfe");
    add("another method", "GET", hook, {}, "", 405, "method_not_allowed");
    add("another type", "POST", hook, {{"Content-Type", "text/plain"}}, event, 415,
        "unsupported_media_type");
    add("too large", "POST", hook, {{"Content-Type", "application/json"}},
        std::string(1024 * 1024, ' '), 413, "payload_too_large");
    return table;
}

}  // namespace subcults::test
