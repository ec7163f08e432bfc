#include "frames.hpp"
#include "jetstream/decoder.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace subcults::jetstream;
using test::account_frame;
using test::commit_frame;
using test::identity_frame;
using test::replaced;

namespace {

struct Hostile {
    std::string frame;
    DecodeFault fault;
    std::string path;  // empty = the frame as a whole
};

void expect_refused(const std::vector<Hostile>& table) {
    Decoder decoder{CollectionFilter({})};
    for (const Hostile& hostile : table) {
        INFO(hostile.frame.substr(0, 500));
        const auto result = decoder.decode(hostile.frame, false);
        REQUIRE_FALSE(result.has_value());
        INFO(result.error().path << ": " << result.error().reason);
        CHECK(to_string(result.error().fault) == to_string(hostile.fault));
        CHECK(result.error().path == hostile.path);
        CHECK_FALSE(result.error().reason.empty());
        // A refusal leaves nothing behind that the next frame could trip over.
        REQUIRE(decoder.decode(commit_frame(), false).has_value());
    }
}

// A commit frame with one change.
std::string but(std::string_view from, std::string_view to) {
    return replaced(commit_frame(), from, to);
}
std::string array_of_depth(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_CASE("Frames that are no JSON are malformed, also where a lazy parser would not look") {
    using F = DecodeFault;
    const std::string good = commit_frame();
    expect_refused({
        {"", F::malformed_json, ""},
        {" ", F::malformed_json, ""},
        {"x", F::malformed_json, ""},
        {"{", F::malformed_json, ""},
        {"{}}", F::malformed_json, ""},
        {"{\"did\"}", F::malformed_json, ""},
        {"\xef\xbb\xbf" + good, F::malformed_json, ""},
        {good + "x", F::malformed_json, ""},
        {good + "{}", F::malformed_json, ""},
        {good + ",", F::malformed_json, ""},
        {good + std::string(1, '\0'), F::malformed_json, ""},
        {good + good, F::malformed_json, ""},
        {good.substr(0, good.size() - 1), F::malformed_json, ""},
        {good.substr(0, good.size() - 2), F::malformed_json, ""},
        {good.substr(1), F::malformed_json, ""},
        {but(R"("did":)", R"("did" )"), F::malformed_json, ""},
        {but(R"(,"kind")", R"( "kind")"), F::malformed_json, ""},
        {but(R"("kind":"commit",)", R"("kind":"commit",,)"), F::malformed_json, ""},
        {but(R"("did")", "did"), F::malformed_json, ""},
        {but("1783175888085434", "1783175888085434x"), F::malformed_json, ""},
        {but("1783175888085434", "01783175888085434"), F::malformed_json, ""},
        {but("1783175888085434", "1783175888085434."), F::malformed_json, ""},
        {but(R"("kind")", R"("x":tru,"kind")"), F::malformed_json, ""},
        {but(R"("kind")", R"("x":{"y":[1,]},"kind")"), F::malformed_json, ""},
        {but(R"("kind")", R"("x":nul,"kind")"), F::malformed_json, ""},
        {but(R"("kind")", "\"x\":\"a\nb\",\"kind\""), F::malformed_json, ""},
        {but(R"("kind")", "\"\\x\":1,\"kind\""), F::malformed_json, ""},
        {but(test::did, "did:plc:\\q"), F::malformed_json, ""},
        {but("\"}}", "\"}]"), F::malformed_json, ""},
        {commit_frame(R"({"a":tru})"), F::malformed_json, ""},
        {commit_frame(R"({"a":1,})"), F::malformed_json, ""},
        {commit_frame(R"({"a" 1})"), F::malformed_json, ""},
        {commit_frame(R"({"a":[1 2]})"), F::malformed_json, ""},
        {commit_frame(R"({"a":[1}])"), F::malformed_json, ""},
        {commit_frame(R"({"a":"\x"})"), F::malformed_json, ""},
        {commit_frame(R"({"a":"\u12"})"), F::malformed_json, ""},
        {commit_frame(R"({"a":00})"), F::malformed_json, ""},
        {commit_frame(R"({"a":1.})"), F::malformed_json, ""},
        {commit_frame("{\"a\":\"\t\"}"), F::malformed_json, ""},
        {commit_frame(std::string("{\"a\":\"\0\"}", 9)), F::malformed_json, ""},
        {commit_frame("{\"a\":\"\xff\"}"), F::malformed_json, ""},
        {commit_frame("{\"a\":\"\xed\xa0\x80\"}"), F::malformed_json, ""},
        {commit_frame("{\"a\":\"\xc0\x80\"}"), F::malformed_json, ""},
    });
}

TEST_CASE("A known envelope key given twice is malformed") {
    using F = DecodeFault;
    expect_refused({
        {but(R"("kind")", R"("did":"did:plc:b","kind")"), F::malformed_json, "did"},
        {but(R"("kind")", R"("d\u0069d":"did:plc:b","kind")"), F::malformed_json, "did"},
        {but(R"("kind")", R"("time_us":1783175888085434,"kind")"), F::malformed_json, "time_us"},
        {but(R"("commit":)", R"("kind":"commit","commit":)"), F::malformed_json, "kind"},
        {but(R"("commit":)", R"("commit":{},"commit":)"), F::malformed_json, "commit"},
        {but(R"("rkey")", R"("rev":null,"rkey")"), F::malformed_json, "commit.rev"},
        {but(R"("cid")", R"("record":{},"cid")"), F::malformed_json, "commit.record"},
        {but(R"("cid")", R"("collection":"a.b.c","cid")"), F::malformed_json, "commit.collection"},
        {replaced(account_frame(), R"("active":false)", R"("active":false,"active":true)"),
         F::malformed_json, "account.active"},
    });
}

TEST_CASE("Missing fields are named") {
    using F = DecodeFault;
    expect_refused({
        {"{}", F::missing_field, "did"},
        {but(R"("did":"did:plc:z72i7hdynmk6r22z27h6tvur",)", ""), F::missing_field, "did"},
        {but(R"("time_us":1783175888085434,)", ""), F::missing_field, "time_us"},
        {but(R"("kind":"commit",)", ""), F::missing_field, "kind"},
        {R"({"did":"did:plc:a","time_us":1783175888085434,"kind":"commit"})", F::missing_field,
         "commit"},
        {R"({"did":"did:plc:a","time_us":1783175888085434,"kind":"commit","commit":{}})",
         F::missing_field, "commit.collection"},
        {but(R"("rev":"3mptbypluud2a",)", ""), F::missing_field, "commit.rev"},
        {but(R"("operation":"create",)", ""), F::missing_field, "commit.operation"},
        {but(R"("collection":"tv.subcult.scene",)", ""), F::missing_field, "commit.collection"},
        {but(R"("rkey":"3mptbyplj5d2a",)", ""), F::missing_field, "commit.rkey"},
        {but(R"("record":{"$type":"tv.subcult.scene"},)", ""), F::missing_field, "commit.record"},
        {but(R"(,"cid":"bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i")", ""),
         F::missing_field, "commit.cid"},
        {R"({"did":"did:plc:a","time_us":1783175888085434,"kind":"identity"})", F::missing_field,
         "identity"},
        {R"({"did":"did:plc:a","time_us":1783175888085434,"kind":"account","commit":{}})",
         F::missing_field, "account"},
        {replaced(account_frame(), R"("active":false,)", ""), F::missing_field, "account.active"},
    });
}

TEST_CASE("Fields of the wrong type are named") {
    using F = DecodeFault;
    expect_refused({
        {"[]", F::wrong_type, ""},
        {"5", F::wrong_type, ""},
        {"\"text\"", F::wrong_type, ""},
        {"null", F::wrong_type, ""},
        {but(R"("did:plc:z72i7hdynmk6r22z27h6tvur")", "5"), F::wrong_type, "did"},
        {but(R"("did:plc:z72i7hdynmk6r22z27h6tvur")", "null"), F::wrong_type, "did"},
        {but("1783175888085434", R"("1783175888085434")"), F::wrong_type, "time_us"},
        {but("1783175888085434", "null"), F::wrong_type, "time_us"},
        {but(R"("commit",)", "[\"commit\"],"), F::wrong_type, "kind"},
        {but(R"("kind")", R"("cursor":"5","kind")"), F::wrong_type, "cursor"},
        {but(R"("kind")", R"("cursor":null,"kind")"), F::wrong_type, "cursor"},
        {R"({"did":"did:plc:a","time_us":1783175888085434,"kind":"commit","commit":[]})",
         F::wrong_type, "commit"},
        {R"({"did":"did:plc:a","time_us":1783175888085434,"kind":"commit","commit":null})",
         F::wrong_type, "commit"},
        {but(R"("3mptbypluud2a")", "3"), F::wrong_type, "commit.rev"},
        {but(R"("create")", "true"), F::wrong_type, "commit.operation"},
        {but(R"("tv.subcult.scene")", "{}"), F::wrong_type, "commit.collection"},
        {but(R"("3mptbyplj5d2a")", "3"), F::wrong_type, "commit.rkey"},
        {commit_frame("[]"), F::wrong_type, "commit.record"},
        {commit_frame("\"{}\""), F::wrong_type, "commit.record"},
        {commit_frame("null"), F::wrong_type, "commit.record"},
        {but(R"("bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i")",
             R"({"$link":"x"})"),
         F::wrong_type, "commit.cid"},
        {replaced(identity_frame(), R"("ana.subcult.tv")", "5"), F::wrong_type, "identity.handle"},
        {replaced(identity_frame(), R"("ana.subcult.tv")", "null"), F::wrong_type,
         "identity.handle"},
        {replaced(identity_frame(), "1409752997", "\"1\""), F::wrong_type, "identity.seq"},
        {replaced(account_frame(), "false", "\"false\""), F::wrong_type, "account.active"},
        {replaced(account_frame(), "false", "0"), F::wrong_type, "account.active"},
        {replaced(account_frame(), R"("deactivated")", "null"), F::wrong_type, "account.status"},
        {R"({"did":"did:plc:a","time_us":1783175888085434,"kind":"account","account":"x"})",
         F::wrong_type, "account"},
    });
}

TEST_CASE("Unknown kinds and operations are refused") {
    using F = DecodeFault;
    expect_refused({
        {but(R"("kind":"commit")", R"("kind":"sync")"), F::unknown_kind, "kind"},
        {but(R"("kind":"commit")", R"("kind":"")"), F::unknown_kind, "kind"},
        {but(R"("kind":"commit")", R"("kind":"Commit")"), F::unknown_kind, "kind"},
        {but(R"("kind":"commit")", R"("kind":"commit\u0000")"), F::unknown_kind, "kind"},
        {but(R"("create")", R"("upsert")"), F::unknown_operation, "commit.operation"},
        {but(R"("create")", R"("")"), F::unknown_operation, "commit.operation"},
        {but(R"("create")", R"("del")"), F::unknown_operation, "commit.operation"},
    });
}

TEST_CASE("Identifiers that break their syntax or limits are refused") {
    using F = DecodeFault;
    expect_refused({
        {but(test::did, ""), F::invalid_identifier, "did"},
        {but(test::did, "ana.subcult.tv"), F::invalid_identifier, "did"},
        {but(test::did, "did:plc:a\\u0000b"), F::invalid_identifier, "did"},
        {but(test::did, "did:plc:a b"), F::invalid_identifier, "did"},
        {but(test::did, "did:plc:\\ud800"), F::invalid_identifier, "did"},
        {but(test::did, "did:web:" + std::string(2041, 'a')), F::invalid_identifier, "did"},
        {but("tv.subcult.scene", "scene"), F::invalid_identifier, "commit.collection"},
        {but("tv.subcult.scene", "tv.subcult.*"), F::invalid_identifier, "commit.collection"},
        {but("tv.subcult.scene", "tv." + std::string(63, 'a') + "." + std::string(63, 'a') + "." +
                                     std::string(63, 'a') + "." + std::string(63, 'a') + "." +
                                     std::string(63, 'a') + ".x"),
         F::invalid_identifier, "commit.collection"},
        {but("3mptbyplj5d2a", ""), F::invalid_identifier, "commit.rkey"},
        {but("3mptbyplj5d2a", ".."), F::invalid_identifier, "commit.rkey"},
        {but("3mptbyplj5d2a", "a/b"), F::invalid_identifier, "commit.rkey"},
        {but("3mptbyplj5d2a", "a\\u0000"), F::invalid_identifier, "commit.rkey"},
        {but("3mptbyplj5d2a", std::string(513, 'k')), F::invalid_identifier, "commit.rkey"},
        {but("3mptbypluud2a", ""), F::invalid_identifier, "commit.rev"},
        {but("3mptbypluud2a", "3mptbypluud2"), F::invalid_identifier, "commit.rev"},
        {but("3mptbypluud2a", "3MPTBYPLUUD2A"), F::invalid_identifier, "commit.rev"},
        {but("bafyreiguce", "bafyreiguc"), F::invalid_identifier, "commit.cid"},
        {but(test::cid, ""), F::invalid_identifier, "commit.cid"},
        {but(test::cid, std::string(257, 'b')), F::invalid_identifier, "commit.cid"},
        {replaced(identity_frame(), R"("identity":{"did":"did:plc:z)",
                  R"("identity":{"did":"did:plc:y)"),
         F::invalid_identifier, "identity.did"},
        {replaced(account_frame(), R"("account":{"active":false,"did":"did:plc:z)",
                  R"("account":{"active":false,"did":"did:plc:y)"),
         F::invalid_identifier, "account.did"},
    });
}

