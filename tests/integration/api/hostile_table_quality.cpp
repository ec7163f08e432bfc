// Audio quality, trust, and the jobs that only operators may see.
#include "integration/api/hostile_table.hpp"

namespace subcults::test {
namespace {

using namespace std::string_literals;

class Rows {
  public:
    explicit Rows(std::string area) : area_(std::move(area)) {}

    void add(const std::string& about, const std::string& method, const std::string& target,
             const Headers& headers, const std::string& body, unsigned status,
             const std::string& code) {
        Row row;
        row.area = area_;
        row.about = about;
        row.about.append(" ").append(method).append(" ").append(body.substr(0, 40));
        row.bytes = request_bytes(method, target, headers, body);
        row.answers = {{status, code}};
        table.push_back(std::move(row));
    }
    Table table;

  private:
    std::string area_;
};

// One window that is refused by itself: whoever may report gets a 202 for it.
const char* const one_window = R"({"windows":[{}]})";

std::string windows(const std::string& list) {
    std::string body = "{\"windows\":";
    return body.append(list).append("}");
}

void add_access(Rows& rows, const World& world) {
    struct Route {
        const char* method;
        std::string target;
        std::string body;
    };
    const std::string pid = "user-aaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (const Route& route : std::vector<Route>{
             {"POST", "/quality-metrics", one_window},
             {"GET", "/quality-metrics", ""},
             {"GET", "/quality-metrics/high-packet-loss", ""},
             {"GET", "/participants/" + pid + "/quality-metrics", ""},
             {"POST", "/quality-metrics/collect", ""},
         }) {
        const std::string target = "/streams/" + world.stream + route.target;
        const auto add = [&](const std::string& about, const std::string& path,
                             const Headers& headers, unsigned status, const std::string& code) {
            rows.add(about, route.method, path, headers, route.body, status, code);
        };
        add("nobody", target, {}, 401, "auth_failed");
        add("a bad token", target, bearer("a.b.c"), 401, "auth_failed");
        add("a stranger", target, bearer(world.user), 403, "forbidden");
        add("nothing", "/streams/" + world.unknown + route.target, bearer(world.host), 404,
            "not_found");
        add("nothing for an admin", "/streams/" + world.unknown + route.target, bearer(world.admin),
            404, "not_found");
        add("a malformed id", "/streams/nope" + route.target, bearer(world.host), 404, "not_found");
        add("something behind it", target + "/x", bearer(world.host), 404, "not_found");
        for (const char* method : {"PUT", "PATCH", "DELETE"}) {
            rows.add("another method", method, target, bearer(world.host), "", 405,
                     "method_not_allowed");
        }
    }
}

