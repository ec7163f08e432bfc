#include "jetstream/decoder.hpp"
#include "frames.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

using namespace subcults::jetstream;
using test::account_frame;
using test::commit_frame;
using test::identity_frame;
using test::replaced;

namespace {

Event accepted(Decoder& decoder, const std::string& frame) {
    INFO(frame);
    const auto result = decoder.decode(frame, false);
    if (!result.has_value()) {
        FAIL(to_string(result.error().fault)
             << ' ' << result.error().path << ' ' << result.error().reason);
    }
    REQUIRE(result->has_value());
    return Event(**result);
}

Event accepted(const std::string& frame) {
    Decoder decoder{CollectionFilter({})};
    return accepted(decoder, frame);
}

}  // namespace

TEST_CASE("A commit is read with its record byte for byte") {
    const std::string record =
        R"({ "$type" : "tv.subcult.scene", "name":"caf\u00e9 é", "n":1.50 })";
    const Event event = accepted(commit_frame(record));
    const EventView view = event.view();
    CHECK(view.kind == Kind::commit);
    CHECK(view.operation == Operation::create);
    CHECK(view.time_us == 1'783'175'888'085'434);
    CHECK_FALSE(view.seq.has_value());
    CHECK(view.did == test::did);
    CHECK(view.rev == "3mptbypluud2a");
    CHECK(view.collection == "tv.subcult.scene");
    CHECK(view.rkey == "3mptbyplj5d2a");
    CHECK(view.cid == test::cid);
    CHECK(view.record == record);
}

TEST_CASE("Blanks around the record and everywhere else do not become part of it") {
    const Event event = accepted(
        " {\n\"commit\" :\t{ \"record\" : {\"a\" : [ {} ] } \r\n\t , \"rkey\":\"k\" , "
        "\"rev\":\"3mptbypluud2a\",\"operation\":\"update\",\"collection\":\"a.b.c\",\"cid\":\"" +
        std::string(test::cid) +
        "\" } , \"kind\":\"commit\",\"did\":\"did:plc:a\",\n"
        "\"time_us\" : 1783175888085434 } \n");
    CHECK(event.view().record == R"({"a" : [ {} ] })");
    CHECK(event.view().operation == Operation::update);
}

TEST_CASE("Envelope keys may come in any order") {
    const std::string commit =
        R"("commit":{"cid":"bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i",)"
        R"("record":{"kind":"identity","did":5},"rkey":"k","collection":"tv.subcult.scene",)"
        R"("operation":"create","rev":"3mptbypluud2a"})";
    std::vector<std::string> parts{commit, R"("did":"did:plc:a")", R"("kind":"commit")",
                                   R"("time_us":1783175888085434)"};
    std::sort(parts.begin(), parts.end());
    int orders = 0;
    do {
        const Event event =
            accepted("{" + parts[0] + "," + parts[1] + "," + parts[2] + "," + parts[3] + "}");
        CHECK(event.view().did == "did:plc:a");
        CHECK(event.view().record == R"({"kind":"identity","did":5})");
        ++orders;
    } while (std::next_permutation(parts.begin(), parts.end()));
    CHECK(orders == 24);
}

TEST_CASE("Escapes in keys and identifiers are legal JSON and read as what they stand for") {
    std::string frame = commit_frame();
    frame = replaced(frame, R"("did":"did:plc)", R"("\u0064id":"did\u003aplc)");
    frame = replaced(frame, R"("rkey":"3mpt)", R"("r\u006bey":"\u0033mpt)");
    frame = replaced(frame, R"("operation":"create")", R"("operation":"cr\u0065ate")");
    frame = replaced(frame, "tv.subcult", "tv\\u002esubcult");
    const Event event = accepted(frame);
    CHECK(event.view().did == test::did);
    CHECK(event.view().rkey == "3mptbyplj5d2a");
    CHECK(event.view().collection == "tv.subcult.scene");
}

TEST_CASE("Unknown envelope keys of every type are ignored") {
    std::string frame = commit_frame();
    frame =
        replaced(frame, R"("kind")",
                 R"("x":{"did":1,"kind":[{}]},"y":[[1,"}"]],"z":null,"w":-1.5e9,"v":"\"","kind")");
    frame = replaced(frame, R"("rev")", R"("live":true,"extra":{"rev":{}},"rev")");
    CHECK(accepted(frame).view().rev == "3mptbypluud2a");
}

