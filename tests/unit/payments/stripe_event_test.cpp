#include "payments/stripe_event.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>
#include <string>

using namespace subcults;
using namespace subcults::api::payments;

namespace {

using Fate = ReadEvent::Fate;

const std::string scene = "01a202ec-848e-79a5-8d35-4ed1f807e177";

std::string envelope(const std::string& type, const std::string& object,
                     const std::string& more = {}) {
    return R"({"id":"evt_1","object":"event","api_version":"2025-01-27","created":1795345451,)"
           R"("livemode":true,"pending_webhooks":1,"request":{"id":null},"type":")" +
           type + "\"" + more + R"(,"data":{"object":)" + object + "}}";
}

ReadEvent read(const std::string& body) {
    auto result = read_event(body);
    if (!result) throw std::runtime_error(std::string(result.error().reason));
    return std::move(*result);
}

std::string mistake(const std::string& body) {
    const auto result = read_event(body);
    return result.has_value() ? std::string() : std::string(result.error().reason);
}

const std::string intent =
    R"({"id":"pi_1","object":"payment_intent","amount":1200,"amount_received":1200,)"
    R"("currency":"eur","customer":"cus_1","latest_charge":"ch_1","receipt_email":"a@b.example",)"
    R"("metadata":{"scene_id":"01a202ec-848e-79a5-8d35-4ed1f807e177","did":"did:plc:somebody"}})";

std::string charge(const std::string& fields) {
    return R"({"id":"ch_1","object":"charge","currency":"eur","payment_intent":"pi_1",)" + fields +
           "}";
}

}  // namespace

TEST_CASE("a succeeded payment intent is read, and nothing about the person") {
    const ReadEvent got = read(envelope("payment_intent.succeeded", intent));
    REQUIRE(got.fate == Fate::useful);
    CHECK(got.event.id == "evt_1");
    CHECK(got.event.kind == EventKind::intent_succeeded);
    CHECK(got.event.happened_at == UnixMicros{1'795'345'451'000'000});
    CHECK(got.event.live);
    CHECK(got.event.payment_id == "pi_1");
    CHECK(got.event.money.amount == 1200);
    CHECK(got.event.money.currency == "eur");
    CHECK(got.event.charge_id == "ch_1");
    REQUIRE(got.event.scene);
    CHECK(got.event.scene->to_string() == scene);
    CHECK_FALSE(got.event.stream_event);
}

TEST_CASE("a failed attempt says why, in Stripe's own words") {
    const ReadEvent got = read(envelope(
        "payment_intent.payment_failed",
        R"({"id":"pi_1","amount":1200,"amount_received":0,"currency":"jpy","latest_charge":null,)"
        R"("last_payment_error":{"code":"card_declined","decline_code":"insufficient_funds",)"
        R"("message":"Your card has insufficient funds."}})"));
    REQUIRE(got.fate == Fate::useful);
    CHECK(got.event.failure_code == "insufficient_funds");
    CHECK(got.event.money.amount == 1200);
    CHECK(got.event.money.currency == "jpy");
    CHECK(got.event.charge_id.empty());
    const ReadEvent plain = read(envelope(
        "payment_intent.payment_failed",
        R"({"id":"pi_1","amount":1,"currency":"eur","last_payment_error":{"code":"expired_card"}})"));
    CHECK(plain.event.failure_code == "expired_card");
    const ReadEvent odd = read(envelope(
        "payment_intent.payment_failed",
        R"({"id":"pi_1","amount":1,"currency":"eur","last_payment_error":{"code":"<b> \" DROP"}})"));
    CHECK(odd.event.failure_code.empty());
}

TEST_CASE("a checkout is known by its intent, or by itself where nothing had to be paid") {
    const std::string paid =
        R"({"id":"cs_test_a1","mode":"payment","payment_status":"paid","amount_total":1200,)"
        R"("currency":"eur","payment_intent":"pi_1","customer_details":{"email":"a@b.example"}})";
    const ReadEvent got = read(envelope("checkout.session.completed", paid));
    REQUIRE(got.fate == Fate::useful);
    CHECK(got.event.payment_id == "pi_1");
    CHECK(got.event.checkout_id == "cs_test_a1");
    CHECK(got.event.settled);

    const ReadEvent free = read(envelope(
        "checkout.session.completed",
        R"({"id":"cs_1","mode":"payment","payment_status":"no_payment_required","amount_total":0,)"
        R"("currency":"eur","payment_intent":null})"));
    REQUIRE(free.fate == Fate::useful);
    CHECK(free.event.payment_id == "cs_1");
    CHECK(free.event.settled);

    const ReadEvent later =
        read(envelope("checkout.session.completed",
                      R"({"id":"cs_1","mode":"payment","payment_status":"unpaid","amount_total":5,)"
                      R"("currency":"eur","payment_intent":{"id":"pi_expanded","object":"x"}})"));
    CHECK_FALSE(later.event.settled);
    CHECK(later.event.payment_id == "pi_expanded");
}

TEST_CASE("subscriptions, setups and types that are not followed are ignored") {
    for (const char* mode : {"subscription", "setup"}) {
        const std::string object =
            R"({"id":"cs_1","payment_intent":null,"mode":")" + std::string(mode) + "\"}";
        CHECK(read(envelope("checkout.session.completed", object)).fate == Fate::ignored);
    }
    CHECK(read(envelope("invoice.paid", "{}")).fate == Fate::ignored);
    CHECK(read(envelope("payment_intent.created", intent)).fate == Fate::ignored);
    CHECK(read(R"({"id":"evt_1","type":"invented.yesterday"})").fate == Fate::ignored);
}

