#include "net/session_request.hpp"

#include <boost/asio/ip/address_v4.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace subcults;
using namespace subcults::net;

namespace {

const std::string trace = "0af7651916cd43dd8448eb211c80319c";
const std::string span = "b7ad6b7169203331";
const std::string traceparent = "traceparent: 00-" + trace + "-" + span + "-01\r\n";

// A connection that takes one request after the other.
struct Connection {
    RequestHead head;
    SessionRequest request{head, boost::asio::ip::address_v4::loopback()};
    std::string text;

    void take(const std::string& headers) {
        text = "GET /x HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n";
        MessageParser parser(head, 16 * 1024);
        REQUIRE(parser.parse_head(text) == MessageParser::Verdict::ok);
        request.begin();
    }
    std::string trace_id() const { return request.trace.self.trace_text(); }
    // A trace that the client knows nothing of.
    bool begun_here() const {
        const TraceParent& self = request.trace.self;
        return TraceParent::parse(self.header()) == self && self.trace_text() != trace &&
               self.flags == TraceParent::random_trace && request.trace.state.empty();
    }
};

}  // namespace

TEST_CASE("a request belongs to its caller's trace, with a span of its own") {
    Connection connection;
    for (const std::string name : {"traceparent", "TraceParent", "TRACEPARENT"}) {
        INFO(name);
        connection.take(name + ": \t00-" + trace + "-" + span + "-01 \t\r\n");
        CHECK(connection.trace_id() == trace);
        CHECK(connection.request.trace.self.span_text() != span);
        CHECK(connection.request.trace.self.flags == TraceParent::sampled);
        CHECK(connection.request.trace.state.empty());
    }
}

TEST_CASE("a request without a trace, or with one that cannot be read, begins a new one") {
    Connection connection;
    for (const std::string headers :
         {"", "traceparent:\r\n", "traceparent: 00-0-0-01\r\n",
          "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n",
          "traceparent: ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
          "traceparent: 00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01\r\n",
          "trace-parent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"}) {
        INFO(headers);
        connection.take(headers + "tracestate: foo=1\r\n");
        CHECK(connection.begun_here());
    }
}

TEST_CASE("two traces are as good as none, whatever they say") {
    Connection connection;
    connection.take(traceparent + traceparent);
    CHECK(connection.begun_here());
    connection.take(traceparent + "Traceparent: nonsense\r\n");
    CHECK(connection.begun_here());
}

TEST_CASE("nothing of a request's trace remains for the next one on the connection") {
    Connection connection;
    connection.take(traceparent + "tracestate: foo=1\r\n");
    CHECK(connection.request.trace.state == "foo=1");
    const std::string first = connection.request.trace.self.span_text();
    connection.take(traceparent);
    CHECK(connection.trace_id() == trace);
    CHECK(connection.request.trace.state.empty());
    CHECK(connection.request.trace.self.span_text() != first);
    connection.take("");
    CHECK(connection.begun_here());
    const std::string second = connection.trace_id();
    connection.take("");
    CHECK(connection.begun_here());
    CHECK(connection.trace_id() != second);
}

TEST_CASE("lines of tracestate are one list in the order sent") {
    Connection connection;
    connection.take(traceparent +
                    "tracestate: foo=1,bar=2\r\nX-Other: 1\r\nTraceState: rojo=1\r\n"
                    "tracestate:\r\ntracestate: baz=3\r\n");
    CHECK(connection.request.trace.state == "foo=1,bar=2,rojo=1,,baz=3");
    // The same key in two lines is as wrong as in one, and costs no more than the list.
    connection.take(traceparent + "tracestate: foo=1\r\ntracestate: foo=2\r\n");
    CHECK(connection.trace_id() == trace);
    CHECK(connection.request.trace.state.empty());
}

TEST_CASE("a tracestate that is too long or malformed is left out, and the trace goes on") {
    Connection connection;
    const std::string half = "a=" + std::string(250, 'v');
    for (const std::string& state :
         {std::string("tracestate: FOO=1\r\n"), "tracestate: " + std::string(600, 'a') + "=1\r\n",
          "tracestate: " + half + "\r\ntracestate: b" + half + "\r\ntracestate: c" + half + "\r\n",
          std::string("tracestate: \r\n")}) {
        INFO(state);
        connection.take(traceparent + state);
        CHECK(connection.trace_id() == trace);
        CHECK(connection.request.trace.self.flags == TraceParent::sampled);
        CHECK(connection.request.trace.state.empty());
    }
}
