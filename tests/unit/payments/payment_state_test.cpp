// Whatever the order in which events arrive and however often: one truth.
#include "payments/payment_state.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::api::payments;

namespace {

constexpr std::int64_t second_us = 1'000'000;

StripeEvent event(const std::string& id, EventKind kind, std::int64_t second,
                  std::int64_t amount = 1200) {
    StripeEvent made;
    made.id = id;
    made.kind = kind;
    made.happened_at = UnixMicros{second * second_us};
    made.payment_id = "pi_1";
    made.money.amount = amount;
    made.money.currency = "eur";
    return made;
}

StripeEvent succeeded(const std::string& id, std::int64_t second) {
    return event(id, EventKind::intent_succeeded, second);
}

StripeEvent failed(const std::string& id, std::int64_t second, const std::string& code) {
    StripeEvent made = event(id, EventKind::intent_failed, second);
    made.failure_code = code;
    return made;
}

StripeEvent checkout(const std::string& id, std::int64_t second, bool paid) {
    StripeEvent made = event(id, EventKind::checkout_completed, second);
    made.settled = paid;
    made.checkout_id = "cs_1";
    return made;
}

StripeEvent refund(const std::string& id, std::int64_t second, std::int64_t refunded,
                   bool captured = true) {
    StripeEvent made = event(id, EventKind::charge_refunded, second);
    made.amount_refunded = refunded;
    made.settled = captured;
    made.charge_id = "ch_1";
    return made;
}

PaymentState state_of(const std::vector<StripeEvent>& events) {
    PaymentState state;
    for (const StripeEvent& item : events)
        tell(state, item);
    return state;
}

Status status(const std::vector<StripeEvent>& events) {
    return status_of(state_of(events));
}

// Anything Stripe could say and much that it could not, from few values, so that events tie.
StripeEvent random_event(std::mt19937_64& random, std::size_t number) {
    const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
    constexpr EventKind kinds[] = {EventKind::checkout_completed, EventKind::intent_succeeded,
                                   EventKind::intent_failed, EventKind::charge_refunded};
    StripeEvent made = event("evt_" + std::to_string(number), kinds[below(4)], 100 + below(4));
    made.money.amount = 1000 + below(3);
    made.money.currency = below(5) == 0 ? "usd" : "eur";
    made.settled = below(2) == 0;
    made.live = below(2) == 0;
    if (made.kind == EventKind::charge_refunded) made.amount_refunded = below(1100);
    if (made.kind == EventKind::intent_failed)
        made.failure_code = "code_" + std::string(1, static_cast<char>('a' + below(3)));
    if (below(2) == 0) made.checkout_id = "cs_" + std::to_string(below(3));
    if (below(2) == 0) made.charge_id = "ch_" + std::to_string(below(3));
    const auto id = [&] {
        Uuid made_up;
        made_up.bytes[0] = static_cast<std::uint8_t>(1 + below(3));
        return made_up;
    };
    if (below(3) == 0) made.scene = id();
    if (below(3) == 0) made.stream_event = id();
    return made;
}

std::vector<StripeEvent> random_events(std::mt19937_64& random, std::size_t count) {
    std::vector<StripeEvent> events;
    for (std::size_t i = 0; i < count; ++i)
        events.push_back(random_event(random, i));
    return events;
}

}  // namespace

