// Payments and events of the inbox as rows, and the statements that read and write them.
#pragma once

#include "db/params.hpp"
#include "db/rows.hpp"
#include "db/statement.hpp"
#include "payments/payment_state.hpp"

#include <cstdint>
#include <vector>

namespace subcults::api::payments {

// An event that waits, with how often it has been tried.
struct WaitingEvent {
    StripeEvent event;
    std::int64_t attempts = 0;
};

namespace payment_sql {

// What may be processed now, oldest first: nothing overtakes an earlier event of its payment that
// waits to be tried again.
inline constexpr db::Statement waiting{
    "payment_waiting",
    "SELECT i.event_id, i.kind, i.payment_id, i.live, i.happened_at, i.amount, i.currency,"
    " i.amount_refunded, i.settled, i.checkout_id, i.charge_id, i.failure_code, i.scene_id,"
    " i.stream_event_id, i.attempts FROM stripe_inbox i"
    " WHERE i.processed_at IS NULL AND i.dead_at IS NULL AND i.next_attempt_at <= now()"
    " AND NOT EXISTS (SELECT 1 FROM stripe_inbox e WHERE e.payment_id = i.payment_id"
    "  AND e.processed_at IS NULL AND e.dead_at IS NULL AND e.seq < i.seq"
    "  AND e.next_attempt_at > now())"
    " ORDER BY i.seq LIMIT $1::bigint"};

inline constexpr db::Statement lock{
    "payment_lock",
    "SELECT id, live, amount, currency, amount_refunded, scene_id, event_id, checkout_id,"
    " charge_id, failure_code, first_event_at, last_event_at, pending_at, failed_at, canceled_at,"
    " succeeded_at, refunded_at, amount_rank, amount_at, amount_event, failure_event, subject_at,"
    " subject_event FROM payments WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE"};

inline constexpr db::Statement store{
    "payment_store",
    "INSERT INTO payments (id, status, live, amount, currency, amount_refunded, scene_id,"
    " event_id, checkout_id, charge_id, failure_code, first_event_at, last_event_at, pending_at,"
    " failed_at, canceled_at, succeeded_at, refunded_at, amount_rank, amount_at, amount_event,"
    " failure_event, subject_at, subject_event)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[], $4::bigint[], $5::text[],"
    " $6::bigint[], $7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::text[],"
    " $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[],"
    " $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::bigint[],"
    " $20::timestamptz[], $21::text[], $22::text[], $23::timestamptz[], $24::text[])"
    " ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, live = EXCLUDED.live,"
    " amount = EXCLUDED.amount, currency = EXCLUDED.currency,"
    " amount_refunded = EXCLUDED.amount_refunded, scene_id = EXCLUDED.scene_id,"
    " event_id = EXCLUDED.event_id, checkout_id = EXCLUDED.checkout_id,"
    " charge_id = EXCLUDED.charge_id, failure_code = EXCLUDED.failure_code,"
    " first_event_at = EXCLUDED.first_event_at, last_event_at = EXCLUDED.last_event_at,"
    " pending_at = EXCLUDED.pending_at, failed_at = EXCLUDED.failed_at,"
    " canceled_at = EXCLUDED.canceled_at, succeeded_at = EXCLUDED.succeeded_at,"
    " refunded_at = EXCLUDED.refunded_at, amount_rank = EXCLUDED.amount_rank,"
    " amount_at = EXCLUDED.amount_at, amount_event = EXCLUDED.amount_event,"
    " failure_event = EXCLUDED.failure_event, subject_at = EXCLUDED.subject_at,"
    " subject_event = EXCLUDED.subject_event, updated_at = now()"};

inline constexpr db::Statement done{
    "payment_done",
    "UPDATE stripe_inbox SET processed_at = now(), attempts = attempts + 1, error = NULL"
    " WHERE event_id = ANY($1::text[])"};

// One more attempt in vain: later again, or never. Says whether it was the last one.
inline constexpr db::Statement put_off{
    "payment_put_off",
    "UPDATE stripe_inbox SET attempts = attempts + 1, error = $4::text,"
    " next_attempt_at = now() + make_interval(secs => $2::float8),"
    " dead_at = CASE WHEN attempts + 1 >= $3::bigint THEN now() END"
    " WHERE event_id = $1::text RETURNING dead_at IS NOT NULL"};

// Stripe sends an event again for some days, and on request for a month.
inline constexpr db::Statement prune{
    "payment_prune",
    "DELETE FROM stripe_inbox WHERE event_id IN (SELECT event_id FROM stripe_inbox"
    " WHERE processed_at < now() - interval '35 days' ORDER BY processed_at LIMIT $1::bigint)"};

}  // namespace payment_sql

std::vector<WaitingEvent> read_waiting(const db::Rows& rows);
PaymentState read_payment(const db::Rows& rows, int row);
db::Params store_params(const std::vector<PaymentState>& payments);

}  // namespace subcults::api::payments
