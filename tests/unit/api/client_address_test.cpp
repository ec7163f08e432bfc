#include "http/client_address.hpp"

#include "fake_request.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults::api;
using subcults::test::FakeRequest;

namespace {

std::string key_of(const std::string& address) {
    const auto parsed = IpAddress::parse(address);
    REQUIRE(parsed.has_value());
    return std::string(ClientKey(*parsed).bytes());
}

ClientAddress behind(const std::vector<std::string>& proxies) {
    std::vector<IpBlock> blocks;
    for (const std::string& text : proxies) {
        const auto block = IpBlock::parse(text);
        REQUIRE(block.has_value());
        blocks.push_back(*block);
    }
    return ClientAddress(std::move(blocks));
}

std::string seen(const ClientAddress& addresses, const std::string& peer,
                 const std::vector<std::string>& forwarded) {
    FakeRequest request;
    request.peer = peer;
    for (const std::string& line : forwarded)
        request.headers.emplace_back("X-Forwarded-For", line);
    return std::string(addresses.of(request).bytes());
}

}  // namespace

TEST_CASE("a v6 client is known by its /64, a v4 client by its address in either spelling") {
    CHECK(key_of("192.0.2.1") != key_of("192.0.2.2"));
    CHECK(key_of("192.0.2.1") == key_of("::ffff:192.0.2.1"));
    CHECK(key_of("2001:db8:1:2::1") == key_of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    CHECK(key_of("2001:db8:1:2::1") != key_of("2001:db8:1:3::1"));
}

TEST_CASE("what is no address is refused") {
    for (const char* text : {"", " ", "1.2.3", "1.2.3.4.5", "256.1.1.1", "localhost", "::g",
                             "1.2.3.4 ", "[::1]", "::1%eth0", "1.2.3.4/8", "-"}) {
        INFO(text);
        CHECK_FALSE(IpAddress::parse(text).has_value());
    }
    CHECK_FALSE(IpAddress::parse(std::string("1.2.3.4\0", 8)).has_value());
    CHECK_FALSE(IpAddress::parse(std::string(5000, '1')).has_value());
}

TEST_CASE("a block contains exactly the addresses with its prefix") {
    const auto contains = [](const std::string& block, const std::string& address) {
        return IpBlock::parse(block).value().contains(IpAddress::parse(address).value());
    };
    CHECK(contains("10.0.0.0/8", "10.255.255.255"));
    CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
    CHECK(contains("10.1.2.0/23", "10.1.3.9"));
    CHECK_FALSE(contains("10.1.2.0/23", "10.1.4.0"));
    CHECK(contains("192.0.2.7", "192.0.2.7"));
    CHECK_FALSE(contains("192.0.2.7", "192.0.2.8"));
    CHECK(contains("0.0.0.0/0", "203.0.113.9"));
    CHECK_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
    CHECK(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
    CHECK(contains("fd00::/8", "fdff::1"));
    CHECK_FALSE(contains("fd00::/8", "fe00::1"));
    CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
    CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
    for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "/8",
                             "::/129", "ten/8", "10.0.0.0/8/8"}) {
        INFO(text);
        CHECK_FALSE(IpBlock::parse(text).has_value());
    }
}

TEST_CASE("without trusted proxies nobody's word counts") {
    const ClientAddress addresses = behind({});
    CHECK(seen(addresses, "192.0.2.1", {"203.0.113.9"}) == key_of("192.0.2.1"));
    CHECK(seen(addresses, "fe80::1%eth0", {}) == key_of("fe80::1"));
}

TEST_CASE("the client is the last hop that is not a trusted proxy") {
    const ClientAddress addresses = behind({"10.0.0.0/8", "fd00::/8"});
    const std::string client = key_of("203.0.113.9");
    CHECK(seen(addresses, "10.0.0.1", {"203.0.113.9"}) == client);
    CHECK(seen(addresses, "10.0.0.1", {"203.0.113.9, 10.9.9.9"}) == client);
    CHECK(seen(addresses, "10.0.0.1", {"203.0.113.9", "10.9.9.9, fd00::7"}) == client);
    CHECK(seen(addresses, "10.0.0.1", {"203.0.113.9:4711 , [fd00::7]:80"}) == client);
    CHECK(seen(addresses, "::ffff:10.0.0.1", {"203.0.113.9"}) == client);
    // From somebody else the header means nothing.
    CHECK(seen(addresses, "192.0.2.1", {"203.0.113.9"}) == key_of("192.0.2.1"));
}

TEST_CASE("a client cannot put another address in front of its own") {
    const ClientAddress addresses = behind({"10.0.0.0/8"});
    const std::string client = key_of("203.0.113.9");
    for (const char* forged : {"1.1.1.1, 203.0.113.9", "10.1.1.1, 203.0.113.9",
                               "1.1.1.1, garbage, 203.0.113.9, 10.0.0.2", ",,, 203.0.113.9"}) {
        INFO(forged);
        CHECK(seen(addresses, "10.0.0.1", {forged}) == client);
    }
    CHECK(seen(addresses, "10.0.0.1", {"1.1.1.1", "203.0.113.9"}) == client);
}

TEST_CASE("where the chain breaks off, the client is the last hop known") {
    const ClientAddress addresses = behind({"10.0.0.0/8"});
    CHECK(seen(addresses, "10.0.0.1", {}) == key_of("10.0.0.1"));
    CHECK(seen(addresses, "10.0.0.1", {""}) == key_of("10.0.0.1"));
    CHECK(seen(addresses, "10.0.0.1", {"unknown"}) == key_of("10.0.0.1"));
    CHECK(seen(addresses, "10.0.0.1", {"1.1.1.1, _hidden, 10.0.0.2"}) == key_of("10.0.0.2"));
    CHECK(seen(addresses, "10.0.0.1", {"10.0.0.4, 10.0.0.3"}) == key_of("10.0.0.4"));
    std::string endless = "203.0.113.9";
    for (int i = 0; i < 1000; ++i)
        endless += ",10.0.0.5";
    CHECK(seen(addresses, "10.0.0.1", {endless}) == key_of("10.0.0.5"));
}
