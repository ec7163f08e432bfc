#include "payments/stripe_inbox.hpp"

#include <utility>

namespace subcults::api::payments {

namespace asio = boost::asio;

namespace {

// A row comes back when the event is fresh.
constexpr db::Statement put_event{
    "stripe_inbox_put",
    "WITH fresh AS (INSERT INTO stripe_inbox (event_id, kind, payment_id, live, happened_at,"
    " received_at, amount, currency, amount_refunded, settled, checkout_id, charge_id,"
    " failure_code, scene_id, stream_event_id, dead_at, error)"
    " VALUES ($1::text, $2::text, $3::text, $4::boolean, $5::timestamptz, $6::timestamptz,"
    " $7::bigint, $8::text, $9::bigint, $10::boolean, $11::text, $12::text, $13::text,"
    " $14::uuid, $15::uuid, $16::timestamptz, $17::text)"
    " ON CONFLICT (event_id) DO NOTHING RETURNING event_id)"
    " SELECT pg_notify('subcults_payments', '') FROM fresh"};

void text_or_null(db::Params& params, std::string_view text) {
    text.empty() ? params.null() : params.text(text);
}

void uuid_or_null(db::Params& params, const std::optional<Uuid>& id) {
    id ? params.uuid(*id) : params.null();
}

}  // namespace

std::vector<db::Statement> put_statements() {
    return {put_event};
}

asio::awaitable<db::DbResult<Stored>> put(db::Pool& pool, ReadEvent read, UnixMicros received_at,
                                          Deadline deadline) {
    const bool dead = read.fate == ReadEvent::Fate::dead;
    const StripeEvent& event = read.event;
    db::Params params;
    params.text(event.id).text(to_string(event.kind));
    text_or_null(params, event.payment_id);
    params.boolean(event.live).timestamptz(event.happened_at).timestamptz(received_at);
    if (dead) {
        params.null().null().null();
    } else {
        params.int8(event.money.amount).text(event.money.currency).int8(event.amount_refunded);
    }
    params.boolean(event.settled);
    text_or_null(params, event.checkout_id);
    text_or_null(params, event.charge_id);
    text_or_null(params, event.failure_code);
    uuid_or_null(params, event.scene);
    uuid_or_null(params, event.stream_event);
    dead ? params.timestamptz(received_at) : params.null();
    text_or_null(params, read.reason);
    // Taken once whatever happens, so the second try of read() is welcome here.
    auto rows = co_await pool.read(put_event, std::move(params), deadline);
    if (!rows) co_return rows.error();
    co_return rows->empty() ? Stored::duplicate : Stored::fresh;
}

}  // namespace subcults::api::payments
