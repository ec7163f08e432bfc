#include "jetstream/decoder.hpp"

#include "atproto/cid.hpp"
#include "atproto/did.hpp"
#include "atproto/handle.hpp"
#include "atproto/nsid.hpp"
#include "atproto/rkey.hpp"
#include "atproto/tid.hpp"
#include "jetstream/cursor.hpp"
#include "jetstream/envelope.hpp"
#include "jetstream/json_guard.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

namespace subcults::jetstream {
namespace {

constexpr std::size_t max_status_bytes = 64;
constexpr std::size_t ordinary_frame_bytes = 64 * 1024;
constexpr std::size_t padding = simdjson::SIMDJSON_PADDING;
static_assert(padding <= 64, "decode() promises callers that 64 bytes of padding are enough");

bool is_valid_time(std::int64_t time_us) noexcept {
    return time_us >= min_time_cursor && time_us < end_time_cursor;
}

// Judges an envelope field by field. Every check returns false at the first fault found.
class Judge {
  public:
    Judge(const Envelope& envelope, const CollectionFilter& filter) noexcept
        : envelope_(envelope), filter_(filter) {}

    // False: fault() says why. True: event() is complete unless unwanted().
    bool run() {
        return identifier("did", envelope_.did, atproto::is_valid_did, event_.did) && time() &&
               seq() && kind();
    }
    const EventView& event() const noexcept { return event_; }
    bool unwanted() const noexcept { return unwanted_; }
    DecodeFault fault() const noexcept { return fault_; }
    std::string_view path() const noexcept { return path_; }
    std::string_view reason() const noexcept { return reason_; }

  private:
    bool fail(DecodeFault fault, std::string_view path, std::string_view reason) noexcept {
        fault_ = fault;
        path_ = path;
        reason_ = reason;
        return false;
    }

    bool expect(std::string_view path, FieldState state) noexcept {
        switch (state) {
            case FieldState::present:
                return true;
            case FieldState::absent:
                return fail(DecodeFault::missing_field, path, "is missing");
            case FieldState::wrong_type:
                return fail(DecodeFault::wrong_type, path, "has the wrong type");
            case FieldState::out_of_range:
                return fail(DecodeFault::invalid_number, path, "is not an integer of 64 bits");
            case FieldState::unreadable:
                return fail(DecodeFault::invalid_identifier, path, "has an invalid escape");
        }
        return fail(DecodeFault::wrong_type, path, "has the wrong type");
    }

    template <class Check>
    bool identifier(std::string_view path, const Field<std::string_view>& field, Check check,
                    std::string_view& into) noexcept {
        if (!expect(path, field.state)) return false;
        if (!check(field.value)) {
            return fail(DecodeFault::invalid_identifier, path, "breaks its syntax or length");
        }
        into = field.value;
        return true;
    }

    bool time() noexcept {
        if (!expect("time_us", envelope_.time_us.state)) return false;
        event_.time_us = envelope_.time_us.value;
        return is_valid_time(event_.time_us) ||
               fail(DecodeFault::invalid_number, "time_us", "is not in Unix microseconds");
    }

    // An optional number that counts from zero.
    bool counter(std::string_view path, const Field<std::int64_t>& field) noexcept {
        if (field.state == FieldState::absent) return true;
        if (!expect(path, field.state)) return false;
        return field.value >= 0 || fail(DecodeFault::invalid_number, path, "is negative");
    }

    bool seq() noexcept {
        if (!counter("cursor", envelope_.cursor)) return false;
        if (envelope_.cursor.present()) event_.seq = envelope_.cursor.value;
        return true;
    }

    bool kind() {
        if (!expect("kind", envelope_.kind.state)) return false;
        const std::string_view kind = envelope_.kind.value;
        if (kind == "commit") return commit();
        if (kind == "identity") return identity();
        if (kind == "account") return account();
        return fail(DecodeFault::unknown_kind, "kind", "is not one that this version knows");
    }

