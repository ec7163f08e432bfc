#include "payments/payment_rows.hpp"

#include "db/columns.hpp"

#include <optional>
#include <string_view>

namespace subcults::api::payments {
namespace {

std::string text(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return {};
    return std::string(rows.text(row, column));
}

std::optional<Uuid> uuid(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return rows.uuid(row, column);
}

std::optional<UnixMicros> time(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return rows.timestamptz(row, column);
}

using State = PaymentState;
using MaybeText = std::optional<std::string_view>;
using MaybeUuid = std::optional<Uuid>;
using MaybeTime = std::optional<UnixMicros>;

MaybeText unless_empty(const std::string& value) {
    if (value.empty()) return std::nullopt;
    return std::string_view(value);
}

template <class Project>
std::vector<MaybeText> texts(const std::vector<State>& states, Project project) {
    return db::column<MaybeText>(states, [&](const State& s) { return unless_empty(project(s)); });
}

template <class Project>
std::vector<MaybeTime> times(const std::vector<State>& states, Project project) {
    return db::column<MaybeTime>(states, project);
}

}  // namespace

std::vector<WaitingEvent> read_waiting(const db::Rows& rows) {
    std::vector<WaitingEvent> events;
    events.reserve(static_cast<std::size_t>(rows.size()));
    for (int row = 0; row < rows.size(); ++row) {
        WaitingEvent item;
        StripeEvent& event = item.event;
        event.id = rows.text(row, 0);
        event.kind = event_kind(rows.text(row, 1));
        event.payment_id = rows.text(row, 2);
        event.live = rows.boolean(row, 3);
        event.happened_at = rows.timestamptz(row, 4);
        event.money.amount = rows.int8(row, 5);
        event.money.currency = rows.text(row, 6);
        event.amount_refunded = rows.int8(row, 7);
        event.settled = rows.boolean(row, 8);
        event.checkout_id = text(rows, row, 9);
        event.charge_id = text(rows, row, 10);
        event.failure_code = text(rows, row, 11);
        event.scene = uuid(rows, row, 12);
        event.stream_event = uuid(rows, row, 13);
        item.attempts = rows.int8(row, 14);
        events.push_back(std::move(item));
    }
    return events;
}

PaymentState read_payment(const db::Rows& rows, int row) {
    PaymentState state;
    state.id = rows.text(row, 0);
    state.live = rows.boolean(row, 1);
    state.money.amount = rows.int8(row, 2);
    state.money.currency = rows.text(row, 3);
    state.amount_refunded = rows.int8(row, 4);
    state.scene = uuid(rows, row, 5);
    state.stream_event = uuid(rows, row, 6);
    state.checkout_id = text(rows, row, 7);
    state.charge_id = text(rows, row, 8);
    state.failure_code = text(rows, row, 9);
    state.first_event_at = rows.timestamptz(row, 10);
    state.last_event_at = rows.timestamptz(row, 11);
    state.pending_at = time(rows, row, 12);
    state.failed_at = time(rows, row, 13);
    state.canceled_at = time(rows, row, 14);
    state.succeeded_at = time(rows, row, 15);
    state.refunded_at = time(rows, row, 16);
    state.money_from.rank = rows.int8(row, 17);
    state.money_from.at = rows.timestamptz(row, 18);
    state.money_from.event = rows.text(row, 19);
    if (state.failed_at) {
        state.failure_from.rank = plain_rank;
        state.failure_from.at = *state.failed_at;
        state.failure_from.event = rows.text(row, 20);
    }
    if (const auto at = time(rows, row, 21)) {
        state.subject_from.rank = plain_rank;
        state.subject_from.at = *at;
        state.subject_from.event = rows.text(row, 22);
    }
    return state;
}

db::Params store_params(const std::vector<PaymentState>& payments) {
    using db::column;
    using Text = std::string_view;
    const db::BooleanColumn live(payments, [](const State& s) { return s.live; });
    db::Params params;
    params.text_array(column<Text>(payments, [](const State& s) { return Text(s.id); }))
        .text_array(column<Text>(payments, [](const State& s) { return to_string(status_of(s)); }))
        .boolean_array(live.span())
        .int8_array(column<std::int64_t>(payments, [](const State& s) { return s.money.amount; }))
        .text_array(column<Text>(payments, [](const State& s) { return Text(s.money.currency); }))
        .int8_array(
            column<std::int64_t>(payments, [](const State& s) { return s.amount_refunded; }))
        .uuid_array(column<MaybeUuid>(payments, [](const State& s) { return s.scene; }))
        .uuid_array(column<MaybeUuid>(payments, [](const State& s) { return s.stream_event; }))
        .text_array(texts(
            payments, [](const State& s) -> const auto& { return s.checkout_id; }))
        .text_array(texts(
            payments, [](const State& s) -> const auto& { return s.charge_id; }))
        .text_array(texts(
            payments, [](const State& s) -> const auto& { return s.failure_code; }));
    params.timestamptz_array(times(payments, [](const State& s) { return s.first_event_at; }))
        .timestamptz_array(times(payments, [](const State& s) { return s.last_event_at; }))
        .timestamptz_array(times(payments, [](const State& s) { return s.pending_at; }))
        .timestamptz_array(times(payments, [](const State& s) { return s.failed_at; }))
        .timestamptz_array(times(payments, [](const State& s) { return s.canceled_at; }))
        .timestamptz_array(times(payments, [](const State& s) { return s.succeeded_at; }))
        .timestamptz_array(times(payments, [](const State& s) { return s.refunded_at; }));
    const auto subject_at = [](const State& s) -> MaybeTime {
        if (s.subject_from.rank == 0) return std::nullopt;
        return s.subject_from.at;
    };
    params
        .int8_array(
            column<std::int64_t>(payments, [](const State& s) { return s.money_from.rank; }))
        .timestamptz_array(
            column<UnixMicros>(payments, [](const State& s) { return s.money_from.at; }))
        .text_array(column<Text>(payments, [](const State& s) { return Text(s.money_from.event); }))
        .text_array(
            column<Text>(payments, [](const State& s) { return Text(s.failure_from.event); }))
        .timestamptz_array(times(payments, subject_at))
        .text_array(
            column<Text>(payments, [](const State& s) { return Text(s.subject_from.event); }));
    return params;
}

}  // namespace subcults::api::payments