TEST_CASE("Numbers out of range are refused") {
    using F = DecodeFault;
    expect_refused({
        {but("1783175888085434", "0"), F::invalid_number, "time_us"},
        {but("1783175888085434", "-1783175888085434"), F::invalid_number, "time_us"},
        {but("1783175888085434", "999999999999999"), F::invalid_number, "time_us"},
        {but("1783175888085434", "4000000000000000"), F::invalid_number, "time_us"},
        {but("1783175888085434", "1783175888085"), F::invalid_number, "time_us"},
        {but("1783175888085434", "1783175888085434000"), F::invalid_number, "time_us"},
        {but("1783175888085434", "17831758880854340000000"), F::invalid_number, "time_us"},
        {but("1783175888085434", "1783175888085434.0"), F::invalid_number, "time_us"},
        {but("1783175888085434", "1.783175888085434e15"), F::invalid_number, "time_us"},
        {but(R"("kind")", R"("cursor":-1,"kind")"), F::invalid_number, "cursor"},
        {but(R"("kind")", R"("cursor":9223372036854775808,"kind")"), F::invalid_number, "cursor"},
        {replaced(identity_frame(), "1409752997", "-1"), F::invalid_number, "identity.seq"},
        {replaced(account_frame(), "1409753013", "1.5"), F::invalid_number, "account.seq"},
    });
}