    bool commit() {
        event_.kind = Kind::commit;
        if (!expect("commit", envelope_.commit)) return false;
        const Envelope::Commit& fields = envelope_.commit_fields;
        if (!identifier("commit.collection", fields.collection, atproto::is_valid_nsid,
                        event_.collection)) {
            return false;
        }
        unwanted_ = !filter_.wants(event_.collection);
        if (unwanted_) return true;
        return identifier("commit.rkey", fields.rkey, atproto::is_valid_rkey, event_.rkey) &&
               identifier("commit.rev", fields.rev, atproto::is_valid_tid, event_.rev) &&
               operation() && (event_.operation == Operation::del || content());
    }

    bool operation() noexcept {
        const Field<std::string_view>& field = envelope_.commit_fields.operation;
        if (!expect("commit.operation", field.state)) return false;
        for (const Operation known : {Operation::create, Operation::update, Operation::del}) {
            if (field.value == to_string(known)) {
                event_.operation = known;
                return true;
            }
        }
        return fail(DecodeFault::unknown_operation, "commit.operation",
                    "is not create, update or delete");
    }

    bool content() noexcept {
        const Envelope::Commit& fields = envelope_.commit_fields;
        if (!identifier("commit.cid", fields.cid, atproto::is_valid_cid, event_.cid)) return false;
        if (!expect("commit.record", fields.record.state)) return false;
        event_.record = fields.record.value;
        return true;
    }

    bool same_did(std::string_view path, const Field<std::string_view>& field) noexcept {
        if (field.state == FieldState::absent) return true;
        if (!expect(path, field.state)) return false;
        return field.value == event_.did ||
               fail(DecodeFault::invalid_identifier, path, "differs from the event's did");
    }

    bool identity() noexcept {
        event_.kind = Kind::identity;
        if (!expect("identity", envelope_.identity)) return false;
        const Envelope::Identity& fields = envelope_.identity_fields;
        if (!same_did("identity.did", fields.did) || !counter("identity.seq", fields.seq)) {
            return false;
        }
        event_.upstream_seq = fields.seq.value;
        if (fields.handle.state == FieldState::absent) return true;
        if (fields.handle.state == FieldState::wrong_type) {
            return expect("identity.handle", fields.handle.state);
        }
        if (fields.handle.present() && atproto::is_valid_handle(fields.handle.value) &&
            fields.handle.value != atproto::unresolved_handle) {
            event_.handle = fields.handle.value;
        }
        return true;
    }

    bool account() noexcept {
        event_.kind = Kind::account;
        if (!expect("account", envelope_.account)) return false;
        const Envelope::Account& fields = envelope_.account_fields;
        if (!same_did("account.did", fields.did) || !counter("account.seq", fields.seq) ||
            !expect("account.active", fields.active.state)) {
            return false;
        }
        event_.upstream_seq = fields.seq.value;
        event_.active = fields.active.value;
        if (fields.status.state == FieldState::absent) return true;
        if (!expect("account.status", fields.status.state)) return false;
        if (fields.status.value.size() > max_status_bytes) {
            return fail(DecodeFault::too_large, "account.status", "is longer than 64 bytes");
        }
        event_.status = fields.status.value;
        return true;
    }

    const Envelope& envelope_;
    const CollectionFilter& filter_;
    EventView event_;
    bool unwanted_ = false;
    DecodeFault fault_ = DecodeFault::malformed_json;
    std::string_view path_;
    std::string_view reason_;
};

std::string describe(const GuardVerdict& verdict) {
    return std::string(verdict.reason) + " at byte " + std::to_string(verdict.offset);
}

}  // namespace

std::string_view to_string(DecodeFault fault) noexcept {
    switch (fault) {
        case DecodeFault::malformed_json:
            return "malformed_json";
        case DecodeFault::missing_field:
            return "missing_field";
        case DecodeFault::wrong_type:
            return "wrong_type";
        case DecodeFault::unknown_kind:
            return "unknown_kind";
        case DecodeFault::unknown_operation:
            return "unknown_operation";
        case DecodeFault::invalid_identifier:
            return "invalid_identifier";
        case DecodeFault::invalid_number:
            return "invalid_number";
        case DecodeFault::unstorable_record:
            return "unstorable_record";
        case DecodeFault::too_large:
            return "too_large";
    }
    return "unknown";
}

struct Decoder::Impl {
    Impl(CollectionFilter wanted, std::size_t limit)
        : filter(std::move(wanted)), max_frame_bytes(limit), parser(limit) {
        // Room for ordinary events from the start; larger ones make it grow.
        if (parser.allocate(std::min(limit, ordinary_frame_bytes)) != simdjson::SUCCESS) {
            throw std::bad_alloc();
        }
    }

