// Bytes that are not quite HTTP, that two parsers could read in two ways, or that never end.
#include "integration/api/hostile_table.hpp"

namespace subcults::test {
namespace {

using namespace std::string_literals;

void add_heads(Table& table) {
    const auto malformed = [&](const std::string& about, const std::string& bytes) {
        table.push_back({"heads", about, bytes, {{400, "bad_request"}}});
    };
    const std::string host = "Host: x\r\n";
    malformed("no version", "GET /streams\r\n\r\n");
    malformed("version 0.9", "GET /streams HTTP/0.9\r\n" + host + "\r\n");
    malformed("version 2.0", "GET /streams HTTP/2.0\r\n" + host + "\r\n");
    malformed("version 1.2", "GET /streams HTTP/1.2\r\n" + host + "\r\n");
    malformed("a lower-case version", "GET /streams http/1.1\r\n" + host + "\r\n");
    malformed("two blanks", "GET  /streams HTTP/1.1\r\n" + host + "\r\n");
    malformed("two blanks behind the target", "GET /streams  HTTP/1.1\r\n" + host + "\r\n");
    malformed("a blank in the target", "GET /str eams HTTP/1.1\r\n" + host + "\r\n");
    malformed("a blank first", " GET /streams HTTP/1.1\r\n" + host + "\r\n");
    malformed("tabs between", "GET\t/streams\tHTTP/1.1\r\n" + host + "\r\n");
    malformed("line feeds only", "GET /streams HTTP/1.1\nHost: x\n\n");
    malformed("a method with a bracket", "GE(T /streams HTTP/1.1\r\n" + host + "\r\n");
    malformed("NUL in the target", "GET /str\0eams HTTP/1.1\r\n"s + host + "\r\n");
    malformed("bytes beyond ASCII in the target", "GET /str\xff HTTP/1.1\r\n" + host + "\r\n");
    malformed("no host", "GET /streams HTTP/1.1\r\n\r\n");
    malformed("two hosts", "GET /streams HTTP/1.1\r\n" + host + host + "\r\n");
    malformed("a field without colon", "GET /streams HTTP/1.1\r\nHost x\r\n\r\n");
    malformed("a field without name", "GET /streams HTTP/1.1\r\n" + host + ": x\r\n\r\n");
    malformed("a blank before the colon", "GET /streams HTTP/1.1\r\nHost : x\r\n\r\n");
    malformed("a folded field", "GET /streams HTTP/1.1\r\n" + host + "X-A: b\r\n c\r\n\r\n");
    malformed("NUL in a value", "GET /streams HTTP/1.1\r\n" + host + "X-A: b\0c\r\n\r\n"s);
    malformed("a control character in a value",
              "GET /streams HTTP/1.1\r\n" + host + "X-A: b\x01\r\n\r\n");
    malformed("a return in a value", "GET /streams HTTP/1.1\r\n" + host + "X-A: b\rc\r\n\r\n");
    malformed("bytes beyond ASCII in a name",
              "GET /streams HTTP/1.1\r\n" + host + "X-\xc3\xa9: b\r\n\r\n");
    malformed("an answer instead of a request", "HTTP/1.1 200 OK\r\n" + host + "\r\n");
    // Other protocols at the wrong port.
    malformed("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s);
    malformed("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    malformed("SSH", "SSH-2.0-OpenSSH_9.2\r\n");
    malformed("SMTP", "EHLO mail.example\r\n");
    malformed("Redis", "*1\r\n$4\r\nPING\r\n");
    malformed("PostgreSQL", "\0\0\0\x08\x04\xd2\x16\x2f"s);
    malformed("the proxy protocol", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
    malformed("bare JSON", "{\"a\":1}\r\n\r\n");
    malformed("line feeds", "\n\n\n\n");
    malformed("NULs", std::string(64, '\0'));

    const auto too_large = [&](const std::string& about, const std::string& bytes) {
        table.push_back({"heads", about, bytes, {{431, "headers_too_large"}}});
    };
    too_large("a long target",
              "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n" + host + "\r\n");
    too_large("a long value",
              "GET /streams HTTP/1.1\r\n" + host + "X-A: " + std::string(20'000, 'a') + "\r\n\r\n");
    too_large("a long name",
              "GET /streams HTTP/1.1\r\n" + host + std::string(20'000, 'a') + ": b\r\n\r\n");
    too_large("a head that never ends",
              "GET /streams HTTP/1.1\r\n" + host + "X-A: " + std::string(200'000, 'a'));
    std::string many = "GET /streams HTTP/1.1\r\n" + host;
    for (int i = 0; i < 101; ++i)
        many += "X-" + std::to_string(i) + ": 1\r\n";
    too_large("many fields", many + "\r\n");
}

void add_lengths(Table& table, const World& world) {
    const std::string start = "POST /streams/" + world.unknown +
                              "/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                              "Authorization: Bearer " +
                              world.user + "\r\n";
    const std::string smuggled = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    const auto malformed = [&](const std::string& about, const std::string& rest) {
        table.push_back({"lengths", about, start + rest, {{400, "bad_request"}}});
    };
    for (const char* length : {"-1", "+5", "0x10", "1e3", "5 5", "5,5", "five", "", "1.0",
                               "18446744073709551616", "99999999999999999999999999"}) {
        malformed(std::string("length '") + length + "'",
                  std::string("Content-Length: ") + length + "\r\n\r\n{}");
    }
    malformed("two different lengths",
              "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + smuggled);
    malformed("length and chunks",
              "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled);
    malformed("chunks and length",
              "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + smuggled);
    for (const char* coding : {"xchunked", "gzip", "identity", "gzip, chunked", "chunked, chunked",
                               "chunked, gzip", "chunked;q=1", "\"chunked\"", ""}) {
        malformed(std::string("coding '") + coding + "'",
                  std::string("Transfer-Encoding: ") + coding + "\r\n\r\n0\r\n\r\n" + smuggled);
    }
    malformed("two codings",
              "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
              "0\r\n\r\n" +
                  smuggled);
    malformed("a coding in disguise", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled);
    table.push_back({"lengths",
                     "chunks in version 1.0",
                     "POST /streams HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     {{400, "bad_request"}}});
    const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
    for (const char* chunks : {"zz\r\n", "-5\r\nhello\r\n", "ffffffffffffffffff\r\n", "\r\n\r\n",
                               "5\r\nhelloXYZ\r\n", "0x5\r\nhello\r\n0\r\n\r\n"}) {
        malformed(std::string("chunks ") + std::string(chunks).substr(0, 6), chunked + chunks);
    }
    std::string trailers = chunked + "0\r\n";
    for (int i = 0; i < 5000; ++i)
        trailers += "X-T: y\r\n";
    malformed("trailers without end", trailers);
    malformed("chunks that spell bad JSON", chunked + "1\r\n{\r\n0\r\n\r\n");
    std::string large = chunked;
    for (int i = 0; i < 300; ++i)
        large += "1000\r\n" + std::string(4096, ' ') + "\r\n";
    table.push_back(
        {"lengths", "chunks beyond the limit", start + large, {{413, "payload_too_large"}}});
    table.push_back({"lengths",
                     "announced beyond the limit",
                     start + "Content-Length: 9999999\r\n\r\n",
                     {{413, "payload_too_large"}}});
    table.push_back({"lengths",
                     "announced beyond the limit, asking first",
                     start + "Content-Length: 9999999\r\nExpect: 100-continue\r\n\r\n",
                     {{413, "payload_too_large"}}});
    table.push_back({"lengths",
                     "asking first without a token",
                     "POST /streams HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                     "Expect: 100-continue\r\n\r\n",
                     {{401, "auth_failed"}}});
}

void add_pipelines(Table& table, const World& world) {
    const std::string nothing = request_bytes("GET", "/nothing", {});
    const Expected missing{404, "not_found"};
    std::string fifty;
    for (int i = 0; i < 50; ++i)
        fifty += nothing;
    table.push_back({"pipelines", "fifty at once", fifty, std::vector<Expected>(50, missing)});
    table.push_back({"pipelines",
                     "nonsense behind a request",
                     nothing + "nonsense\r\n\r\n",
                     {missing, {400, "bad_request"}}});
    table.push_back({"pipelines",
                     "a request behind nonsense",
                     "non(sense\r\n\r\n" + nothing,
                     {{400, "bad_request"}}});
    table.push_back({"pipelines",
                     "a refused body, then another request",
                     request_bytes("POST", "/streams", {}, "{\"scene_id\":1}") + nothing,
                     {{401, "auth_failed"}, missing}});
    table.push_back({"pipelines",
                     "a refused body in chunks, then another request",
                     "POST /streams HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "5\r\nhello\r\n0\r\n\r\n" +
                         nothing,
                     {{401, "auth_failed"}, missing}});
    table.push_back({"pipelines",
                     "more body than announced",
                     "POST /streams/" + world.unknown +
                         "/leave HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                         "Authorization: Bearer " +
                         world.user + "\r\nContent-Length: 2\r\n\r\n{}{\"more\":1}\r\n\r\n",
                     {missing, {400, "bad_request"}}});
    table.push_back(
        {"pipelines",
         "a request inside a body is no request",
         request_bytes("POST", "/streams/" + world.unknown + "/join", bearer(world.user), nothing),
         {{400, "bad_request"}}});
    std::string mixed;
    std::vector<Expected> expected;
    for (int i = 0; i < 20; ++i) {
        mixed += request_bytes("GET", "/streams?limit=x", bearer(world.user));
        mixed += request_bytes("DELETE", "/streams", {});
        expected.push_back({400, "validation_error"});
        expected.push_back({405, "method_not_allowed"});
    }
    table.push_back({"pipelines", "forty of two kinds", mixed, expected});
}

void add_slow(Table& table, const World& world) {
    const auto slow = [&](const std::string& about, const std::string& bytes,
                          std::vector<Expected> answers = {{408, "request_timeout"}}) {
        Row row{"slow", about, bytes, std::move(answers)};
        row.slow = true;
        table.push_back(std::move(row));
    };
    const std::string head = "POST /streams/" + world.unknown +
                             "/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                             "Authorization: Bearer " +
                             world.user + "\r\n";
    slow("one byte", "G");
    slow("half a request line", "GET /str");
    slow("a request line", "GET /streams HTTP/1.1\r\n");
    slow("half a field", "GET /streams HTTP/1.1\r\nHost: x\r\nX-A: ");
    slow("all but the last byte of a head", "GET /streams HTTP/1.1\r\nHost: x\r\n\r");
    slow("a head without its body", head + "Content-Length: 10\r\n\r\n");
    slow("half a body", head + "Content-Length: 10\r\n\r\n{\"a\"");
    slow("half of a large body",
         head + "Content-Length: 100000\r\n\r\n" + std::string(50'000, ' '));
    slow("no chunk", head + "Transfer-Encoding: chunked\r\n\r\n");
    slow("half a chunk", head + "Transfer-Encoding: chunked\r\n\r\n10\r\n{\"a\"");
    slow("half a chunk's length", head + "Transfer-Encoding: chunked\r\n\r\n1");
    slow("chunks without an end", head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n");
    slow("half a request behind a whole one", request_bytes("GET", "/nothing", {}) + "GET /",
         {{404, "not_found"}, {408, "request_timeout"}});
}

void add_ids(Table& table) {
    // Refused as ids, never echoed; the request itself is answered as usual.
    for (const std::string& id :
         {std::string(129, 'a'), std::string(5000, 'a'), "a b"s, "<script>"s, "a;b"s, "a/b"s,
          "\xff\xfe"s, "${jndi:ldap://x}"s, "a\"b"s, ""s}) {
        table.push_back({"ids",
                         id.substr(0, 20),
                         request_bytes("GET", "/nothing", {{"X-Request-ID", id}}),
                         {{404, "not_found"}}});
    }
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"Range", "bytes=0-"},
             {"Range", "bytes=9-1"},
             {"If-None-Match", "*"},
             {"If-Modified-Since", "never"},
             {"Accept", "text/html;q=x"},
             {"Accept-Encoding", "gzip;q=x,,"},
             {"Accept-Language", std::string(4000, 'x')},
             {"Expect", "the unexpected"},
             {"Upgrade", "websocket"},
             {"Connection", "Upgrade, keep-alive"},
             {"X-Forwarded-For", "' OR 1=1"},
             {"X-Forwarded-For", ",,,,"},
             {"Forwarded", "for=\"[::1\""},
             {"Origin", "null"},
             {"Cookie", std::string(4000, ';')}}) {
        table.push_back(
            {"ids", name, request_bytes("GET", "/nothing", {{name, value}}), {{404, "not_found"}}});
    }
}

}  // namespace

Table hostile_framing(const World& world) {
    Table table;
    add_heads(table);
    add_lengths(table, world);
    add_pipelines(table, world);
    add_slow(table, world);
    add_ids(table);
    return table;
}

}  // namespace subcults::test
