#include "payments/stripe_event.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <utility>

namespace subcults::api::payments {
namespace {

using Json = rapidjson::Value;

constexpr std::size_t longest_id = 255;  // Stripe promises no more
constexpr std::size_t longest_code = 64;
constexpr std::int64_t latest_seconds = 253'402'300'799;        // the year 9999
constexpr std::int64_t largest_amount = 9'007'199'254'740'991;  // what JSON carries safely

constexpr std::array<std::pair<std::string_view, EventKind>, 4> kind_names{{
    {"checkout.session.completed", EventKind::checkout_completed},
    {"payment_intent.succeeded", EventKind::intent_succeeded},
    {"payment_intent.payment_failed", EventKind::intent_failed},
    {"charge.refunded", EventKind::charge_refunded},
}};

bool parse(std::string_view json, rapidjson::Document& into) {
    constexpr unsigned flags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    // To the parser a NUL byte would be the end of the text.
    if (json.find('\0') != std::string_view::npos) return false;
    into.Parse<flags>(json.data(), json.size());
    return !into.HasParseError() && into.IsObject();
}

// nullptr when absent or null.
const Json* field(const Json* object, const char* name) {
    if (object == nullptr || !object->IsObject()) return nullptr;
    const auto found = object->FindMember(name);
    if (found == object->MemberEnd() || found->value.IsNull()) return nullptr;
    return &found->value;
}

std::string_view text(const Json* value) {
    if (value == nullptr || !value->IsString()) return {};
    return {value->GetString(), value->GetStringLength()};
}

bool is_id(std::string_view id) {
    const auto usual = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    };
    return !id.empty() && id.size() <= longest_id && std::all_of(id.begin(), id.end(), usual);
}

// The id of another object: alone, or of the object in its place where it was expanded. Empty =
// absent or unusable.
std::string reference(const Json* value) {
    if (value != nullptr && value->IsObject()) value = field(value, "id");
    const std::string_view id = text(value);
    return is_id(id) ? std::string(id) : std::string();
}

std::optional<std::int64_t> amount(const Json* value) {
    if (value == nullptr || !value->IsInt64()) return std::nullopt;
    const std::int64_t units = value->GetInt64();
    if (units < 0 || units > largest_amount) return std::nullopt;
    return units;
}

std::optional<Money> money(const Json* object, const char* amount_field) {
    const auto units = amount(field(object, amount_field));
    const std::string_view currency = text(field(object, "currency"));
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    if (!units || currency.size() != 3) return std::nullopt;
    if (!std::all_of(currency.begin(), currency.end(), letter)) return std::nullopt;
    return Money{*units, std::string(currency)};
}

std::string code(const Json* value) {
    const std::string_view name = text(value);
    const auto usual = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    if (name.size() > longest_code || !std::all_of(name.begin(), name.end(), usual)) return {};
    return std::string(name);
}

void read_subject(const Json* object, StripeEvent& event) {
    const Json* metadata = field(object, "metadata");
    event.scene = Uuid::parse(text(field(metadata, "scene_id")));
    event.stream_event = Uuid::parse(text(field(metadata, "event_id")));
}

ReadEvent dead(StripeEvent event, std::string_view reason) {
    ReadEvent read;
    read.fate = ReadEvent::Fate::dead;
    read.reason = reason;
    read.event.id = std::move(event.id);
    read.event.kind = event.kind;
    read.event.happened_at = event.happened_at;
    read.event.live = event.live;
    return read;
}

ReadEvent useful(StripeEvent event) {
    if (event.payment_id.empty()) return dead(std::move(event), "no payment");
    ReadEvent read;
    read.fate = ReadEvent::Fate::useful;
    read.event = std::move(event);
    return read;
}

ReadEvent read_checkout(const Json* object, StripeEvent event) {
    // Subscriptions are paid by invoices; a setup pays nothing.
    if (text(field(object, "mode")) != "payment") return ReadEvent();
    auto total = money(object, "amount_total");
    if (!total) return dead(std::move(event), "no amount");
    const std::string_view state = text(field(object, "payment_status"));
    if (state != "paid" && state != "unpaid" && state != "no_payment_required") {
        return dead(std::move(event), "no payment status");
    }
    event.money = std::move(*total);
    event.settled = state != "unpaid";
    event.checkout_id = reference(field(object, "id"));
    event.payment_id = reference(field(object, "payment_intent"));
    if (event.payment_id.empty()) event.payment_id = event.checkout_id;
    return useful(std::move(event));
}

ReadEvent read_intent(const Json* object, StripeEvent event) {
    const bool succeeded = event.kind == EventKind::intent_succeeded;
    auto total = money(object, succeeded ? "amount_received" : "amount");
    if (!total) return dead(std::move(event), "no amount");
    event.money = std::move(*total);
    event.payment_id = reference(field(object, "id"));
    event.charge_id = reference(field(object, "latest_charge"));
    if (!succeeded) {
        const Json* error = field(object, "last_payment_error");
        const Json* declined = field(error, "decline_code");
        event.failure_code = code(declined != nullptr ? declined : field(error, "code"));
    }
    return useful(std::move(event));
}

// Of a charge that was captured in part the rest was let go, which Stripe counts as refunded too:
// what was let go is no part of the payment.
std::int64_t refunds_of(std::int64_t refunded, std::int64_t authorised, std::int64_t captured) {
    const std::int64_t let_go = authorised - captured;
    return let_go > 0 && refunded >= let_go ? refunded - let_go : refunded;
}

ReadEvent read_charge(const Json* object, StripeEvent event) {
    auto total = money(object, "amount");
    const auto refunded = amount(field(object, "amount_refunded"));
    if (!total || !refunded) return dead(std::move(event), "no amount");
    const Json* captured = field(object, "captured");
    event.settled = captured == nullptr || !captured->IsBool() || captured->GetBool();
    event.money = std::move(*total);
    event.amount_refunded = *refunded;
    // Before 2020 there was no such field.
    const auto kept = amount(field(object, "amount_captured"));
    if (event.settled && kept) {
        event.amount_refunded = refunds_of(*refunded, event.money.amount, *kept);
        event.money.amount = *kept;
    }
    event.charge_id = reference(field(object, "id"));
    event.payment_id = reference(field(object, "payment_intent"));
    if (event.payment_id.empty()) event.payment_id = event.charge_id;
    return useful(std::move(event));
}

}  // namespace