TEST_CASE("JSON that jsonb cannot hold is unstorable, in the record and beside it") {
    using F = DecodeFault;
    expect_refused({
        {commit_frame(R"({"a":"\u0000"})"), F::unstorable_record, ""},
        {commit_frame(R"({"\u0000":1})"), F::unstorable_record, ""},
        {commit_frame(R"({"a":"\ud800"})"), F::unstorable_record, ""},
        {commit_frame(R"({"a":"\udc00\ud800"})"), F::unstorable_record, ""},
        {commit_frame(R"({"a":1e200000})"), F::unstorable_record, ""},
        {commit_frame(R"({"a":1e-20000})"), F::unstorable_record, ""},
        {commit_frame("{\"a\":" + std::string(131'073, '1') + "}"), F::unstorable_record, ""},
        {commit_frame(R"({"a":[1e131000,1e131000,1e131000]})"), F::unstorable_record, ""},
        {commit_frame("{\"a\":" + array_of_depth(300) + "}"), F::unstorable_record, ""},
        {but(R"("kind")", R"("note":"\u0000","kind")"), F::unstorable_record, ""},
        {replaced(account_frame(), "deactivated", "a\\u0000"), F::unstorable_record, ""},
    });
}

TEST_CASE("A frame nested so deeply that no parser follows is refused without a crash") {
    Decoder decoder{CollectionFilter({})};
    for (const std::size_t depth : {1'000U, 1'030U, 5'000U, 1'000'000U}) {
        const auto closed =
            decoder.decode(commit_frame("{\"a\":" + array_of_depth(depth) + "}"), false);
        REQUIRE_FALSE(closed.has_value());
        const auto open = decoder.decode(std::string(depth, '['), false);
        REQUIRE_FALSE(open.has_value());
        std::string objects;
        for (std::size_t i = 0; i < depth; ++i)
            objects += "{\"commit\":";
        REQUIRE_FALSE(decoder.decode(objects, false).has_value());
    }
    REQUIRE(decoder.decode(commit_frame(), false).has_value());
}

TEST_CASE("What is too large is refused") {
    using F = DecodeFault;
    expect_refused({
        {std::string(16 * 1024 * 1024 + 1, ' '), F::too_large, ""},
        {replaced(account_frame(), "deactivated", std::string(65, 's')), F::too_large,
         "account.status"},
    });
}
