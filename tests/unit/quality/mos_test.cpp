#include "quality/mos.hpp"

#include <catch2/catch.hpp>

using namespace subcults::api::quality;

namespace {

double mos(double loss, double rtt, double jitter) {
    return opinion_score(transmission_rating(loss, rtt, jitter));
}

}  // namespace

TEST_CASE("an undisturbed connection has the rating of G.107's defaults") {
    CHECK(transmission_rating(0, 0, 0) == Approx(93.2));
    CHECK(mos(0, 0, 0) == Approx(4.409).margin(0.001));
    // Delays that nobody notices cost nothing.
    CHECK(transmission_rating(0, 100, 10) == Approx(93.2));
}

TEST_CASE("ratings become scores as in G.107") {
    // Annex B: 90 is 4.34, 80 is 4.03, 70 is 3.60, 60 is 3.10, 50 is 2.58.
    CHECK(opinion_score(90) == Approx(4.34).margin(0.01));
    CHECK(opinion_score(80) == Approx(4.03).margin(0.01));
    CHECK(opinion_score(70) == Approx(3.60).margin(0.01));
    CHECK(opinion_score(60) == Approx(3.10).margin(0.01));
    CHECK(opinion_score(50) == Approx(2.58).margin(0.01));
    CHECK(opinion_score(100) == 4.5);
    CHECK(opinion_score(150) == 4.5);
    CHECK(opinion_score(0) == 1);
    CHECK(opinion_score(-40) == 1);
    for (double rating = -10; rating < 110; rating += 0.1) {
        CHECK(opinion_score(rating) >= 1);
        CHECK(opinion_score(rating) <= 4.5);
    }
}

TEST_CASE("delay costs what G.107 says it costs") {
    // Idd of 200 ms is about 3.0, of 400 ms about 24.
    const auto cost = [](double one_way_ms) {
        return 93.2 - transmission_rating(0, 2 * (one_way_ms - 26.5), 0);
    };
    CHECK(cost(100) == Approx(0).margin(1e-9));
    CHECK(cost(200) == Approx(3.02).margin(0.05));
    CHECK(cost(400) == Approx(24.1).margin(0.3));
    // The buffer against jitter delays as well.
    CHECK(transmission_rating(0, 300, 50) == Approx(transmission_rating(0, 500, 0)));
}

TEST_CASE("loss costs more the more there is, and never more than everything") {
    CHECK(93.2 - transmission_rating(9.8, 0, 0) == Approx(95.0 / 2));
    double before = 5;
    for (double loss = 0; loss <= 100; loss += 0.5) {
        const double score = mos(loss, 50, 5);
        CHECK(score <= before);
        before = score;
    }
    CHECK(mos(1, 50, 5) > 4.1);
    CHECK(mos(5, 50, 5) < 3.6);
    CHECK(mos(100, 60'000, 60'000) == 1);
}

TEST_CASE("what is not known is not estimated") {
    Values values;
    values.packet_loss_percent = 0;
    values.rtt_ms = 40;
    CHECK_FALSE(estimate_mos(values).has_value());
    values.jitter_ms = 2;
    REQUIRE(estimate_mos(values).has_value());
    CHECK(*estimate_mos(values) == Approx(4.409).margin(0.001));
    values.packet_loss_percent.reset();
    CHECK_FALSE(estimate_mos(values).has_value());
    values.packet_loss_percent = 1;
    values.rtt_ms.reset();
    CHECK_FALSE(estimate_mos(values).has_value());
}
