// Stripe's webhooks, from the door to the payment, with a real API and a real database.
#include "integration/api/running_api.hpp"

#include "base/crypto.hpp"

#include <catch2/catch.hpp>

#include <ctime>
#include <string>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string secret = "whsec_test_secret";
constexpr const char* endpoint = "/internal/stripe/webhook";
constexpr const char* run_now = "/internal/jobs/payment_processing/run";
const std::string scene = "01a202ec-848e-79a5-8d35-4ed1f807e177";

std::string v1(const std::string& body, std::int64_t time, const std::string& key = secret) {
    const Digest256 mac = hmac_sha256(key, std::to_string(time) + "." + body);
    return "v1=" + hex(as_view(mac));
}

Headers signed_headers(const std::string& body, std::int64_t seconds_ago = 0,
                       const std::string& type = "application/json; charset=utf-8") {
    const std::int64_t time = std::time(nullptr) - seconds_ago;
    return {{"Stripe-Signature", "t=" + std::to_string(time) + "," + v1(body, time)},
            {"Content-Type", type}};
}

std::string event(const std::string& id, const std::string& type, std::int64_t created,
                  const std::string& object) {
    return R"({"id":")" + id + R"(","object":"event","api_version":"2025-01-27","created":)" +
           std::to_string(created) + R"(,"livemode":true,"pending_webhooks":1,"type":")" + type +
           R"(","data":{"object":)" + object + "}}";
}

std::string succeeded(const std::string& id, const std::string& payment, int amount = 1200,
                      std::int64_t created = 1'795'345'451) {
    return event(id, "payment_intent.succeeded", created,
                 R"({"id":")" + payment + R"(","amount_received":)" + std::to_string(amount) +
                     R"(,"currency":"eur","receipt_email":"somebody@mail.example",)"
                     R"("latest_charge":"ch_1","metadata":{"scene_id":")" +
                     scene + R"("}})");
}

std::string failed(const std::string& id, const std::string& payment, std::int64_t created) {
    return event(id, "payment_intent.payment_failed", created,
                 R"({"id":")" + payment +
                     R"(","amount":1200,"currency":"eur","last_payment_error":)"
                     R"({"code":"card_declined","message":"Somebody's card was declined."}})");
}

std::string refunded(const std::string& id, const std::string& payment, int refund,
                     std::int64_t created) {
    return event(id, "charge.refunded", created,
                 R"({"id":"ch_1","amount":1200,"amount_captured":1200,"captured":true,)"
                 R"("currency":"eur","amount_refunded":)" +
                     std::to_string(refund) + R"(,"payment_intent":")" + payment + "\"}");
}

struct Till {
    explicit Till(Process::Environment extra = {{"STRIPE_WEBHOOK_SECRET", secret}})
        : database(TestDatabase::migrated()), api(database.url(), std::move(extra)) {}

    unsigned send(const std::string& body) const {
        return api.client().post(endpoint, signed_headers(body), body).status;
    }
    std::string sql(const std::string& query) const { return database.execute(query); }
    std::string waiting() const {
        return sql(
            "SELECT count(*) FROM stripe_inbox WHERE processed_at IS NULL"
            " AND dead_at IS NULL");
    }
    std::string status(const std::string& payment) const {
        return sql("SELECT status FROM payments WHERE id = '" + payment + "'");
    }
    void run() const { REQUIRE(api.client().post(run_now).status == 202); }
    double webhooks(const std::string& kind, const std::string& outcome) const {
        return api.metric("stripe_webhooks_total{event=\"" + kind + "\",outcome=\"" + outcome +
                          "\"}");
    }

    TestDatabase database;
    RunningApi api;
};

// As put() would store it, but without the notification: several that are found together.
std::string inbox_row(const std::string& id, const std::string& payment, int amount,
                      const std::string& happened = "now()") {
    return std::string("('").append(id) + "','payment_intent.succeeded','" + payment + "',true," +
           happened + ",now()," + std::to_string(amount) + ",'eur',0)";
}

}  // namespace

TEST_CASE("an event that was answered is in the inbox, and soon in its payment") {
    const Till till;
    REQUIRE(till.send(succeeded("evt_1", "pi_1")) == 200);
    CHECK(till.sql("SELECT count(*) FROM stripe_inbox") == "1");
    eventually("the payment is there", [&] { return till.status("pi_1") == "succeeded"; });
    CHECK(till.sql("SELECT amount || currency || live || scene_id FROM payments") ==
          "1200eurtrue" + scene);
    CHECK(till.waiting() == "0");
    eventually("it is counted", [&] {
        return till.api.metric(
                   "payment_events_total{event=\"payment_intent.succeeded\","
                   "outcome=\"applied\"}") == 1;
    });
    CHECK(till.webhooks("payment_intent.succeeded", "stored") == 1);
}