std::string_view to_string(EventKind kind) noexcept {
    for (const auto& [name, known] : kind_names) {
        if (known == kind) return name;
    }
    return "other";
}

EventKind event_kind(std::string_view type) noexcept {
    for (const auto& [name, kind] : kind_names) {
        if (name == type) return kind;
    }
    return EventKind::other;
}

Result<ReadEvent, NoEvent> read_event(std::string_view body) {
    rapidjson::Document document;
    if (!parse(body, document)) return NoEvent{"not a JSON object"};
    StripeEvent event;
    event.id = reference(field(&document, "id"));
    if (event.id.empty()) return NoEvent{"no usable id"};
    const Json* type = field(&document, "type");
    if (text(type).empty()) return NoEvent{"no type"};
    event.kind = event_kind(text(type));
    if (event.kind == EventKind::other) return ReadEvent();

    const Json* created = field(&document, "created");
    if (created == nullptr || !created->IsInt64()) return NoEvent{"no time"};
    const std::int64_t seconds = created->GetInt64();
    if (seconds <= 0 || seconds > latest_seconds) return NoEvent{"no time"};
    event.happened_at = UnixMicros{seconds * 1'000'000};
    const Json* live = field(&document, "livemode");
    event.live = live != nullptr && live->IsBool() && live->GetBool();

    const Json* object = field(field(&document, "data"), "object");
    if (object == nullptr || !object->IsObject()) return dead(std::move(event), "no object");
    read_subject(object, event);
    switch (event.kind) {
        case EventKind::checkout_completed:
            return read_checkout(object, std::move(event));
        case EventKind::intent_succeeded:
        case EventKind::intent_failed:
            return read_intent(object, std::move(event));
        case EventKind::charge_refunded:
            return read_charge(object, std::move(event));
        case EventKind::other:
            break;
    }
    return ReadEvent();
}

}  // namespace subcults::api::payments
