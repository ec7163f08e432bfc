#include "base/trace_context.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <vector>

using subcults::is_tracestate;
using subcults::longest_tracestate;
using subcults::TraceContext;
using subcults::TraceParent;

namespace {

const std::string trace = "0af7651916cd43dd8448eb211c80319c";
const std::string span = "b7ad6b7169203331";
const std::string valid = "00-" + trace + "-" + span + "-01";

std::string read_flags(const std::string& version, const std::string& flags) {
    const auto parent = TraceParent::parse(version + "-" + trace + "-" + span + "-" + flags);
    return parent ? parent->header().substr(53) : "refused";
}

std::string members(int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
        text += (i == 0 ? "k" : ",k") + std::to_string(i) + "=v";
    return text;
}

}  // namespace

TEST_CASE("a traceparent is read and written") {
    const auto parent = TraceParent::parse(valid);
    REQUIRE(parent.has_value());
    CHECK(parent->trace_text() == trace);
    CHECK(parent->span_text() == span);
    CHECK(parent->flags == TraceParent::sampled);
    CHECK(parent->header() == valid);
    CHECK_FALSE(parent->empty());
    CHECK(TraceParent::parse(" \t" + valid + "\t ") == parent);
}

TEST_CASE("a traceparent of version 00 that is not exactly right is none") {
    const std::string zeros(32, '0');
    const std::vector<std::string> bad{
        "",
        "-",
        "00",
        valid.substr(0, 54),
        valid + "0",
        valid + "-",
        valid + "-00",
        valid + ".",
        valid + "," + valid,
        "0-" + trace + "-" + span + "-01",
        "000-" + trace + "-" + span + "-01",
        "00-" + trace + "0-" + span + "-01",
        "00-" + trace.substr(1) + "-" + span + "-01",
        "00-" + trace + "-" + span + "0-01",
        "00-" + trace + "-" + span.substr(1) + "-01",
        "00-" + trace + "-" + span + "-1",
        "00-" + zeros + "-" + span + "-01",
        "00-" + trace + "-" + zeros.substr(16) + "-01",
        "00_" + trace + "-" + span + "-01",
        "00-" + trace + "_" + span + "-01",
        "00-" + trace + "-" + span + "_01",
        "00 -" + trace + "-" + span + "-1",
        valid.substr(0, 54) + std::string(1, '\0'),
    };
    for (const std::string& text : bad) {
        INFO(text);
        CHECK_FALSE(TraceParent::parse(text).has_value());
    }
}

TEST_CASE("every character of a traceparent has to be what it should be") {
    for (std::size_t at = 0; at < valid.size(); ++at) {
        const bool dash = valid[at] == '-';
        for (const char c : {'A', 'F', 'g', 'G', '.', ' ', '/', ':', '`', '@', '\x80', '\0'}) {
            std::string text = valid;
            text[at] = c;
            // A blank at an end is cut off, and then the rest is too short.
            INFO("position " << at << ", byte " << static_cast<int>(c));
            CHECK_FALSE(TraceParent::parse(text).has_value());
        }
        std::string swapped = valid;
        swapped[at] = dash ? '0' : '-';
        INFO("position " << at);
        CHECK_FALSE(TraceParent::parse(swapped).has_value());
    }
}

TEST_CASE("version ff is forbidden, and of later versions what 00 knows is taken") {
    const std::string rest = "-" + trace + "-" + span + "-01";
    CHECK_FALSE(TraceParent::parse("ff" + rest).has_value());
    CHECK_FALSE(TraceParent::parse("ff" + rest + "-more").has_value());
    for (const std::string version : {"01", "cc", "fe"}) {
        INFO(version);
        for (const std::string more : {"", "-", "-what-the-future-will-be-like", "--", "-\x01"}) {
            const auto parent = TraceParent::parse(version + rest + more);
            REQUIRE(parent.has_value());
            CHECK(parent->header() == valid);
        }
        for (const std::string more : {".what-the-future-will-be-like", "0", "1-x", ","}) {
            INFO(more);
            CHECK_FALSE(TraceParent::parse(version + rest + more).has_value());
        }
        CHECK_FALSE(TraceParent::parse(version + "-" + trace + "-" + span + "-0").has_value());
        CHECK_FALSE(TraceParent::parse(version + "-" + std::string(32, '0') + "-" + span + "-01-x")
                        .has_value());
        CHECK_FALSE(TraceParent::parse(version + "-" + trace + "-" + std::string(16, '0') + "-01-x")
                        .has_value());
    }
}