TEST_CASE("events that come late, twice and in the wrong order end in one payment") {
    const Till till;
    const std::int64_t noon = 1'795'345'200;
    const std::string success = succeeded("evt_2", "pi_1", 1200, noon + 10);
    const std::string refund = refunded("evt_4", "pi_1", 1200, noon + 30);
    for (const std::string& body : {refund, success, refunded("evt_3", "pi_1", 300, noon + 20),
                                    failed("evt_1", "pi_1", noon), refund, success}) {
        REQUIRE(till.send(body) == 200);
    }
    eventually("all is processed", [&] { return till.waiting() == "0"; });
    CHECK(till.sql("SELECT count(*) FROM payments") == "1");
    CHECK(till.status("pi_1") == "refunded");
    CHECK(till.sql("SELECT amount_refunded || ' ' || failure_code FROM payments") ==
          "1200 card_declined");
    CHECK(till.sql("SELECT extract(epoch FROM succeeded_at)::bigint FROM payments") ==
          std::to_string(noon + 10));
    CHECK(till.webhooks("charge.refunded", "duplicate") == 1);
    CHECK(till.webhooks("payment_intent.succeeded", "duplicate") == 1);
    CHECK(till.sql("SELECT count(*) FROM stripe_inbox") == "4");
}

TEST_CASE("nothing about the person who paid is kept or logged") {
    Till till;
    REQUIRE(till.send(succeeded("evt_1", "pi_1")) == 200);
    REQUIRE(till.send(failed("evt_2", "pi_2", 1'795'345'451)) == 200);
    eventually("all is processed", [&] { return till.waiting() == "0"; });
    for (const char* table : {"stripe_inbox", "payments"}) {
        CHECK(till.sql("SELECT count(*) FROM " + std::string(table) +
                       " t WHERE t::text ILIKE '%somebody%'") == "0");
    }
    CHECK(till.api.process().output().find("omebody") == std::string::npos);
}

TEST_CASE("what is not from Stripe, or cannot be read, is refused and stores nothing") {
    const Till till;
    auto client = till.api.client();
    const std::string body = succeeded("evt_1", "pi_1");
    const Headers json{{"Content-Type", "application/json"}};
    const std::string now = std::to_string(std::time(nullptr));
    const auto with = [&](const std::string& signature) {
        Headers headers = json;
        headers.emplace_back("Stripe-Signature", signature);
        return headers;
    };
    CHECK(client.post(endpoint, json, body).status == 401);
    CHECK(client.post(endpoint, with(""), body).status == 401);
    CHECK(
        client.post(endpoint, with("t=" + now + "," + v1(body, std::time(nullptr), "other")), body)
            .status == 401);
    CHECK(client.post(endpoint, signed_headers(body), body + " ").status == 401);
    CHECK(client.post(endpoint, signed_headers(body, 400), body).status == 401);
    CHECK(client.post(endpoint, signed_headers(body, -400), body).status == 401);
    Headers twice = signed_headers(body);
    twice.push_back(twice.front());
    CHECK(client.post(endpoint, twice, body).status == 401);
    CHECK(till.webhooks("other", "bad_signature") == 7);

    for (const std::string& bad : {std::string("{}"), std::string("not json"), std::string("[]"),
                                   std::string(R"({"id":"evt_1"})")}) {
        INFO(bad);
        CHECK(client.post(endpoint, signed_headers(bad), bad).status == 400);
    }
    CHECK(till.webhooks("other", "malformed") == 4);
    CHECK(client.post(endpoint, signed_headers(body, 0, "text/plain"), body).status == 415);
    const std::string huge(1024 * 1024 + 1, ' ');
    CHECK(client.post(endpoint, signed_headers(huge), huge).status == 413);
    CHECK(till.sql("SELECT count(*) FROM stripe_inbox") == "0");

    const std::string unknown = R"({"id":"evt_1","type":"invoice.paid","created":5})";
    CHECK(client.post(endpoint, signed_headers(unknown), unknown).status == 200);
    CHECK(till.webhooks("other", "ignored") == 1);
    CHECK(till.sql("SELECT count(*) FROM stripe_inbox") == "0");
    const std::string large = body + std::string(900 * 1024, ' ');
    CHECK(client.post(endpoint, signed_headers(large, 200), large).status == 200);
}

TEST_CASE("without a secret Stripe is asked to try again later") {
    const Till till{Process::Environment{}};
    const std::string body = succeeded("evt_1", "pi_1");
    const Answer answer = till.api.client().post(endpoint, signed_headers(body), body);
    CHECK(answer.status == 503);
    CHECK(answer.error_code() == "stripe_not_configured");
    CHECK_FALSE(answer.header("Retry-After").empty());
}

TEST_CASE("an event that is signed and makes no sense is set aside, once, and answered 200") {
    const Till till;
    const std::string body = event("evt_1", "payment_intent.succeeded", 5,
                                   R"({"id":"pi_1","amount_received":12.5,"currency":"eur"})");
    CHECK(till.send(body) == 200);
    CHECK(till.send(body) == 200);
    CHECK(till.sql("SELECT error FROM stripe_inbox WHERE dead_at IS NOT NULL") == "no amount");
    CHECK(till.webhooks("payment_intent.succeeded", "unreadable") == 1);
    CHECK(till.webhooks("payment_intent.succeeded", "duplicate") == 1);
    REQUIRE(till.send(succeeded("evt_2", "pi_1")) == 200);
    eventually("others go on", [&] { return till.status("pi_1") == "succeeded"; });
}

TEST_CASE("an event that the database refuses holds up its own payment, and is given up") {
    const Till till;
    till.sql("ALTER TABLE payments ADD CONSTRAINT unlucky CHECK (amount <> 13)");
    till.sql(
        "INSERT INTO stripe_inbox (event_id, kind, payment_id, live, happened_at,"
        " received_at, amount, currency, amount_refunded) VALUES " +
        inbox_row("evt_1", "pi_good", 5) + "," +
        // It happened after evt_3 and came before it: told together they still say 13.
        inbox_row("evt_2", "pi_bad", 13, "now() + interval '1 s'") + "," +
        inbox_row("evt_3", "pi_bad", 7) + "," + inbox_row("evt_4", "pi_fine", 8));
    till.run();
    eventually("the others are processed", [&] {
        return till.status("pi_good") == "succeeded" && till.status("pi_fine") == "succeeded";
    });
    eventually("the bad one has been tried", [&] {
        return till.sql("SELECT attempts FROM stripe_inbox WHERE event_id = 'evt_2'") == "1";
    });
    CHECK(till.status("pi_bad").empty());
    CHECK(till.sql("SELECT attempts FROM stripe_inbox WHERE event_id = 'evt_3'") == "0");
    CHECK(till.sql("SELECT next_attempt_at > now() AND error LIKE '%23514%' FROM stripe_inbox"
                   " WHERE event_id = 'evt_2'") == "t");
    eventually("the failure is counted", [&] {
        return till.api.metric(
                   "background_job_errors_total{job_type=\"payment_processing\","
                   "error_type=\"validation_error\"}") >= 1;
    });

    till.sql(
        "UPDATE stripe_inbox SET attempts = 9, next_attempt_at = now()"
        " WHERE event_id = 'evt_2'");
    till.run();
    eventually("it is given up", [&] {
        return till.sql("SELECT dead_at IS NOT NULL FROM stripe_inbox WHERE event_id = 'evt_2'") ==
               "t";
    });
    eventually("what it held up goes on", [&] { return till.status("pi_bad") == "succeeded"; });
    CHECK(till.sql("SELECT amount FROM payments WHERE id = 'pi_bad'") == "7");
    CHECK(till.api.metric("payment_events_total{event=\"payment_intent.succeeded\","
                          "outcome=\"dead\"}") == 1);

    // Once the cause is gone an operator has it tried again.
    till.sql("ALTER TABLE payments DROP CONSTRAINT unlucky");
    till.sql(
        "UPDATE stripe_inbox SET dead_at = NULL, attempts = 0, next_attempt_at = now()"
        " WHERE event_id = 'evt_2'; NOTIFY subcults_payments");
    eventually("it is applied", [&] {
        return till.sql(
                   "SELECT processed_at IS NOT NULL FROM stripe_inbox"
                   " WHERE event_id = 'evt_2'") == "t";
    });
}

TEST_CASE("what was answered outlives the process that answered it") {
    const TestDatabase database = TestDatabase::migrated();
    const Process::Environment with{{"STRIPE_WEBHOOK_SECRET", secret}};
    {
        RunningApi first(database.url(), with);
        for (int i = 0; i < 20; ++i) {
            const std::string number = std::to_string(i);
            const std::string body = succeeded("evt_" + number, "pi_" + number);
            REQUIRE(first.client().post(endpoint, signed_headers(body), body).status == 200);
        }
        first.process().kill();
    }
    CHECK(database.execute("SELECT count(*) FROM stripe_inbox") == "20");
    const RunningApi second(database.url(), with);
    eventually("everything is processed", [&] {
        return database.execute("SELECT count(*) FROM payments WHERE status = 'succeeded'") == "20";
    });
    CHECK(database.execute("SELECT count(*) FROM stripe_inbox WHERE processed_at IS NOT NULL") ==
          "20");
}
