#include "atproto/cid.hpp"
#include "base/crypto.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults::atproto;

namespace {

std::string v1(std::string bytes) {
    return "b" + subcults::base32(bytes);
}
std::string digest(std::size_t size) {
    return std::string(size, '\xa5');
}

}  // namespace

TEST_CASE("A CIDv1 in base32 is valid when its multihash is as long as it says") {
    const std::vector<std::string> valid{
        "bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i",
        "bafkreias7oxbr6swsuggccmtnqpoeami4jza5x4w3urltn6gzhqf4k6k2e",
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
        v1("\x01\x71\x12\x20" + digest(32)),          // dag-cbor, sha2-256
        v1("\x01\x55\x13\x40" + digest(64)),          // raw, sha2-512
        v1(std::string("\x01\x71\x00\x00", 4)),       // an empty identity hash
        v1("\x01\x81\x80\x01\x12\x20" + digest(32)),  // a codec of three bytes
        v1("\x01\x71\x12\x80\x01" + digest(128)),     // a length of two bytes
    };
    for (const std::string& cid : valid) {
        INFO(cid);
        CHECK(is_valid_cid(cid));
    }
}

TEST_CASE("A CIDv1 with a broken structure or alphabet is refused") {
    const std::string good = "bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i";
    std::vector<std::string> invalid{
        "",
        "b",
        "ba",
        "bafyrei",
        "Bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i",
        "bAFYREIGUCE4JH7KCBMOF3PMCVASIFQTW24B6ISAKJ5VE5GA2B4Z4ALPC4I",
        "zdj7WhuEjrB52m1BisYCtmjH1hSKa7yZ3jEZ9JcXaFRD51wVz",
        good.substr(0, good.size() - 1),
        good + "a",
        good + "=",
        " " + good,
        good.substr(0, good.size() - 1) + "j",                // left-over bits that are not zero
        good.substr(0, 20) + "1" + good.substr(21),           // not a digit of base32
        v1("\x02\x71\x12\x20" + digest(32)),                  // unknown version
        v1(std::string("\x00\x71\x12\x20", 4) + digest(32)),  // version 0 is never spelt out
        v1("\x01\x71\x12\x20" + digest(31)),
        v1("\x01\x71\x12\x20" + digest(33)),
        v1("\x01\x71\x12"),
        v1("\x01\x71"),
        v1("\x01"),
        v1(std::string("\x81\x00\x71\x12\x20", 5) + digest(32)),  // a varint longer than needed
        v1("\x01\x71\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20" + digest(32)),
        "b" + std::string(256, 'a'),
    };
    for (const std::string& cid : invalid) {
        INFO(cid);
        CHECK_FALSE(is_valid_cid(cid));
    }
}

TEST_CASE("A CIDv0 is 46 digits of base58 that begin with Qm") {
    CHECK(is_valid_cid("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"));
    for (const char* cid : {"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbd",
                            "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdGG",
                            "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbd0",
                            "QnYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"}) {
        INFO(cid);
        CHECK_FALSE(is_valid_cid(cid));
    }
}

TEST_CASE("A CID made from a digest is valid and spells that digest") {
    const std::string cid = dag_cbor_cid(subcults::sha256("{}"));
    CHECK(cid.size() == 59);
    CHECK(cid.starts_with("bafyrei"));
    CHECK(is_valid_cid(cid));
    CHECK(cid != dag_cbor_cid(subcults::sha256("[]")));
}
