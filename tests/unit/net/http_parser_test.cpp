#include "net/http_parser.hpp"

#include <catch2/catch.hpp>

using namespace subcults::net;
using namespace std::string_literals;
using Verdict = MessageParser::Verdict;

namespace {

Verdict parse(const std::string& text, RequestHead& head) {
    MessageParser parser(head, 16 * 1024);
    return parser.parse_head(text);
}

Verdict verdict(const std::string& text) {
    RequestHead head;
    return parse(text, head);
}

std::string with(const std::string& headers) {
    return "POST /x HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n";
}

}  // namespace

TEST_CASE("a head is read into views of the buffer") {
    const std::string text =
        "PATCH /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Type: application/json \r\nX-Request-Id: "
        "r-1\r\n"
        "Content-Length: 5\r\nx-a: 1\r\nX-A:2\r\nEmpty:\r\n\r\n";
    RequestHead head;
    REQUIRE(parse(text, head) == Verdict::ok);
    CHECK(head.method == Method::patch);
    CHECK(head.target() == "/a?b=c");
    CHECK(head.content_length == 5);
    CHECK(head.keep_alive);
    CHECK_FALSE(head.chunked);
    CHECK(head.find("CONTENT-TYPE") == "application/json");
    CHECK(head.find("x-a") == "1");
    CHECK(head.count("x-a") == 2);
    CHECK(head.find("empty") == "");
    CHECK_FALSE(head.find("absent"));
    REQUIRE(head.request_id);
    CHECK(head.text(*head.request_id) == "r-1");

    const std::string copy = text;
    head.rebase(copy.data());
    CHECK(head.target().data() == copy.data() + 6);
    CHECK(head.find("host") == "h");
}

