#include "atproto/at_uri.hpp"
#include "atproto/did.hpp"
#include "atproto/handle.hpp"
#include "atproto/nsid.hpp"
#include "atproto/rkey.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace subcults::atproto;
using Texts = std::vector<std::string>;

std::string repeated(std::size_t count, char c) {
    return std::string(count, c);
}

template <class Check>
void expect_all(const Texts& texts, bool expected, Check check) {
    for (const std::string& text : texts) {
        INFO("'" << text.substr(0, 120) << "' (" << text.size() << " bytes)");
        CHECK(check(text) == expected);
    }
}

// A name of exactly `size` bytes out of labels of at most 63.
std::string long_domain(std::size_t size) {
    std::string name;
    while (name.size() + 64 < size)
        name += repeated(63, 'a') + ".";
    return name + repeated(size - name.size(), 'b');
}

}  // namespace

TEST_CASE("A DID has a lower-case method and an identifier of the allowed characters") {
    expect_all(
        {
            "did:plc:z72i7hdynmk6r22z27h6tvur",
            "did:web:subcult.tv",
            "did:web:localhost%3A8080",
            "did:web:subcult.tv:people:ana",
            "did:key:zQ3shZc2QzApp2oymGvQbzP8eKheVshBHbU4ZYjeXqwSKEn6N",
            "did:m:v",
            "did:method:a:b:c",
            "did:method::a",
            "did:method:-._",
            "did:method:UPPER",
            "did:x:" + repeated(2042, 'a'),
        },
        true, is_valid_did);
    expect_all(
        {
            "",
            "did",
            "did:",
            "did:plc",
            "did:plc:",
            "did::abc",
            "DID:plc:abc",
            "did:PLC:abc",
            "did:p2p:abc",
            "did:plc:abc:",
            "did:plc:abc%",
            "did:plc:a b",
            " did:plc:abc",
            "did:plc:abc ",
            "did:plc:abc/path",
            "did:plc:abc?query",
            "did:plc:abc#fragment",
            "did:plc:ünicode",
            std::string("did:plc:a\0b", 11),
            "at://did:plc:abc",
            "plc:did:abc",
            "did:x:" + repeated(2043, 'a'),
        },
        false, is_valid_did);
}

TEST_CASE("An NSID is a reversed domain of at least two labels and a name") {
    expect_all(
        {
            "tv.subcult.scene",
            "app.subcult.membership",
            "app.bsky.feed.post",
            "com.example.fooBar",
            "com.ex-ample.thing",
            "com.3example.thing",
            "net.users.bob.ping",
            "a.b.c",
            "a.0.c",
            "com.example.v2",
            "com.example.a1b2",
            "COM.Example.Thing",
            "com.example." + repeated(63, 'o'),
            "com." + repeated(63, 'o') + ".foo",
            long_domain(253) + "." + repeated(63, 'n'),
        },
        true, is_valid_nsid);
    expect_all(
        {
            "",
            "scene",
            "subcult.scene",
            "tv.subcult.",
            ".tv.subcult.scene",
            "tv..scene",
            "tv.subcult.*",
            "tv.subcult.3d",
            "tv.subcult.my-scene",
            "tv.subcult.my_scene",
            "tv.-subcult.scene",
            "tv.subcult-.scene",
            "4tv.subcult.scene",
            "tv.subcult.scene#main",
            "tv.subcult.scene ",
            "tv.subcült.scene",
            "tv.subcult.scéne",
            "tv/subcult/scene",
            "com.example." + repeated(64, 'o'),
            "com." + repeated(64, 'o') + ".foo",
            long_domain(254) + ".n",
        },
        false, is_valid_nsid);
}

TEST_CASE("A namespace before a wildcard is one or more authority labels") {
    expect_all({"tv", "tv.subcult", "app.bsky.feed", "com.ex-ample"}, true, is_valid_nsid_prefix);
    expect_all({"", ".", "tv.", ".tv", "3tv.x", "tv.sub cult", "tv.*", "-tv"}, false,
               is_valid_nsid_prefix);
}

TEST_CASE("A record key is 1 to 512 of the allowed characters and no path step") {
    expect_all(
        {
            "3jui7kd54zh2y",
            "self",
            "example.com",
            "~1.2-3_",
            "dHJ1ZQ",
            "pre:fix",
            "_",
            "-",
            ":",
            "...",
            "did:plc:abc::x",
            repeated(512, 'k'),
        },
        true, is_valid_rkey);
    expect_all(
        {
            "",
            ".",
            "..",
            "a/b",
            "a b",
            "#extra",
            "any+space",
            "number[3]",
            "a%20b",
            "key@home",
            "\"quoted\"",
            "ключ",
            std::string("a\0b", 3),
            repeated(513, 'k'),
        },
        false, is_valid_rkey);
}

TEST_CASE("A handle is a domain name whose last label starts with a letter") {
    expect_all(
        {
            "ana.subcult.tv",
            "subcult.tv",
            "8.cn",
            "xn--ls8h.test",
            "A.B.C",
            "a-b.example",
            "name.t1",
            "handle.invalid",
            "laptop.local",
            long_domain(249) + ".com",
        },
        true, is_valid_handle);
    expect_all(
        {
            "",
            "subcult",
            "@subcult.tv",
            ".subcult.tv",
            "subcult.tv.",
            "sub..tv",
            "-sub.tv",
            "sub-.tv",
            "sub_cult.tv",
            "subcult.4tv",
            "127.0.0.1",
            "sub cult.tv",
            "sübcult.tv",
            "https://subcult.tv",
            repeated(64, 'a') + ".tv",
            long_domain(250) + ".com",
        },
        false, is_valid_handle);
}

TEST_CASE("An at-uri names exactly one record by DID, collection and record key") {
    const auto uri = parse_at_uri("at://did:plc:abc/tv.subcult.scene/3jui7kd54zh2y");
    REQUIRE(uri.has_value());
    CHECK(uri->did == "did:plc:abc");
    CHECK(uri->collection == "tv.subcult.scene");
    CHECK(uri->rkey == "3jui7kd54zh2y");
    CHECK(make_at_uri(uri->did, uri->collection, uri->rkey) ==
          "at://did:plc:abc/tv.subcult.scene/3jui7kd54zh2y");

    expect_all(
        {
            "",
            "at://",
            "at:///tv.subcult.scene/x",
            "did:plc:abc/tv.subcult.scene/x",
            "AT://did:plc:abc/tv.subcult.scene/x",
            "at:/did:plc:abc/tv.subcult.scene/x",
            "https://did:plc:abc/tv.subcult.scene/x",
            "at://did:plc:abc",
            "at://did:plc:abc/",
            "at://did:plc:abc/tv.subcult.scene",
            "at://did:plc:abc/tv.subcult.scene/",
            "at://did:plc:abc/tv.subcult.scene/x/",
            "at://did:plc:abc/tv.subcult.scene/x/y",
            "at://did:plc:abc//x",
            "at://did:plc:abc/tv.subcult.scene/..",
            "at://did:plc:abc/tv.subcult.scene/x#name",
            "at://did:plc:abc/tv.subcult.scene/x?q=1",
            "at://ana.subcult.tv/tv.subcult.scene/x",
            "at://did:plc:abc/scene/x",
            " at://did:plc:abc/tv.subcult.scene/x",
            "at://did:plc:abc/tv.subcult.scene/x ",
        },
        false, is_valid_at_uri);
}
