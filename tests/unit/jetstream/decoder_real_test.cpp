#include "frames.hpp"
#include "jetstream/decoder.hpp"
#include "support/skip.hpp"

#include <rapidjson/document.h>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

using namespace subcults::jetstream;

namespace {

const rapidjson::Value* member(const rapidjson::Value& object, const char* name) {
    // Its iterators compare ambiguously under C++20, so no FindMember.
    return object.HasMember(name) ? &object[name] : nullptr;
}

std::string text_of(const rapidjson::Value& object, const char* name) {
    const rapidjson::Value* value = member(object, name);
    REQUIRE(value != nullptr);
    REQUIRE(value->IsString());
    return {value->GetString(), value->GetStringLength()};
}

// What an independent parser reads from the same bytes must be what the decoder says.
void compare(const EventView& event, const std::string& frame) {
    rapidjson::Document document;
    document.Parse(frame.data(), frame.size());
    REQUIRE_FALSE(document.HasParseError());
    CHECK(event.did == text_of(document, "did"));
    CHECK(event.time_us == document["time_us"].GetInt64());
    CHECK(event.seq.has_value() == (member(document, "cursor") != nullptr));
    const std::string kind = text_of(document, "kind");
    CHECK(to_string(event.kind) == kind);

    if (kind == "commit") {
        const rapidjson::Value& commit = document["commit"];
        CHECK(event.rev == text_of(commit, "rev"));
        CHECK(to_string(event.operation) == text_of(commit, "operation"));
        CHECK(event.collection == text_of(commit, "collection"));
        CHECK(event.rkey == text_of(commit, "rkey"));
        if (event.operation == Operation::del) {
            CHECK(event.record.empty());
            CHECK(event.cid.empty());
            return;
        }
        CHECK(event.cid == text_of(commit, "cid"));
        rapidjson::Document record;
        record.Parse(event.record.data(), event.record.size());
        REQUIRE_FALSE(record.HasParseError());
        CHECK(record == commit["record"]);
        // The slice is a piece of the frame, not a rewriting of it.
        CHECK(frame.find(std::string(event.record)) != std::string::npos);
    } else if (kind == "identity") {
        const rapidjson::Value& identity = document["identity"];
        CHECK(event.upstream_seq == identity["seq"].GetInt64());
        const rapidjson::Value* handle = member(identity, "handle");
        CHECK(event.handle.has_value() == (handle != nullptr));
        if (handle != nullptr) CHECK(*event.handle == text_of(identity, "handle"));
    } else {
        const rapidjson::Value& account = document["account"];
        CHECK(event.active == account["active"].GetBool());
        CHECK(event.upstream_seq == account["seq"].GetInt64());
        const rapidjson::Value* status = member(account, "status");
        CHECK(event.status.has_value() == (status != nullptr));
        if (status != nullptr) CHECK(*event.status == text_of(account, "status"));
    }
}

}  // namespace

TEST_CASE("Every real event decodes to what an independent parser reads from it") {
    const std::vector<std::string> frames = test::real_frames();
    if (frames.empty()) return subcults::test::report_skipped("no recorded events on this machine");
    Decoder decoder{CollectionFilter({})};
    std::map<std::string, int> seen;
    for (const std::string& frame : frames) {
        INFO(frame);
        const auto copied = decoder.decode(frame, false);
        REQUIRE(copied.has_value());
        REQUIRE(copied->has_value());
        compare(**copied, frame);
        const Event owned(**copied);

        const std::string padded = frame + std::string(64, '}');
        const auto in_place =
            decoder.decode(std::string_view(padded).substr(0, frame.size()), true);
        REQUIRE(in_place.has_value());
        REQUIRE(in_place->has_value());
        compare(**in_place, frame);
        compare(owned.view(), frame);

        const EventView& event = **in_place;
        ++seen[std::string(to_string(event.kind))];
        if (event.kind == Kind::commit) ++seen[std::string(to_string(event.operation))];
    }
    CHECK(seen == std::map<std::string, int>{{"commit", 150},
                                             {"identity", 1},
                                             {"account", 1},
                                             {"create", 144},
                                             {"update", 2},
                                             {"delete", 4}});
}

TEST_CASE("Real commits of other collections are passed over, identities and accounts are not") {
    const std::vector<std::string> frames = test::real_frames();
    if (frames.empty()) return subcults::test::report_skipped("no recorded events on this machine");
    const std::vector<std::string> subcult{"tv.subcult.*"};
    Decoder none{CollectionFilter(subcult)};
    const std::vector<std::string> likes{"app.bsky.feed.like"};
    Decoder some{CollectionFilter(likes)};
    int passed_none = 0;
    int passed_some = 0;
    for (const std::string& frame : frames) {
        const auto a = none.decode(frame, false);
        REQUIRE(a.has_value());
        passed_none += a->has_value() ? 1 : 0;
        const auto b = some.decode(frame, false);
        REQUIRE(b.has_value());
        passed_some += b->has_value() ? 1 : 0;
        const bool is_like =
            frame.find(R"("collection":"app.bsky.feed.like")") != std::string::npos;
        const bool is_commit = frame.find(R"("kind":"commit")") != std::string::npos;
        CHECK(b->has_value() == (is_like || !is_commit));
    }
    CHECK(passed_none == 2);
    CHECK(passed_some > 100);
}

TEST_CASE("Every truncation of real events is malformed") {
    const std::vector<std::string> frames = test::real_frames();
    if (frames.empty()) return subcults::test::report_skipped("no recorded events on this machine");
    Decoder decoder{CollectionFilter({})};
    for (std::size_t i = 0; i < frames.size(); i += 15) {
        for (std::size_t size = 0; size < frames[i].size(); size += 3) {
            const auto result = decoder.decode(frames[i].substr(0, size), false);
            REQUIRE_FALSE(result.has_value());
            REQUIRE(result.error().fault == DecodeFault::malformed_json);
        }
    }
}