TEST_CASE("requests whose framing is ambiguous are malformed") {
    for (const std::string& headers :
         {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"s,
          "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"s,
          "Content-Length: 5\r\nContent-Length: 6\r\n"s,
          "Content-Length: 5, 6\r\n"s,
          "Content-Length: 5,5\r\n"s,
          "Content-Length: -1\r\n"s,
          "Content-Length: +1\r\n"s,
          "Content-Length: 0x5\r\n"s,
          "Content-Length: 5 5\r\n"s,
          "Content-Length:\r\n"s,
          "Content-Length: 99999999999999999999\r\n"s,
          "Transfer-Encoding: gzip\r\n"s,
          "Transfer-Encoding: gzip, chunked\r\n"s,
          "Transfer-Encoding: chunked, gzip\r\n"s,
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"s,
          "Transfer-Encoding: \"chunked\"\r\n"s,
          "Transfer-Encoding:\r\n"s,
          "Transfer-Encoding: xchunked\r\n"s,
          "Transfer-Encoding : chunked\r\n"s,
          "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"s,
          "Transfer-Encoding\r\n"s,
          "X: a\r\n b\r\n"s,
          "X:\r\n b\r\n"s,
          "X: \r\n\t\r\n"s,
          " X: a\r\n"s,
          "X Y: a\r\n"s,
          "X\x01: a\r\n"s,
          ": a\r\n"s,
          "X: a\x01\r\n"s,
          "X: a\0b\r\n"s,
          "X: a\rb\r\n"s,
          "X: a\nY: b\r\n"s,
          "Host: other\r\n"s}) {
        CAPTURE(headers);
        CHECK(verdict(with(headers)) == Verdict::malformed);
    }
    CHECK(verdict("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == Verdict::malformed);
}

TEST_CASE("harmless repetitions are accepted") {
    RequestHead head;
    const std::string twice = with("Content-Length: 5\r\nContent-Length: 5\r\n");
    CHECK(parse(twice, head) == Verdict::ok);
    CHECK(head.content_length == 5);
    const std::string cased = with("Transfer-Encoding: Chunked\r\n");
    CHECK(parse(cased, head) == Verdict::ok);
    CHECK(head.chunked);
    const std::string padded = with("X: \t padded \t\r\n");
    CHECK(parse(padded, head) == Verdict::ok);
    CHECK(head.find("x") == "padded");
}

TEST_CASE("request lines that are not HTTP/1 are malformed") {
    for (const std::string& line :
         {"GET /"s, "GET / HTTP/2.0"s, "GET / HTTP/0.9"s, "GET / HTTP/1.2"s, "GET / http/1.1"s,
          "GET  / HTTP/1.1"s, "GET / HTTP/1.1 "s, " GET / HTTP/1.1"s, "G(T / HTTP/1.1"s,
          "GET /a b HTTP/1.1"s, "GET\t/ HTTP/1.1"s, "GET /\x01 HTTP/1.1"s, "GET / HTTP/11"s}) {
        CAPTURE(line);
        CHECK(verdict(line + "\r\nHost: h\r\n\r\n") == Verdict::malformed);
    }
}

TEST_CASE("version 1.1 needs a host, version 1.0 does not") {
    CHECK(verdict("GET / HTTP/1.1\r\n\r\n") == Verdict::malformed);
    RequestHead head;
    CHECK(parse("GET / HTTP/1.0\r\n\r\n", head) == Verdict::ok);
    CHECK_FALSE(head.keep_alive);
    CHECK(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", head) == Verdict::ok);
    CHECK(head.keep_alive);
    CHECK(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, close\r\n\r\n", head) == Verdict::ok);
    CHECK_FALSE(head.keep_alive);
}

TEST_CASE("a head with too many fields is too large") {
    std::string headers;
    for (int i = 0; i < 150; ++i)
        headers += "X: y\r\n";
    CHECK(verdict(with(headers)) == Verdict::too_large);
}

TEST_CASE("nonsense is recognised before the head is complete") {
    CHECK(MessageParser::hopeless("\x16\x03\x01\x02", 1024));
    CHECK(MessageParser::hopeless("GET / HTTP/1.1\n\n", 1024));
    CHECK_FALSE(MessageParser::hopeless("GE", 1024));
    CHECK_FALSE(MessageParser::hopeless("GET / HTTP/1.1\r\nHos", 1024));
}

TEST_CASE("chunks are put together whatever the cuts") {
    const std::string head_text = with("Transfer-Encoding: chunked\r\n");
    const std::string wire =
        "4;ext=1\r\nWiki\r\n6\r\npedia \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
    for (std::size_t step = 1; step <= wire.size(); ++step) {
        RequestHead head;
        MessageParser parser(head, 1024);
        REQUIRE(parser.parse_head(head_text) == Verdict::ok);
        std::string body;
        parser.start_chunks(1000, &body);
        std::string pending;
        bool done = false;
        for (std::size_t at = 0; at < wire.size() && !done; at += step) {
            pending += wire.substr(at, step);
            const auto progress = parser.put_chunks(pending);
            REQUIRE_FALSE(progress.bad);
            pending.erase(0, progress.consumed);
            done = progress.done;
        }
        CAPTURE(step);
        CHECK(done);
        CHECK(pending.empty());
        CHECK(body == "Wikipedia 0123456789");
        CHECK_FALSE(head.find("trailer"));
    }
}

TEST_CASE("chunks beyond the limit and malformed chunks are told apart") {
    const auto put = [](const std::string& wire) {
        RequestHead head;
        MessageParser parser(head, 1024);
        parser.parse_head(with("Transfer-Encoding: chunked\r\n"));
        std::string body;
        parser.start_chunks(10, &body);
        return parser.put_chunks(wire);
    };
    CHECK(put("b\r\n").too_large);
    CHECK(put("5\r\nabcde\r\n6\r\n").too_large);
    CHECK(put("ffffffffffffffffff\r\n").bad);
    for (const char* wire : {"x\r\n", "\r\n", "5 \r\nabcde\r\n", "-1\r\n", "5\nabcde\r\n",
                             "2\r\nabcd\r\n", "0x5\r\nabcde\r\n\r\n"}) {
        CAPTURE(wire);
        CHECK(put(wire).bad);
    }
}

TEST_CASE("request ids are adopted only when they are harmless") {
    CHECK(is_request_id("a"));
    CHECK(is_request_id("0191-AB_z"));
    CHECK(is_request_id(std::string(128, 'x')));
    for (const std::string& text :
         {""s, std::string(129, 'x'), "a b"s, "a\""s, "a.b"s, "\xC3\xA9"s}) {
        CHECK_FALSE(is_request_id(text));
    }
}

TEST_CASE("a media type is the value without parameters") {
    CHECK(media_type("application/json; charset=utf-8") == "application/json");
    CHECK(media_type("application/json ;x") == "application/json");
    CHECK(media_type("") == "");
    CHECK(equals_no_case("Application/JSON", "application/json"));
    CHECK_FALSE(equals_no_case("application/jsonx", "application/json"));
}