TEST_CASE("flags that are known are kept, others dropped") {
    CHECK(read_flags("00", "00") == "00");
    CHECK(read_flags("00", "01") == "01");
    CHECK(read_flags("00", "02") == "02");
    CHECK(read_flags("00", "03") == "03");
    CHECK(read_flags("00", "09") == "01");
    CHECK(read_flags("00", "fc") == "00");
    CHECK(read_flags("00", "ff") == "03");
    CHECK(read_flags("00", "FF") == "refused");
    CHECK(read_flags("00", "0x") == "refused");
    // Only one of them is promised to mean the same later.
    CHECK(read_flags("01", "03") == "01");
    CHECK(read_flags("01", "fe") == "00");
}

TEST_CASE("a trace that begins here has random ids and is not sampled") {
    std::set<std::string> traces;
    std::set<std::string> spans;
    for (int i = 0; i < 1000; ++i) {
        const TraceParent first = TraceParent::start();
        CHECK(TraceParent::parse(first.header()) == first);
        CHECK(first.flags == TraceParent::random_trace);
        traces.insert(first.trace_text());
        spans.insert(first.span_text());
    }
    CHECK(traces.size() == 1000);
    CHECK(spans.size() == 1000);
    CHECK(TraceParent().empty());
    CHECK_FALSE(TraceParent::start().empty());
}

TEST_CASE("a child has the trace and the flags of its parent, and a span of its own") {
    TraceContext parent;
    parent.self = *TraceParent::parse(valid);
    parent.take_state("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
    const TraceContext one = parent.child();
    const TraceContext two = parent.child();
    for (const TraceContext& child : {one, two}) {
        CHECK(child.self.trace_id == parent.self.trace_id);
        CHECK(child.self.flags == parent.self.flags);
        CHECK(child.self.span_id != parent.self.span_id);
        CHECK(child.state == "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
    }
    CHECK(one.self.span_id != two.self.span_id);
    CHECK(TraceContext::start().state.empty());
}

TEST_CASE("a tracestate is a list of keys and values") {
    for (const std::string& text : std::vector<std::string>{
             "foo=1",
             "foo=1,bar=2",
             "foo=1 \t , \t bar=2, \t baz=3",
             " foo=1 ",
             "\tfoo=1\t",
             "foo=1,",
             ",foo=1",
             "foo=1, ,\t,bar=2",
             "foo= 1",
             "foo=a b  c",
             "0tenant@system=1",
             "a_-*/@9=1",
             "foo@=1",
             std::string(256, 'z') + "=" + std::string(255, ' ').replace(0, 1, "v"),
             "k=!\"#$%&'()*+-./0123456789:;<>?@AZ[\\]^_`az{|}~",
             members(32),
         }) {
        INFO(text);
        CHECK(is_tracestate(text));
    }
}

TEST_CASE("a tracestate with anything wrong in it is not passed on") {
    for (const std::string& text : std::vector<std::string>{
             "",
             " ",
             "\t,, ,",
             "foo",
             "foo=",
             "foo= ",
             "=1",
             "foo =1",
             "FOO=1",
             "foo.bar=1",
             "@foo=1",
             "_foo=1",
             "foo=1=2",
             "foo=\t1",
             "foo=1\x7f",
             "foo=1\r\nX-Evil: 1",
             "foo=\xc3\xa9",
             "foo=1,bar",
             "foo=1,foo=1",
             "foo=1,bar=2,foo=3",
             std::string("foo=1\0", 6),
             std::string(257, 'z') + "=1",
             "z=" + std::string(257, '1'),
             members(33),
             members(32) + ",",
         }) {
        INFO(text);
        CHECK_FALSE(is_tracestate(text));
    }
}

TEST_CASE("a tracestate may have 512 bytes, 256 of them in a key or a value") {
    const std::string half = "a=" + std::string(250, 'v');
    const std::string all = half + ",b=" + std::string(longest_tracestate - half.size() - 3, 'v');
    REQUIRE(all.size() == longest_tracestate);
    CHECK_FALSE(is_tracestate(all));  // the second value is too long
    const std::string three = half + ",b=" + std::string(250, 'v') + ",c=1234";
    REQUIRE(three.size() == longest_tracestate);
    CHECK(is_tracestate(three));
    CHECK_FALSE(is_tracestate(three + "5"));
    CHECK(is_tracestate(std::string(256, 'k') + "=" + std::string(255, 'v')));
    CHECK(is_tracestate("k=" + std::string(256, 'v')));
}

TEST_CASE("what is taken over of a tracestate can stand in a header as it is") {
    TraceContext context;
    context.take_state("foo=1 , bar= 2");
    CHECK(context.state == "foo=1 , bar= 2");
    context.take_state("foo=1\t,\tbar=2");
    CHECK(context.state == "foo=1 , bar=2");
    context.take_state("FOO=1");
    CHECK(context.state.empty());
    context.take_state("foo=1");
    context.take_state("");
    CHECK(context.state.empty());
}