TEST_CASE("all orders of the same events end in the same state") {
    std::mt19937_64 random(20'261'122);
    std::size_t orders = 0;
    for (int world = 0; world < 120; ++world) {
        const auto events = random_events(random, 2 + random() % 4);
        const PaymentState expected = state_of(events);
        std::vector<std::size_t> order(events.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        do {
            PaymentState state;
            for (const std::size_t i : order)
                tell(state, events[i]);
            REQUIRE((state == expected));
            ++orders;
        } while (std::next_permutation(order.begin(), order.end()));
    }
    CHECK(orders > 2000);
}

TEST_CASE("events that come again, at any time, change nothing") {
    std::mt19937_64 random(7);
    for (int world = 0; world < 200; ++world) {
        const auto events = random_events(random, 1 + random() % 12);
        const PaymentState expected = state_of(events);
        std::vector<StripeEvent> repeated = events;
        for (int i = 0; i < 20; ++i)
            repeated.push_back(events[random() % events.size()]);
        std::shuffle(repeated.begin(), repeated.end(), random);
        REQUIRE((state_of(repeated) == expected));
        // Not even when the state has been complete for long.
        PaymentState state = expected;
        for (const StripeEvent& item : events)
            tell(state, item);
        REQUIRE((state == expected));
    }
}

TEST_CASE("what is random covers every status") {
    std::mt19937_64 random(3);
    std::vector<int> seen(6);
    for (int world = 0; world < 500; ++world)
        ++seen[static_cast<std::size_t>(status(random_events(random, 1 + random() % 3)))];
    for (const int times : seen)
        CHECK(times > 0);
}

TEST_CASE("a payment that has succeeded stays so, whatever is told of attempts before") {
    CHECK(status({succeeded("evt_1", 10)}) == Status::succeeded);
    CHECK(status({succeeded("evt_1", 10), failed("evt_2", 9, "card_declined")}) ==
          Status::succeeded);
    CHECK(status({failed("evt_2", 11, "card_declined"), succeeded("evt_1", 10)}) ==
          Status::succeeded);
    CHECK(status({checkout("evt_1", 10, true)}) == Status::succeeded);
    const PaymentState state =
        state_of({succeeded("evt_1", 10), checkout("evt_2", 9, true), succeeded("evt_3", 12)});
    CHECK(state.succeeded_at == UnixMicros{9 * second_us});
}

TEST_CASE("of failing and being under way, the later one counts") {
    CHECK(status({checkout("evt_1", 10, false)}) == Status::pending);
    CHECK(status({failed("evt_1", 10, "x")}) == Status::failed);
    CHECK(status({failed("evt_1", 10, "x"), checkout("evt_2", 11, false)}) == Status::pending);
    CHECK(status({failed("evt_1", 11, "x"), checkout("evt_2", 10, false)}) == Status::failed);
    CHECK(status({failed("evt_1", 10, "x"), checkout("evt_2", 10, false)}) == Status::failed);
    const PaymentState state =
        state_of({failed("evt_2", 12, "expired_card"), failed("evt_1", 10, "card_declined")});
    CHECK(state.failure_code == "expired_card");
    CHECK(state.failed_at == UnixMicros{12 * second_us});
}

TEST_CASE("refunds add up to what Stripe's largest sum says, and may come before the success") {
    CHECK(status({refund("evt_1", 20, 500)}) == Status::partially_refunded);
    CHECK(status({refund("evt_1", 20, 500), succeeded("evt_2", 10)}) == Status::partially_refunded);
    const PaymentState state = state_of({refund("evt_2", 30, 1200), refund("evt_1", 20, 500)});
    CHECK(status_of(state) == Status::refunded);
    CHECK(state.amount_refunded == 1200);
    CHECK(state.refunded_at == UnixMicros{30 * second_us});
    CHECK(state.charge_id == "ch_1");
    // Letting the rest of a partial capture go is no refund.
    CHECK(status({refund("evt_1", 20, 0)}) == Status::succeeded);
    CHECK_FALSE(state_of({refund("evt_1", 20, 0)}).refunded_at);
}

TEST_CASE("a charge that was let go uncaptured cancels what has not succeeded") {
    CHECK(status({refund("evt_1", 20, 1200, false)}) == Status::canceled);
    CHECK(status({failed("evt_2", 30, "x"), refund("evt_1", 20, 1200, false)}) == Status::canceled);
    CHECK(status({succeeded("evt_2", 30), refund("evt_1", 20, 1200, false)}) == Status::succeeded);
    CHECK(state_of({refund("evt_1", 20, 1200, false)}).amount_refunded == 0);
}

TEST_CASE("the amount is that of the best source, then of the latest event") {
    StripeEvent attempt = failed("evt_9", 90, "x");
    attempt.money.amount = 1;
    StripeEvent early = event("evt_1", EventKind::checkout_completed, 10, 2);
    StripeEvent late = event("evt_2", EventKind::checkout_completed, 11, 3);
    StripeEvent intent = event("evt_3", EventKind::intent_succeeded, 5, 4);
    StripeEvent charge = refund("evt_4", 4, 1);
    charge.money.amount = 5;
    CHECK(state_of({attempt}).money.amount == 1);
    CHECK(state_of({attempt, early}).money.amount == 2);
    CHECK(state_of({late, early, attempt}).money.amount == 3);
    CHECK(state_of({intent, late, attempt}).money.amount == 4);
    CHECK(state_of({charge, intent, late, attempt}).money.amount == 5);
}

TEST_CASE("scene and event are those of the latest event that names any") {
    Uuid one;
    one.bytes[15] = 1;
    Uuid two;
    two.bytes[15] = 2;
    StripeEvent first = succeeded("evt_1", 10);
    first.scene = two;
    StripeEvent second = succeeded("evt_2", 11);
    second.scene = one;
    const PaymentState state = state_of({second, first, succeeded("evt_3", 12)});
    CHECK((state.scene == one));
    CHECK_FALSE(state.stream_event);
    CHECK(state.first_event_at == UnixMicros{10 * second_us});
    CHECK(state.last_event_at == UnixMicros{12 * second_us});
}
