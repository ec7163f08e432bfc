#include "payments/payment_processor.hpp"

#include <catch2/catch.hpp>

using namespace subcults::api::payments;

TEST_CASE("pauses between attempts double from five seconds to a quarter of an hour") {
    const std::vector<std::int64_t> expected{5, 10, 20, 40, 80, 160, 320, 640, 900, 900};
    std::int64_t attempts = 0;
    for (const std::int64_t seconds : expected)
        CHECK(retry_pause(++attempts).count() == seconds);
    CHECK(retry_pause(1'000'000).count() == 900);
    CHECK(retry_pause(0).count() == 5);
}