TEST_CASE("The cursor of newer servers becomes the sequence number") {
    const std::string frame =
        replaced(commit_frame(), R"("kind")", R"("cursor":24600000000,"kind")");
    CHECK(accepted(frame).view().seq == 24'600'000'000);
    CHECK(accepted(replaced(commit_frame(), R"("kind")", R"("cursor":0,"kind")")).view().seq == 0);
}

TEST_CASE("A delete needs neither record nor cid and ignores both") {
    std::string frame =
        R"({"did":"did:plc:a","time_us":1783175888085434,"kind":"commit","commit":{)"
        R"("rev":"3mptbypluud2a","operation":"delete","collection":"tv.subcult.scene","rkey":"k"}})";
    CHECK(accepted(frame).view().operation == Operation::del);
    frame = replaced(frame, R"("rkey")", R"("record":5,"cid":null,"rkey")");
    const Event event = accepted(frame);
    CHECK(event.view().record.empty());
    CHECK(event.view().cid.empty());
}

TEST_CASE("Records of unknown collections need nothing but to be objects") {
    CHECK(accepted(commit_frame("{}")).view().record == "{}");
    CHECK(accepted(commit_frame(R"({"a":1,"a":2})")).view().record == R"({"a":1,"a":2})");
}

TEST_CASE("An identity is read with or without a handle") {
    const Event event = accepted(identity_frame());
    CHECK(event.view().kind == Kind::identity);
    CHECK(event.view().handle == std::optional<std::string_view>("ana.subcult.tv"));
    CHECK(event.view().upstream_seq == 1'409'752'997);
    const std::string without = replaced(identity_frame(), R"("handle":"ana.subcult.tv",)", "");
    CHECK_FALSE(accepted(without).view().handle.has_value());
    CHECK(accepted(replaced(identity_frame(), R"("seq":1409752997,)", "")).view().upstream_seq ==
          0);
}

TEST_CASE("A handle that is nobody's reads as absent") {
    for (const char* handle : {"handle.invalid", "", "not a handle", "@ana.subcult.tv", "ana"}) {
        INFO(handle);
        const Event event = accepted(replaced(identity_frame(), "ana.subcult.tv", handle));
        CHECK_FALSE(event.view().handle.has_value());
    }
}

TEST_CASE("An account is read with or without a status, known or not") {
    const Event event = accepted(account_frame());
    CHECK(event.view().kind == Kind::account);
    CHECK_FALSE(event.view().active);
    CHECK(event.view().status == std::optional<std::string_view>("deactivated"));
    CHECK(event.view().upstream_seq == 1'409'753'013);
    CHECK(accepted(replaced(account_frame(), "deactivated", "on-the-moon")).view().status ==
          std::optional<std::string_view>("on-the-moon"));
    const Event active = accepted(
        replaced(replaced(account_frame(), R"("status":"deactivated",)", ""), "false", "true"));
    CHECK(active.view().active);
    CHECK_FALSE(active.view().status.has_value());
    CHECK(accepted(replaced(account_frame(), "deactivated", std::string(64, 's')))
              .view()
              .status->size() == 64);
}

TEST_CASE("The objects of another kind are ignored whatever they hold") {
    CHECK(accepted(replaced(identity_frame(), R"("kind")", R"("commit":5,"account":{},"kind")"))
              .view()
              .kind == Kind::identity);
    CHECK(accepted(replaced(identity_frame(), R"("kind")",
                            R"("commit":{"record":[],"rev":7,"collection":"x"},"kind")"))
              .view()
              .kind == Kind::identity);
    CHECK(accepted(replaced(commit_frame(), R"("kind")", R"("identity":{"did":7},"kind")"))
              .view()
              .kind == Kind::commit);
}

TEST_CASE("Identifiers at their limits pass") {
    const std::string long_did = "did:web:" + std::string(2040, 'a');
    CHECK(accepted(replaced(commit_frame(), test::did, long_did)).view().did == long_did);
    const std::string long_key(512, 'k');
    CHECK(accepted(replaced(commit_frame(), "3mptbyplj5d2a", long_key)).view().rkey == long_key);
    CHECK(
        accepted(replaced(commit_frame(), "1783175888085434", "1000000000000000")).view().time_us ==
        1'000'000'000'000'000);
    CHECK(
        accepted(replaced(commit_frame(), "1783175888085434", "3999999999999999")).view().time_us ==
        3'999'999'999'999'999);
}

TEST_CASE("An unwanted commit is passed over before its record is looked at") {
    const std::vector<std::string> patterns{"tv.subcult.event", "app.*"};
    Decoder decoder{CollectionFilter(patterns)};
    for (const char* record : {R"({"a":1})", R"({"a":tru})", R"({"a":"\u0000"})", "5"}) {
        INFO(record);
        const auto result = decoder.decode(commit_frame(record), false);
        REQUIRE(result.has_value());
        CHECK_FALSE(result->has_value());
    }
    const auto wanted =
        decoder.decode(replaced(commit_frame(), "tv.subcult.scene", "tv.subcult.event"), false);
    REQUIRE(wanted.has_value());
    CHECK(wanted->has_value());
    REQUIRE(decoder.decode(identity_frame(), false).has_value());
    REQUIRE(decoder.decode(account_frame(), false).has_value());
}

TEST_CASE("An unwanted commit with a broken envelope is refused all the same") {
    const std::vector<std::string> patterns{"app.*"};
    Decoder decoder{CollectionFilter(patterns)};
    for (const std::string& frame :
         {commit_frame() + "x", replaced(commit_frame(), R"(,"kind")", R"( "kind")"),
          replaced(commit_frame(), R"("rkey")", R"("rev":"3mptbypluud2a","rkey")"),
          replaced(commit_frame(), test::did, "did:plc:"),
          replaced(commit_frame(), "1783175888085434", "12"),
          commit_frame().substr(0, commit_frame().size() - 1)}) {
        INFO(frame);
        CHECK_FALSE(decoder.decode(frame, false).has_value());
    }
}

TEST_CASE("A frame in place and a copied frame decode alike, and a decoder can be moved") {
    Decoder first{CollectionFilter({})};
    const std::string frame = commit_frame();
    std::string padded = frame;
    padded.append(64, '\xff');
    const auto in_place = first.decode(std::string_view(padded).substr(0, frame.size()), true);
    REQUIRE(in_place.has_value());
    REQUIRE(in_place->has_value());
    CHECK((*in_place)->record.data() >= padded.data());
    CHECK((*in_place)->record.data() < padded.data() + padded.size());
    Decoder second(std::move(first));
    CHECK(accepted(second, frame).view().rkey == "3mptbyplj5d2a");
    first = std::move(second);
    CHECK(accepted(first, frame).view().rkey == "3mptbyplj5d2a");
}

TEST_CASE("Large frames decode up to the limit and small ones after them") {
    Decoder decoder{CollectionFilter({}), 1024 * 1024};
    const std::string text(1'000'000, 'x');
    CHECK(accepted(decoder, commit_frame("{\"t\":\"" + text + "\"}")).view().record.size() >
          1'000'000);
    CHECK(accepted(decoder, commit_frame()).view().rkey == "3mptbyplj5d2a");
    const auto result = decoder.decode(std::string(1024 * 1024 + 1, ' '), false);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().fault == DecodeFault::too_large);
}

TEST_CASE("An error says where, and keeps what places the frame") {
    Decoder decoder{CollectionFilter({})};
    const auto result = decoder.decode(replaced(commit_frame(), "3mptbyplj5d2a", "a/b"), false);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().fault == DecodeFault::invalid_identifier);
    CHECK(result.error().path == "commit.rkey");
    CHECK_FALSE(result.error().reason.empty());
    CHECK(result.error().did == test::did);
    CHECK(result.error().time_us == 1'783'175'888'085'434);

    // The did comes after the fault and is found nevertheless.
    const auto late = decoder.decode(
        R"({"kind":7,"time_us":1783175888085434,"did":"did:plc:a","commit":{}})", false);
    REQUIRE_FALSE(late.has_value());
    CHECK(late.error().path == "kind");
    CHECK(late.error().did == "did:plc:a");

    // What is itself invalid is not handed on.
    const auto invalid =
        decoder.decode(R"({"did":"plc:a","time_us":12,"kind":"commit","commit":{}})", false);
    REQUIRE_FALSE(invalid.has_value());
    CHECK(invalid.error().did.empty());
    CHECK(invalid.error().time_us == 0);

    const auto torn = decoder.decode(commit_frame().substr(0, 150), false);
    REQUIRE_FALSE(torn.has_value());
    CHECK(torn.error().fault == DecodeFault::malformed_json);
}

TEST_CASE("Every fault prints as its own name") {
    CHECK(to_string(DecodeFault::malformed_json) == "malformed_json");
    CHECK(to_string(DecodeFault::missing_field) == "missing_field");
    CHECK(to_string(DecodeFault::wrong_type) == "wrong_type");
    CHECK(to_string(DecodeFault::unknown_kind) == "unknown_kind");
    CHECK(to_string(DecodeFault::unknown_operation) == "unknown_operation");
    CHECK(to_string(DecodeFault::invalid_identifier) == "invalid_identifier");
    CHECK(to_string(DecodeFault::invalid_number) == "invalid_number");
    CHECK(to_string(DecodeFault::unstorable_record) == "unstorable_record");
    CHECK(to_string(DecodeFault::too_large) == "too_large");
}