void add_reports(Rows& rows, const World& world) {
    const std::string target = "/streams/" + world.stream + "/quality-metrics";
    const Headers host = bearer(world.host);
    for (const std::string& body : {
             ""s,
             "{"s,
             "nonsense"s,
             "{}\0"s,
             "\0"s,
             "{'windows':[{}]}"s,
             "{} {}"s,
             windows("[}"),
             windows("[{}],"),
             windows("[{\"seq\":01}]"),
             windows("[{\"seq\":1e999}]"),
             windows("[{\"seq\":NaN}]"),
             windows("[{\"seq\":-}]"),
             windows("[\"\xff\"]"),
             windows("[\"\xed\xa0\x80\"]"),
             windows("[\"\\ud800\"]"),
             windows("[\"\\q\"]"),
             windows("[\"a\nb\"]"),
             std::string(100'000, '['),
             windows(std::string(500'000, '[')),
         }) {
        rows.add("no JSON", "POST", target, host, body, 400, "bad_request");
    }
    std::string too_many = "[{}";
    for (int i = 0; i < 64; ++i)
        too_many += ",{}";
    too_many += "]";
    for (const std::string& body : {
             "[]"s,
             "null"s,
             "1"s,
             "\"windows\""s,
             "[{\"seq\":1}]"s,
             "{}"s,
             "{\"Windows\":[{}]}"s,
             "{\"windows\":[{}],\"windows\":[{}]}"s,
             "{\"windows\":[{}],\"participant_id\":\"user-aaaaaaaaaaaaaaaaaaaaaaaaaa\"}"s,
             "{\"windows\":[{}],\"__proto__\":{}}"s,
             windows("null"),
             windows("true"),
             windows("1"),
             windows("\"[]\""),
             windows("{}"),
             windows("{\"0\":{}}"),
             windows("[]"),
             windows(too_many),
         }) {
        rows.add("another shape", "POST", target, host, body, 400, "validation_error");
    }
    // Deep, but well-formed: no window, and no reason to fall over.
    std::string nested(200'000, '[');
    nested.append(200'000, ']');
    const std::string deep = windows(nested);
    rows.add("deep", "POST", target, bearer(world.user), deep, 403, "forbidden");
    for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "text/csv"}) {
        rows.add("another type", "POST", target, bearer(world.host, "Content-Type", type),
                 one_window, 415, "unsupported_media_type");
    }
    rows.add("a byte too many", "POST", target, host, std::string(1024 * 1024 + 1, ' '), 413,
             "payload_too_large");
    const std::string ended = "/streams/" + world.ended + "/quality-metrics";
    rows.add("after the end", "POST", ended, host, one_window, 409, "conflict");
    rows.add("after the end", "POST", ended, bearer(world.user), one_window, 409, "conflict");
}

void add_collections(Rows& rows, const World& world) {
    const std::string target = "/streams/" + world.stream + "/quality-metrics/collect";
    const Headers host = bearer(world.host);
    rows.add("a field", "POST", target, host, "{\"x\":1}", 400, "validation_error");
    rows.add("a list", "POST", target, host, "[]", 400, "validation_error");
    rows.add("no JSON", "POST", target, host, "{", 400, "bad_request");
    rows.add("another type", "POST", target, bearer(world.host, "Content-Type", "text/plain"), "{}",
             415, "unsupported_media_type");
    rows.add("too large", "POST", target, host, std::string(1024 * 1024 + 1, ' '), 413,
             "payload_too_large");
    rows.add("reading it", "GET", target, host, "", 405, "method_not_allowed");
    const std::string ended = "/streams/" + world.ended + "/quality-metrics/collect";
    rows.add("after the end", "POST", ended, host, "", 409, "conflict");
    rows.add("after the end, as an admin", "POST", ended, bearer(world.admin), "", 409, "conflict");
}

void add_parameters(Rows& rows, const World& world) {
    const std::string stream = "/streams/" + world.stream;
    const Headers host = bearer(world.host);
    const auto refused = [&](const std::string& path, const std::string& name,
                             const std::string& value) {
        std::string target = stream + path;
        target.append("?").append(name).append("=").append(value);
        rows.add("'" + value + "' for " + name, "GET", target, host, "", 400, "validation_error");
        // Nobody learns by that whether there is such a stream.
        rows.add("a stranger's " + name, "GET", target, bearer(world.user), "", 400,
                 "validation_error");
    };
    for (const char* value : {"0", "-1", "", "x", "1001", "1.0", "1e2", "0x10", "+1", "%201", "1,2",
                              "99999999999999999999", "null", "%27--", "1&limit=2"}) {
        refused("/quality-metrics", "limit", value);
    }
    for (const char* value : {"0", "-5", "", "x", "61", "5.5", "99999999999999999999", "5m",
                              "%27--", "5&since_minutes=5"}) {
        refused("/quality-metrics/high-packet-loss", "since_minutes", value);
    }
    rows.add("no text", "GET", stream + "/quality-metrics?limit=%ff", host, "", 400, "bad_request");
    for (const char* pid :
         {"x", "user-", "user-AAAAAAAAAAAAAAAAAAAAAAAAAA", "%27--", "..%2f..",
          "user-aaaaaaaaaaaaaaaaaaaaaaaaaaa", "user-aaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
        rows.add(std::string("no participant ") + pid, "GET",
                 stream + "/participants/" + pid + "/quality-metrics", host, "", 404, "not_found");
    }
    rows.add("no participant at all", "GET", stream + "/participants//quality-metrics", host, "",
             404, "not_found");
    rows.add("no text", "GET", stream + "/participants/%ff/quality-metrics", host, "", 400,
             "bad_request");
}

}  // namespace

Table hostile_quality(const World& world) {
    Rows rows("quality");
    add_access(rows, world);
    add_reports(rows, world);
    add_collections(rows, world);
    add_parameters(rows, world);
    return std::move(rows.table);
}

Table hostile_trust(const World& world) {
    Rows rows("trust");
    rows.add("no such scene", "GET", "/trust/" + world.unknown, {}, "", 404, "scene_not_found");
    for (const std::string& target :
         {"/trust"s, "/trust/"s, "/trust/x"s, "/trust/%27--"s, "/trust/" + world.scene + "/x",
          "/trust/" + world.scene + "/", "/trust/{" + world.scene + "}"}) {
        rows.add("no id", "GET", target, {}, "", 404, "not_found");
    }
    for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
        rows.add("another method", method, "/trust/" + world.scene, bearer(world.admin), "", 405,
                 "method_not_allowed");
    }
    rows.add("no text", "GET", "/trust/%ff", {}, "", 400, "bad_request");
    rows.add("a body of another type", "GET", "/trust/" + world.scene,
             {{"Content-Type", "text/csv"}}, "a,b", 415, "unsupported_media_type");
    return std::move(rows.table);
}

Table hostile_jobs(const World& world) {
    Rows rows("jobs");
    const Headers operators{{"X-Internal-Token", world.internal}};
    const std::string run = "/internal/jobs/trust_recompute/run";
    for (const auto& [method, target] :
         {std::pair("GET", "/internal/jobs"s), std::pair("POST", run),
          std::pair("POST", "/internal/jobs/no_such_job/run"s)}) {
        rows.add("nobody", method, target, {}, "", 401, "auth_failed");
        rows.add("a guess", method, target, {{"X-Internal-Token", "guess"}}, "", 403, "forbidden");
        rows.add("an empty token", method, target, {{"X-Internal-Token", ""}}, "", 403,
                 "forbidden");
        rows.add("part of the token", method, target,
                 {{"X-Internal-Token", world.internal.substr(1)}}, "", 403, "forbidden");
        rows.add("the token and more", method, target, {{"X-Internal-Token", world.internal + "i"}},
                 "", 403, "forbidden");
        rows.add("a user's token", method, target, bearer(world.user), "", 403, "forbidden");
        rows.add("an admin's token", method, target, bearer(world.admin), "", 403, "forbidden");
        rows.add("in the query", method, target + "?token=" + world.internal, {}, "", 401,
                 "auth_failed");
    }
    for (const char* method : {"POST", "PUT", "PATCH", "DELETE"})
        rows.add("another method", method, "/internal/jobs", operators, "", 405,
                 "method_not_allowed");
    for (const char* method : {"GET", "PUT", "PATCH", "DELETE"})
        rows.add("another method", method, run, operators, "", 405, "method_not_allowed");
    for (const std::string& type :
         {"no_such_job"s, "TRUST_RECOMPUTE"s, "trust_recompute%20"s, "index_processing"s, "%27--"s,
          "..%2ftrust_recompute"s, "*"s, std::string(4000, 'a')}) {
        rows.add(std::string("no such job ").append(type.substr(0, 30)), "POST",
                 "/internal/jobs/" + type + "/run", operators, "", 404, "not_found");
    }
    for (const char* target :
         {"/internal/jobs/", "/internal/jobs//run", "/internal/jobs/trust_recompute",
          "/internal/jobs/trust_recompute/run/", "/internal/jobs/trust_recompute/stop"}) {
        rows.add("nothing there", "POST", target, operators, "", 404, "not_found");
    }
    rows.add("no text", "POST", "/internal/jobs/%ff/run", operators, "", 400, "bad_request");
    Headers typed = operators;
    typed.emplace_back("Content-Type", "text/plain");
    rows.add("another type", "POST", run, typed, "now", 415, "unsupported_media_type");
    rows.add("too large", "POST", run, operators, std::string(1024 * 1024 + 1, ' '), 413,
             "payload_too_large");
    return std::move(rows.table);
}

}  // namespace subcults::test