    // The frame with readable bytes behind it.
    const char* with_padding(std::string_view frame) {
        if (copy.size() < frame.size() + padding) copy.resize(frame.size() + padding);
        std::memcpy(copy.data(), frame.data(), frame.size());
        std::memset(copy.data() + frame.size(), 0, padding);
        return copy.data();
    }

    CollectionFilter filter;
    std::size_t max_frame_bytes;
    simdjson::ondemand::parser parser;
    std::vector<char> copy;
    Passed passed;
};

Decoder::Decoder(CollectionFilter filter, std::size_t max_frame_bytes)
    : impl_(std::make_unique<Impl>(std::move(filter), max_frame_bytes)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

const Decoder::Passed& Decoder::passed() const noexcept {
    return impl_->passed;
}

Result<std::optional<EventView>, DecodeError> Decoder::decode(std::string_view frame, bool padded) {
    DecodeError error;
    if (frame.size() > impl_->max_frame_bytes) {
        error.fault = DecodeFault::too_large;
        error.reason = "is longer than " + std::to_string(impl_->max_frame_bytes) + " bytes";
        return error;
    }
    if (frame.empty()) {
        error.reason = "is empty";
        return error;
    }

    Envelope envelope;
    const char* const data = padded ? frame.data() : impl_->with_padding(frame);
    const std::string_view text(data, frame.size());
    const EnvelopeFault read =
        read_envelope(impl_->parser, data, frame.size(), frame.size() + padding, envelope);

    Judge judge(envelope, impl_->filter);
    const bool valid = read.good() && judge.run();
    if (valid && judge.unwanted()) {
        impl_->passed.time_us = judge.event().time_us;
        impl_->passed.seq = judge.event().seq;
        return std::optional<EventView>();
    }

    // The first stage of the parser has checked the UTF-8 of a frame that it did not refuse.
    GuardOptions options;
    options.utf8_checked = read.good();
    const GuardVerdict verdict = guard_json(text, options);
    if (valid && verdict.good()) return std::optional<EventView>(judge.event());

    if (envelope.time_us.present() && is_valid_time(envelope.time_us.value)) {
        error.time_us = envelope.time_us.value;
    }
    if (envelope.did.present() && atproto::is_valid_did(envelope.did.value)) {
        error.did = envelope.did.value;
    }
    // That a frame is no JSON at all explains more than what its envelope lacks.
    if (verdict.malformed()) {
        error.fault = DecodeFault::malformed_json;
        error.reason = describe(verdict);
    } else if (!read.duplicate.empty()) {
        error.fault = DecodeFault::malformed_json;
        error.path = read.duplicate;
        error.reason = "is given twice";
    } else if (!read.good()) {
        // Valid JSON that the parser refuses: a root that is no object, or too deep to step over.
        const bool not_object = read.json == simdjson::INCORRECT_TYPE;
        error.fault = not_object ? DecodeFault::wrong_type : DecodeFault::malformed_json;
        error.reason = not_object ? "is not an object" : simdjson::error_message(read.json);
    } else if (!valid) {
        error.fault = judge.fault();
        error.path = judge.path();
        error.reason = judge.reason();
    } else {
        error.fault = DecodeFault::unstorable_record;
        error.reason = describe(verdict);
    }
    return error;
}

}  // namespace subcults::jetstream
