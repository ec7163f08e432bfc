#include "jetstream/shard.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <string>

using subcults::jetstream::Shard;

TEST_CASE("a shard is written i/n with i below n") {
    CHECK(Shard::parse("0/1") == Shard{0, 1});
    CHECK(Shard::parse("3/4") == Shard{3, 4});
    CHECK(Shard::parse("1023/1024") == Shard{1023, 1024});
    for (const char* wrong : {"", "0", "/", "0/", "/1", "1/1", "4/4", "0/0", "-1/2", "+0/2", " 0/1",
                              "0/1 ", "0/1/2", "a/b", "0/1025", "0/99999999999", "0x0/1"}) {
        INFO(wrong);
        CHECK_FALSE(Shard::parse(wrong));
    }
}

TEST_CASE("every account belongs to exactly one shard, and the shards are about as large") {
    std::array<int, 4> sizes{};
    for (int i = 0; i < 10'000; ++i) {
        const std::string did = "did:plc:account" + std::to_string(i);
        int owners = 0;
        for (std::uint32_t index = 0; index < 4; ++index) {
            if (!Shard{index, 4}.owns(did)) continue;
            ++owners;
            ++sizes[index];
        }
        REQUIRE(owners == 1);
        REQUIRE(Shard{}.owns(did));
    }
    for (const int size : sizes) {
        CHECK(size > 2'300);
        CHECK(size < 2'700);
    }
}

TEST_CASE("the division never changes") {
    // Another hash would hand accounts to shards whose cursors stand elsewhere.
    CHECK(Shard{983, 1024}.owns("did:plc:wq4aajammjtxdomz3e23667t"));
    CHECK(Shard{981, 1024}.owns("did:web:example.com"));
    CHECK(Shard{151, 1024}.owns("did:plc:a"));
    CHECK(Shard{183, 1000}.owns("did:plc:a"));
}