TEST_CASE("of a refunded charge the part that was captured counts") {
    const auto refunded = [](const std::string& fields) {
        return read(envelope("charge.refunded", charge(fields))).event;
    };
    const StripeEvent full =
        refunded(R"("amount":1200,"amount_captured":1200,"amount_refunded":500,"captured":true)");
    CHECK(full.payment_id == "pi_1");
    CHECK(full.charge_id == "ch_1");
    CHECK(full.settled);
    CHECK(full.money.amount == 1200);
    CHECK(full.amount_refunded == 500);
    // 375 of 20675 were never captured, and are counted as refunded from then on.
    const StripeEvent part =
        refunded(R"("amount":20675,"amount_captured":20300,"amount_refunded":375,"captured":true)");
    CHECK(part.money.amount == 20300);
    CHECK(part.amount_refunded == 0);
    const StripeEvent rest = refunded(
        R"("amount":20675,"amount_captured":20300,"amount_refunded":1375,"captured":true)");
    CHECK(rest.amount_refunded == 1000);
    const StripeEvent old = refunded(R"("amount":1200,"amount_refunded":1200)");
    CHECK(old.settled);
    CHECK(old.amount_refunded == 1200);
    const StripeEvent let_go =
        refunded(R"("amount":1200,"amount_captured":0,"amount_refunded":1200,"captured":false)");
    CHECK_FALSE(let_go.settled);
    CHECK(let_go.money.amount == 1200);
}

TEST_CASE("a charge from before there were intents stands for itself") {
    const ReadEvent got = read(envelope(
        "charge.refunded",
        R"({"id":"ch_9","amount":5,"amount_refunded":5,"currency":"usd","payment_intent":null})"));
    REQUIRE(got.fate == Fate::useful);
    CHECK(got.event.payment_id == "ch_9");
}

TEST_CASE("events that make no sense are kept by their id, with a reason and without data") {
    const std::string type = "payment_intent.succeeded";
    for (const std::string& object :
         {std::string("null"), std::string("[]"), std::string("\"pi_1\""), std::string("{}"),
          std::string(R"({"id":"pi_1","amount_received":12.5,"currency":"eur"})"),
          std::string(R"({"id":"pi_1","amount_received":-1,"currency":"eur"})"),
          std::string(R"({"id":"pi_1","amount_received":"5","currency":"eur"})"),
          std::string(R"({"id":"pi_1","amount_received":9007199254740992,"currency":"eur"})"),
          std::string(R"({"id":"pi_1","amount_received":5,"currency":"EURO"})"),
          std::string(R"({"id":"pi_1","amount_received":5})"),
          std::string(R"({"id":"pi 1","amount_received":5,"currency":"eur"})"),
          std::string(R"({"id":7,"amount_received":5,"currency":"eur"})")}) {
        INFO(object);
        const ReadEvent got = read(envelope(type, object));
        CHECK(got.fate == Fate::dead);
        CHECK(got.event.id == "evt_1");
        CHECK(got.event.kind == EventKind::intent_succeeded);
        CHECK(got.event.payment_id.empty());
        CHECK_FALSE(got.reason.empty());
    }
    CHECK(read(R"({"id":"evt_1","type":"charge.refunded","created":5})").fate == Fate::dead);
    const std::string odd =
        R"({"id":"cs_1","mode":"payment","payment_status":"maybe","amount_total":1,)"
        R"("currency":"eur","payment_intent":"pi_1"})";
    CHECK(read(envelope("checkout.session.completed", odd)).fate == Fate::dead);
}

TEST_CASE("what has no id, type or time is no event") {
    for (const std::string& bad :
         {std::string(), std::string("not json"), std::string("[]"), std::string("{}"),
          std::string(R"({"id":"evt_1"})"), std::string(R"({"id":"","type":"charge.refunded"})"),
          std::string(R"({"id":"evt 1","type":"charge.refunded"})"),
          std::string(R"({"id":"evt_1","type":"charge.refunded"})"),
          std::string(R"({"id":"evt_1","type":"charge.refunded","created":"5"})"),
          std::string(R"({"id":"evt_1","type":"charge.refunded","created":-5})"),
          std::string(R"({"id":"evt_1","type":"charge.refunded","created":1e30})"),
          R"({"id":")" + std::string(256, 'x') + R"(","type":"charge.refunded","created":5})",
          std::string("{\"id\":\"evt_\xff\",\"type\":\"charge.refunded\",\"created\":5}"),
          std::string("{}\0{}", 5), std::string(200'000, '[')}) {
        INFO(bad.substr(0, 80));
        CHECK_FALSE(mistake(bad).empty());
    }
}

TEST_CASE("kinds and their names fit each other") {
    for (const EventKind kind : {EventKind::checkout_completed, EventKind::intent_succeeded,
                                 EventKind::intent_failed, EventKind::charge_refunded}) {
        CHECK(event_kind(to_string(kind)) == kind);
    }
    CHECK(to_string(EventKind::other) == "other");
    CHECK(event_kind("other") == EventKind::other);
}
