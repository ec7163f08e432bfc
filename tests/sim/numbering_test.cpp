#include "sim/numbering.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace subcults::sim;

namespace {

Frame frame(std::int64_t time_us, const std::string& rkey = "r") {
    return read_frame(R"({"did":"did:plc:a","time_us":)" + std::to_string(time_us) +
                          R"(,"kind":"commit","commit":{"collection":"a.b.c","rkey":")" + rkey +
                          R"("}})",
                      0);
}

}  // namespace

TEST_CASE("A line gets its numbers where they belong and keeps every other byte") {
    CHECK(renumbered(R"({"did":"a","time_us":5,"kind":"x"})", 77, 9) ==
          R"({"did":"a","time_us":77,"cursor":9,"kind":"x"})");
    // Only the outermost members count, in whatever order and however they are spelt.
    CHECK(renumbered(R"({ "c" : {"time_us":1,"cursor":2}, "time_us" : 5 , "cursor":6})", 77, 9) ==
          R"({ "c" : {"time_us":1,"cursor":2}, "time_us" : 77 , "cursor":9})");
    CHECK(renumbered(R"({"cursor":123456,"l":[1,{"time_us":3}],"time\u005fus":5})", 7, 8) ==
          R"({"cursor":8,"l":[1,{"time_us":3}],"time\u005fus":7})");
    CHECK(renumbered(R"({"time_us":1.5e3,"r":1e300,"s":"\u0000"})", 1, 2) ==
          R"({"time_us":1,"cursor":2,"r":1e300,"s":"\u0000"})");
}

TEST_CASE("A line without a time stays as it is") {
    for (const std::string line : {"", "garbage", "{\"time_us\":\"5\"}", "{\"time_us\":5", "[5]",
                                   "{\"a\":{\"time_us\":5}}"}) {
        CHECK(renumbered(line, 1, 2) == line);
    }
}

TEST_CASE("Up to 16 events that lie close together share one time and no number") {
    Numbering numbering(100);
    std::int64_t expected_seq = 100;
    for (int i = 0; i < 40; ++i) {
        Frame one = frame(1'000'000 + i);
        numbering.stamp(one);
        CHECK(one.seq == expected_seq++);
        CHECK(one.time_us == 1'000'000 + i / 16 * 16);
        CHECK(one.text.find("\"time_us\":" + std::to_string(one.time_us) +
                            ",\"cursor\":" + std::to_string(*one.seq)) != std::string::npos);
    }
    // Too far away, or back in time: a batch of its own.
    Frame later = frame(1'100'000);
    numbering.stamp(later);
    CHECK(later.time_us == 1'100'000);
    Frame earlier = frame(1'099'999);
    numbering.stamp(earlier);
    CHECK(earlier.time_us == 1'099'999);
    CHECK(numbering.next_seq() == 142);
}

TEST_CASE(
    "After an unclean stop numbers come back, and those that name another event are counted") {
    Numbering numbering(1);
    std::vector<std::shared_ptr<const Frame>> given;
    for (int i = 0; i < 10; ++i) {
        Frame one = frame(1'000'000 + i, "r" + std::to_string(i));
        numbering.stamp(one);
        given.push_back(std::make_shared<const Frame>(one));
    }
    numbering.regress(4, {given.end() - 4, given.end()});
    CHECK(numbering.next_seq() == 7);
    CHECK(numbering.reassigned() == 0);
    Frame same = frame(2'000'000, "r6");
    numbering.stamp(same);
    CHECK(same.seq == 7);
    CHECK(numbering.reassigned() == 0);
    Frame other = frame(2'000'001, "new");
    numbering.stamp(other);
    CHECK(other.seq == 8);
    CHECK(numbering.reassigned() == 1);
    numbering.regress(1'000, {});
    CHECK(numbering.next_seq() == 1);
}
