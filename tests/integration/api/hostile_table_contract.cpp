// Routes of the contract around a session: LiveKit tokens, moderation, analytics, audit, webhooks.
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

// Collects rows of one area.
class Rows {
  public:
    explicit Rows(std::string area) : area_(std::move(area)) {}

    void add(const std::string& about, const std::string& method, const std::string& target,
             const Headers& headers, const std::string& body, unsigned status,
             const std::string& code) {
        table.push_back({area_,
                         about + " " + method + " " + target.substr(0, 20),
                         request_bytes(method, target, headers, body),
                         {{status, code}}});
    }
    Table table;

  private:
    std::string area_;
};

// The two routes that take one boolean.
void add_flags(Rows& rows, const World& world, const std::string& method, const std::string& path,
               const std::string& field) {
    const Headers host = bearer(world.host);
    for (const char* value : {"\"yes\"", "\"true\"", "1", "0", "null", "[]", "{}"}) {
        rows.add("a value of another type", method, path, host, "{\"" + field + "\":" + value + "}",
                 400, "validation_error");
    }
    for (const std::string& body :
         {""s, "{}"s, "[]"s, "true"s, "{\"" + field + "\":true,\"x\":1}",
          "{\"" + field + "\":true,\"" + field + "\":false}", "{\"x\":true}"s}) {
        rows.add("another shape", method, path, host, body, 400, "validation_error");
    }
    for (const std::string& body : {"{"s, "{\"" + field + "\":tru}", "\xff"s, "{}\0"s}) {
        rows.add("no JSON", method, path, host, body, 400, "bad_request");
    }
    rows.add("another type", method, path, bearer(world.host, "Content-Type", "text/plain"), "true",
             415, "unsupported_media_type");
    rows.add("too large", method, path, host, std::string(1024 * 1024 + 1, ' '), 413,
             "payload_too_large");
}

}  // namespace

Table hostile_moderation(const World& world) {
    Rows rows("moderation");
    const std::vector<Route> routes{
        {"POST", "/token", false},
        {"GET", "/participants", false},
        {"GET", "/analytics", true},
        {"PATCH", "/lock", true},
        {"POST", participant + "/mute"s, true},
        {"POST", participant + "/kick"s, true},
        {"DELETE", participant + "/kick"s, true},
    };
    const Headers host = bearer(world.host);
    const Headers user = bearer(world.user);
    const std::string stream = "/streams/" + world.stream;
    for (const Route& route : routes) {
        std::string body;
        if (route.target == "/lock") body = R"({"locked":true})";
        if (route.target.ends_with("/mute")) body = R"({"muted":true})";
        const std::string target = stream + route.target;
        rows.add("nobody", route.method, target, {}, body, 401, "auth_failed");
        rows.add("a bad token", route.method, target, bearer("a.b.c"), body, 401, "auth_failed");
        rows.add("nothing", route.method, "/streams/" + world.unknown + route.target, host, body,
                 404, "not_found");
        rows.add("a malformed id", route.method, "/streams/nope" + route.target, host, body, 404,
                 "not_found");
        rows.add("another method", "PUT", target, host, body, 405, "method_not_allowed");
        if (route.host_only) {
            rows.add("a stranger", route.method, target, user, body, 403, "forbidden");
        }
    }
    add_flags(rows, world, "PATCH", stream + "/lock", "locked");
    add_flags(rows, world, "POST", stream + participant + "/mute", "muted");
    for (const std::string& target : {stream + "/token", stream + participant + "/kick"}) {
        rows.add("a field", "POST", target, host, R"({"room_name":"mine"})", 400,
                 "validation_error");
        rows.add("a list", "POST", target, host, "[]", 400, "validation_error");
        rows.add("no JSON", "POST", target, host, "{", 400, "bad_request");
    }
    for (const char* target :
         {"/participants/x/kick", "/participants/%27--/kick", "/participants/..%2f../kick"}) {
        rows.add("no participant", "POST", stream + target, host, "", 404, "not_found");
    }
    rows.add("a participant that is not there", "POST", stream + participant + "/kick", host, "",
             404, "not_found");
    rows.add("no participant at all", "POST", stream + "/participants//kick", host, "", 404,
             "not_found");
    for (const char* query : {"limit=0", "limit=-1", "limit=x", "limit=", "limit=99999", "status=",
                              "status=all", "cursor=", "cursor=%27--", "limit=1&limit=2"}) {
        rows.add("a bad parameter", "GET", stream + "/participants?" + query, host, "", 400,
                 "validation_error");
    }
    rows.add("no text", "GET", stream + "/participants?status=%ff", host, "", 400, "bad_request");
    const std::string ended = "/streams/" + world.ended;
    rows.add("after the end", "POST", ended + "/token", user, "", 409, "conflict");
    rows.add("after the end", "PATCH", ended + "/lock", host, R"({"locked":true})", 409,
             "conflict");
    return std::move(rows.table);
}

