#include "base/uuid.hpp"

#include "base/time.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <unordered_set>
#include <vector>

using subcults::Uuid;
using subcults::uuid_v5;
using subcults::uuid_v7;

TEST_CASE("a UUID is read in either case and printed in lower case") {
    const auto id = Uuid::parse("6BA7B811-9dad-11D1-80b4-00c04FD430C8");
    REQUIRE(id);
    CHECK(*id == subcults::uuid_namespace_url);
    CHECK(id->to_string() == "6ba7b811-9dad-11d1-80b4-00c04fd430c8");
    CHECK(Uuid{}.to_string() == "00000000-0000-0000-0000-000000000000");
}

TEST_CASE("nothing but the 36-character form is a UUID") {
    using namespace std::string_literals;
    const std::vector<std::string> bad{
        "",
        "6ba7b811-9dad-11d1-80b4-00c04fd430c",
        "6ba7b811-9dad-11d1-80b4-00c04fd430c80",
        "{6ba7b811-9dad-11d1-80b4-00c04fd430c8}",
        "urn:uuid:6ba7b811-9dad-11d1-80b4-00c04fd430c8",
        "6ba7b8119dad11d180b400c04fd430c8",
        "6ba7b8119-dad-11d1-80b4-00c04fd430c8",
        "6ba7b811-9dad-11d1-80b4-00c04fd430g8",
        "6ba7b811-9dad-11d1-80b4_00c04fd430c8",
        "6ba7b811-9dad-11d1-80b4-00c04fd430c\0"s,
        "6ba7b811-9dad-11d1-80b4- 0c04fd430c8",
        "6ba7b811-9dad-11d1-80b4-00c04fd430\xc3\xa9",
    };
    for (const std::string& text : bad) {
        INFO(text);
        CHECK_FALSE(Uuid::parse(text));
    }
}

TEST_CASE("the same name in the same namespace has the same version 5 UUID") {
    const Uuid dns = *Uuid::parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    CHECK(uuid_v5(dns, "www.example.com").to_string() == "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    CHECK(uuid_v5(dns, "python.org").to_string() == "886313e1-3b8a-5372-9b90-0c9aee199e5d");
    CHECK(uuid_v5(subcults::uuid_namespace_url, "at://did:plc:abc/app.bsky.feed.post/3k")
              .to_string() == "4b479c44-afaa-5236-b2c4-cca5829afc65");
    CHECK(uuid_v5(subcults::uuid_namespace_url, "").to_string() ==
          "1b4db7eb-4057-5ddf-91e0-36dec72071f5");
}

TEST_CASE("a version 7 UUID starts with the time and carries version and variant") {
    const std::int64_t before = subcults::now_micros().value / 1'000;
    const Uuid id = uuid_v7();
    const std::int64_t after = subcults::now_micros().value / 1'000;
    std::int64_t millis = 0;
    for (std::size_t i = 0; i < 6; ++i) {
        millis = millis * 256 + id.bytes[i];
    }
    CHECK(millis >= before);
    CHECK(millis <= after);
    CHECK((id.bytes[6] >> 4U) == 7U);
    CHECK((id.bytes[8] >> 6U) == 2U);
    CHECK(Uuid::parse(id.to_string()) == id);
}

TEST_CASE("every random bit of version 7 UUIDs takes both values about equally often") {
    constexpr int count = 20'000;
    std::array<int, 128> ones{};
    for (int i = 0; i < count; ++i) {
        const Uuid id = uuid_v7();
        for (std::size_t bit = 0; bit < 128; ++bit) {
            ones[bit] += (id.bytes[bit / 8] >> (7U - bit % 8)) & 1U;
        }
    }
    for (std::size_t bit = 48; bit < 128; ++bit) {
        const bool fixed = (bit >= 48 && bit < 52) || bit == 64 || bit == 65;
        if (fixed) continue;
        INFO(bit);
        // Nine standard deviations: a healthy source fails once in 10^18 runs.
        CHECK(std::abs(ones[bit] - count / 2) < 640);
    }
}

TEST_CASE("UUIDs made in one burst fall into different buckets") {
    const subcults::UuidHash hash;
    std::unordered_set<std::size_t> buckets;
    for (int i = 0; i < 10'000; ++i) {
        buckets.insert(hash(uuid_v7()) & 0xfffffU);
    }
    CHECK(buckets.size() > 9'900);
    CHECK(hash(subcults::uuid_namespace_url) == hash(subcults::uuid_namespace_url));
}
