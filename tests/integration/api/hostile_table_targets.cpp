// Where to, and how? Paths, methods and queries.
#include "integration/api/hostile_table.hpp"

namespace subcults::test {
namespace {

void add_paths(Table& table, const World& world) {
    const std::string& id = world.stream;
    const auto add = [&](const std::string& target, unsigned status, const std::string& code) {
        table.push_back({"paths",
                         target.substr(0, 60),
                         request_bytes("GET", target, bearer(world.user)),
                         {{status, code}}});
    };
    std::string bare = id;
    std::erase(bare, '-');
    for (const std::string& target :
         std::vector<std::string>{"/",
                                  "//",
                                  "/nothing",
                                  "/streams/",
                                  "//streams",
                                  "/streams//",
                                  "/Streams",
                                  "/STREAMS",
                                  "/stream",
                                  "/streams.json",
                                  "/streams;v=1",
                                  "/streams,",
                                  "/streams%20",
                                  "/streams%2f",
                                  "/streams/..",
                                  "/streams/.",
                                  "/streams/../metrics",
                                  "/./streams",
                                  "/../../etc/passwd",
                                  "/%2e%2e/%2e%2e/etc/passwd",
                                  "/..%2f..%2fetc%2fpasswd",
                                  "/..%5c..%5cwindows",
                                  "/streams/not-a-uuid",
                                  "/streams/0",
                                  "/streams/-1",
                                  "/streams/null",
                                  "/streams/" + id + "/",
                                  "/streams/" + id + "x",
                                  "/streams/x" + id,
                                  "/streams/{" + id + "}",
                                  "/streams/urn:uuid:" + id,
                                  "/streams/" + bare,
                                  "/streams/" + id + "%20",
                                  "/streams/" + id + "%0a",
                                  "/streams/" + id + "'--",
                                  "/streams/" + id + ";",
                                  "/streams/" + id + "/nothing",
                                  "/streams/" + id + "/join/again",
                                  "/streams/" + world.unknown,
                                  "/streams/00000000-0000-0000-0000-000000000000",
                                  "/streams/ffffffff-ffff-ffff-ffff-ffffffffffff",
                                  "/metrics/",
                                  "/metrics/x",
                                  "/health",
                                  "/health/",
                                  "/health/live/",
                                  "/.env",
                                  "/.git/config",
                                  "/admin",
                                  "/wp-login.php",
                                  "/internal",
                                  "/internal/",
                                  "/internal/indexer/metrics",
                                  "/debug/pprof",
                                  "/graphql",
                                  "/api/streams",
                                  "/telemetry",
                                  "/telemetry/",
                                  "/%F0%9F%8E%B5",
                                  "/" + std::string(4000, 'a'),
                                  std::string(2000, '/')}) {
        add(target, 404, "not_found");
    }
    // What does not decode to text.
    for (const char* target :
         {"/streams/%", "/streams/%f", "/streams/%zz", "/streams/%ff", "/streams/%00",
          "/streams/%c0%af", "/streams/%c0%ae%c0%ae", "/streams/%ed%a0%80", "/streams/%f4%90%80%80",
          "/%e2%82", "/%u0041", "/streams/%25%", "/a%0/b", "/%80"}) {
        add(target, 400, "bad_request");
    }
    // No target at all, or somebody else's.
    for (const char* target : {"streams", "*", "/streams#fragment", "ftp://localhost/streams",
                               "http://", "localhost:8080", "?limit=1"}) {
        add(target, 400, "bad_request");
    }
    table.push_back({"paths",
                     "an absolute target without a token",
                     request_bytes("GET", "http://other.example/streams", {}),
                     {{401, "auth_failed"}}});
}

void add_methods(Table& table, const World& world) {
    const std::string stream = "/streams/" + world.stream;
    struct Wrong {
        std::string target;
        std::vector<std::string> methods;
    };
    for (const Wrong& wrong : std::vector<Wrong>{
             {"/streams", {"DELETE", "PUT", "PATCH", "OPTIONS", "get", "Post", "BREW", "PROPFIND"}},
             {stream, {"POST", "PUT", "DELETE", "OPTIONS", "LOCK"}},
             {stream + "/join", {"GET", "PUT", "PATCH", "DELETE", "OPTIONS"}},
             {stream + "/leave", {"GET", "PUT", "PATCH", "DELETE"}},
             {stream + "/end", {"GET", "PUT", "PATCH", "DELETE"}},
             {"/metrics", {"POST", "PUT", "DELETE", "OPTIONS"}},
             {"/health/live", {"POST", "DELETE"}},
             {"/health/ready", {"POST", "PATCH"}},
             {"/telemetry/client-errors", {"GET", "PUT", "DELETE"}}}) {
        for (const std::string& method : wrong.methods) {
            table.push_back({"methods",
                             method + " " + wrong.target.substr(0, 12),
                             request_bytes(method, wrong.target, bearer(world.user)),
                             {{405, "method_not_allowed"}}});
        }
    }
    for (const char* target : {"/streams", "/nothing", "localhost:443"}) {
        for (const char* method : {"CONNECT", "TRACE"}) {
            table.push_back({"methods",
                             std::string(method) + " " + target,
                             request_bytes(method, target, bearer(world.user)),
                             {{405, "method_not_allowed"}}});
        }
    }
    table.push_back(
        {"methods", "OPTIONS *", request_bytes("OPTIONS", "*", {}), {{405, "method_not_allowed"}}});
    Row head{"methods", "HEAD of nothing", request_bytes("HEAD", "/nothing", {}), {{404, ""}}};
    head.head = true;
    table.push_back(head);
    // A method in the body or a header is not the method.
    table.push_back({"methods",
                     "overridden",
                     request_bytes("GET", "/streams/" + world.stream + "/end",
                                   bearer(world.host, "X-HTTP-Method-Override", "POST")),
                     {{405, "method_not_allowed"}}});
}

void add_queries(Table& table, const World& world) {
    const auto add = [&](const std::string& query, const std::string& code) {
        table.push_back({"queries",
                         query.substr(0, 60),
                         request_bytes("GET", "/streams?" + query, bearer(world.user)),
                         {{400, code}}});
    };
    for (const char* value : {"",
                              "0",
                              "-1",
                              "101",
                              "1000",
                              "ten",
                              "1.5",
                              "1e1",
                              "0x10",
                              "+5",
                              "%205",
                              "5%20",
                              "5,6",
                              "NaN",
                              "true",
                              "null",
                              "99999999999999999999",
                              "-9223372036854775808",
                              "%D9%A5",
                              "5;DROP",
                              "5'--",
                              "[5]"}) {
        add(std::string("limit=") + value, "validation_error");
    }
    add("limit", "validation_error");
    for (const char* value : {"", "ACTIVE", "all", "active,ended", "active%20", "%20active", "1",
                              "'%20OR%201=1", "active%27%3B--", "ended%0d%0aX:1"}) {
        add(std::string("status=") + value, "validation_error");
    }
    for (const std::string& value :
         {std::string("AAAA"), std::string(""), std::string("...."), std::string("null"),
          std::string(31, 'A'), std::string(33, 'A'), std::string(32, '_'), std::string(32, '='),
          std::string(32, '/'), std::string(7000, 'A'), std::string("-1")}) {
        add("cursor=" + value, "validation_error");
    }
    add("limit=5&limit=6", "validation_error");
    add("status=active&status=active", "validation_error");
    // A name is shown in part, and never in part of a character.
    std::string accented;
    for (int i = 0; i < 16; ++i)
        accented += "%C3%A9";
    for (const char* before : {"", "a", "ab", "%F0%9F%8E%B5", "a%E2%82%AC"}) {
        add(before + accented + "&" + before + accented, "validation_error");
    }
    add("limit=5&LIMIT=6&limit=5", "validation_error");
    for (const char* query : {"%", "%zz=1", "limit=%", "limit=%f", "limit=%ff", "limit=%00",
                              "cursor=%c0%af", "%ed%a0%80=1", "a=1&b=%fe", "status=active%"}) {
        add(query, "bad_request");
    }
    std::string many = "a=1";
    for (int i = 0; i < 100; ++i)
        many += "&a" + std::to_string(i) + "=1";
    add(many, "bad_request");
}

}  // namespace

Table hostile_targets(const World& world) {
    Table table;
    add_paths(table, world);
    add_methods(table, world);
    add_queries(table, world);
    return table;
}

}  // namespace subcults::test
