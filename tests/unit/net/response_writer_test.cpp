#include "net/response_writer.hpp"

#include <catch2/catch.hpp>

using namespace subcults::net;

namespace {

AnswerFrame frame() {
    AnswerFrame frame;
    frame.date_line = "Date: x\r\n";
    frame.common_headers = "Server: s\r\n";
    frame.request_id = "id-1";
    return frame;
}

std::string bytes(const Response& response, const AnswerFrame& f, bool defer = false) {
    std::string out;
    append_response(out, response, f, defer);
    return out;
}

}  // namespace

TEST_CASE("an answer is one run of bytes") {
    Response response = json_response(201, R"({"id":1})");
    response.headers.emplace_back("Location", "/streams/1");
    CHECK(bytes(response, frame()) ==
          "HTTP/1.1 201 Created\r\nDate: x\r\nContent-Type: application/json; charset=utf-8\r\n"
          "Content-Length: 8\r\nX-Request-ID: id-1\r\nServer: s\r\nLocation: /streams/1\r\n\r\n"
          "{\"id\":1}");
}

TEST_CASE("headers of the request follow those of the answer, which win") {
    AnswerHeaders more;
    more.set("Cache-Control", "no-store");
    more.set("X-Limit", "10\r\nInjected: 1");
    AnswerFrame f = frame();
    f.more_headers = &more;
    Response response = json_response(200, "{}");
    CHECK(bytes(response, f)
              .find("Server: s\r\nCache-Control: no-store\r\nX-Limit: 10  Injected: "
                    "1\r\n\r\n{}") != std::string::npos);
    response.headers.emplace_back("cache-control", "max-age=5");
    const std::string text = bytes(response, f);
    CHECK(text.find("cache-control: max-age=5") != std::string::npos);
    CHECK(text.find("no-store") == std::string::npos);
}

TEST_CASE("an answer to HEAD has the length but not the body") {
    AnswerFrame f = frame();
    f.head_only = true;
    const std::string text = bytes(json_response(200, "{}"), f);
    CHECK(text.find("Content-Length: 2\r\n") != std::string::npos);
    CHECK(text.substr(text.size() - 4) == "\r\n\r\n");
}

TEST_CASE("a 204 carries neither body nor length") {
    const std::string text = bytes(json_response(204, "ignored"), frame());
    CHECK(text == "HTTP/1.1 204 No Content\r\nDate: x\r\nX-Request-ID: id-1\r\nServer: s\r\n\r\n");
}

TEST_CASE("the connection line is written when it is needed") {
    AnswerFrame f = frame();
    f.connection = ConnectionLine::close;
    CHECK(bytes(Response{}, f).find("Connection: close\r\n\r\n") != std::string::npos);
    f.connection = ConnectionLine::keep_alive;
    CHECK(bytes(Response{}, f).find("Connection: keep-alive\r\n\r\n") != std::string::npos);
}

TEST_CASE("a header value cannot start a line of its own") {
    Response response;
    response.headers.emplace_back("X-Note", "a\r\nSet-Cookie: b\n");
    CHECK(bytes(response, frame()).find("X-Note: a  Set-Cookie: b \r\n") != std::string::npos);
}

TEST_CASE("a large body can be left for a write of its own") {
    Response response = json_response(200, std::string(100'000, 'x'));
    const std::string text = bytes(response, frame(), true);
    CHECK(text.find("Content-Length: 100000\r\n") != std::string::npos);
    CHECK(text.size() < 400);
}

TEST_CASE("answers of a pipeline follow each other") {
    std::string out;
    append_response(out, json_response(200, "1"), frame(), false);
    append_response(out, json_response(200, "2"), frame(), false);
    CHECK(out.find("\r\n\r\n1HTTP/1.1 200 OK\r\n") != std::string::npos);
}

TEST_CASE("the date line is an HTTP date") {
    DateLine date;
    date.refresh(784'111'777);
    CHECK(date.text() == "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    date.refresh(1'709'164'800);
    CHECK(date.text() == "Date: Thu, 29 Feb 2024 00:00:00 GMT\r\n");
}

TEST_CASE("every status of the contract has a reason phrase") {
    for (const unsigned status : {200U, 201U, 204U, 400U, 401U, 403U, 404U, 405U, 408U, 409U, 410U,
                                  413U, 415U, 422U, 429U, 431U, 500U, 503U}) {
        CAPTURE(status);
        CHECK_FALSE(reason_phrase(status).empty());
    }
}