Table hostile_webhooks(const World& world) {
    Rows rows("webhooks");
    const std::string hook = "/internal/livekit/webhook";
    const std::string event = R"({"event":"participant_joined","id":"EV_x"})";
    const auto unsigned_hook = [&](const std::string& about, const std::string& authorization,
                                   const std::string& body) {
        Headers headers{{"Content-Type", "application/webhook+json"}};
        if (!authorization.empty()) headers.emplace_back("Authorization", authorization);
        // Its sender knows no other scheme, so nothing is said about schemes.
        rows.add(about, "POST", hook, headers, body, 401, "");
    };
    unsigned_hook("unsigned", "", event);
    unsigned_hook("garbage for a signature", "a.b.c", event);
    unsigned_hook("a user's token", world.user, event);
    unsigned_hook("a user's bearer token", "Bearer " + world.user, event);
    unsigned_hook("an admin's token", world.admin, event);
    unsigned_hook("no body", "a.b.c", "");
    unsigned_hook("no JSON", "a.b.c", "{");
    unsigned_hook("bytes", "\xff\xfe", "\xff\xfe");
    unsigned_hook("deep", "a.b.c", std::string(50'000, '['));
    for (const char* method : {"GET", "PUT", "DELETE"})
        rows.add("another method", method, hook, {}, "", 405, "method_not_allowed");
    rows.add("another type", "POST", hook, {{"Content-Type", "text/plain"}}, event, 415,
             "unsupported_media_type");
    rows.add("too large", "POST", hook, {{"Content-Type", "application/json"}},
             std::string(1024 * 1024 + 1, ' '), 413, "payload_too_large");
    return std::move(rows.table);
}

Table hostile_audit(const World& world) {
    // The audit log is for admins, and its parameters have ranges.
    Rows rows("audit");
    const Headers admin = bearer(world.admin);
    for (const std::string& target : {"/audit-logs"s, "/audit-logs/verify"s}) {
        rows.add("nobody", "GET", target, {}, "", 401, "auth_failed");
        rows.add("no admin", "GET", target, bearer(world.user), "", 403, "forbidden");
        rows.add("no admin", "GET", target, bearer(world.host), "", 403, "forbidden");
        rows.add("another method", "POST", target, admin, "", 405, "method_not_allowed");
        rows.add("another method", "DELETE", target, admin, "", 405, "method_not_allowed");
    }
    for (const char* query : {"limit=0", "limit=-1", "limit=ten", "limit=99999", "limit=",
                              "entity_id=x", "entity_id='--", "cursor=AAAA", "cursor=%27"}) {
        rows.add("a bad parameter", "GET",
                 std::string("/audit-logs?entity_type=stream_session&") + query, admin, "", 400,
                 "validation_error");
    }
    rows.add("no text", "GET", "/audit-logs?entity_type=%ff", admin, "", 400, "bad_request");
    return std::move(rows.table);
}

}  // namespace subcults::test
