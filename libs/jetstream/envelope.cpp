#include "jetstream/envelope.hpp"

#include <cstring>
#include <optional>

namespace subcults::jetstream {
namespace {

// Nearly every key and identifier is spelt without escapes: then it is used where it stands, which
// is several times quicker than the portable kernel's copying byte by byte. `start` is behind the
// opening quote; nullopt = there is an escape, or no closing quote before `end`.
std::optional<std::string_view> plain_string(const char* start, const char* end) noexcept {
    const auto size = static_cast<std::size_t>(end - start);
    const void* const quote = std::memchr(start, '"', size);
    if (quote == nullptr) return std::nullopt;
    const auto length = static_cast<std::size_t>(static_cast<const char*>(quote) - start);
    if (std::memchr(start, '\\', length) != nullptr) return std::nullopt;
    return std::string_view(start, length);
}

namespace od = simdjson::ondemand;
using simdjson::error_code;
using simdjson::SUCCESS;

// One reader per frame; every method returns false when reading cannot go on, with fault() set.
class Reader {
  public:
    explicit Reader(Envelope& envelope) noexcept : envelope_(envelope) {}
    const EnvelopeFault& fault() const noexcept { return fault_; }

    bool frame(od::parser& parser, const char* data, std::size_t size, std::size_t capacity) {
        end_ = data + size;
        od::document document;
        if (!check(parser.iterate(data, size, capacity).get(document))) return false;
        od::object root;
        if (!check(document.get_object().get(root))) return false;
        if (!each(root, [this](auto name, auto& value) { return top_level(name, value); })) {
            return false;
        }
        // The root must be all there is: only then has the position run off the end.
        const char* rest = nullptr;
        const error_code at_end = document.current_location().get(rest);
        return at_end == simdjson::OUT_OF_BOUNDS || check(simdjson::TAPE_ERROR);
    }

  private:
    bool check(error_code error) noexcept {
        fault_.json = error;
        return error == SUCCESS;
    }
    bool duplicate(std::string_view name) noexcept {
        fault_.duplicate = name;
        return false;
    }

    template <class Handler>
    bool each(od::object& object, Handler handler) {
        for (auto entry : object) {
            od::field field;
            if (!check(std::move(entry).get(field))) return false;
            std::string_view name;
            if (const auto plain = plain_string(field.key().raw(), end_)) {
                name = *plain;
            } else if (const error_code error = field.unescaped_key().get(name); error != SUCCESS) {
                // A key that does not unescape is not one of ours; the guard judges it.
                if (error != simdjson::STRING_ERROR) return check(error);
                name = {};
            }
            od::value value = field.value();
            if (!handler(name, value)) return false;
        }
        return true;
    }

    bool top_level(std::string_view name, od::value& value) {
        if (name == "did") return text("did", value, envelope_.did);
        if (name == "time_us") return integer("time_us", value, envelope_.time_us);
        if (name == "kind") return text("kind", value, envelope_.kind);
        if (name == "commit") {
            auto& fields = envelope_.commit_fields;
            return nested("commit", value, envelope_.commit, [&](auto key, auto& inner) {
                if (key == "rev") return text("commit.rev", inner, fields.rev);
                if (key == "operation") return text("commit.operation", inner, fields.operation);
                if (key == "collection") return text("commit.collection", inner, fields.collection);
                if (key == "rkey") return text("commit.rkey", inner, fields.rkey);
                if (key == "record") return raw_object("commit.record", inner, fields.record);
                if (key == "cid") return text("commit.cid", inner, fields.cid);
                return true;
            });
        }
        if (name == "identity") {
            auto& fields = envelope_.identity_fields;
            return nested("identity", value, envelope_.identity, [&](auto key, auto& inner) {
                if (key == "did") return text("identity.did", inner, fields.did);
                if (key == "handle") return text("identity.handle", inner, fields.handle);
                if (key == "seq") return integer("identity.seq", inner, fields.seq);
                return true;
            });
        }
        if (name == "account") {
            auto& fields = envelope_.account_fields;
            return nested("account", value, envelope_.account, [&](auto key, auto& inner) {
                if (key == "active") return boolean("account.active", inner, fields.active);
                if (key == "did") return text("account.did", inner, fields.did);
                if (key == "status") return text("account.status", inner, fields.status);
                if (key == "seq") return integer("account.seq", inner, fields.seq);
                return true;
            });
        }
        if (name == "cursor") return integer("cursor", value, envelope_.cursor);
        return true;
    }

    // Fetches the type of a field that must not have been seen before.
    bool begin(std::string_view path, od::value& value, FieldState& state, od::json_type& type) {
        if (state != FieldState::absent) return duplicate(path);
        return check(value.type().get(type));
    }

    template <class Handler>
    bool nested(std::string_view path, od::value& value, FieldState& state, Handler handler) {
        od::json_type type;
        if (!begin(path, value, state, type)) return false;
        state = FieldState::wrong_type;
        if (type != od::json_type::object) return true;
        od::object object;
        if (!check(value.get_object().get(object))) return false;
        if (!each(object, handler)) return false;
        state = FieldState::present;
        return true;
    }

    bool text(std::string_view path, od::value& value, Field<std::string_view>& field) {
        od::json_type type;
        if (!begin(path, value, field.state, type)) return false;
        field.state = FieldState::wrong_type;
        if (type != od::json_type::string) return true;
        const char* const start = value.raw_json_token().data() + 1;
        if (const auto plain = plain_string(start, end_)) {
            field.value = *plain;
            field.state = FieldState::present;
            return true;
        }
        const error_code error = value.get_string().get(field.value);
        if (error == simdjson::STRING_ERROR) {
            field.state = FieldState::unreadable;
            return true;
        }
        if (!check(error)) return false;
        field.state = FieldState::present;
        return true;
    }

    bool integer(std::string_view path, od::value& value, Field<std::int64_t>& field) {
        od::json_type type;
        if (!begin(path, value, field.state, type)) return false;
        field.state = FieldState::wrong_type;
        if (type != od::json_type::number) return true;
        const error_code error = value.get_int64().get(field.value);
        field.state = error == SUCCESS ? FieldState::present : FieldState::out_of_range;
        return true;
    }

    bool boolean(std::string_view path, od::value& value, Field<bool>& field) {
        od::json_type type;
        if (!begin(path, value, field.state, type)) return false;
        field.state = FieldState::wrong_type;
        if (type != od::json_type::boolean) return true;
        if (!check(value.get_bool().get(field.value))) return false;
        field.state = FieldState::present;
        return true;
    }

    bool raw_object(std::string_view path, od::value& value, Field<std::string_view>& field) {
        od::json_type type;
        if (!begin(path, value, field.state, type)) return false;
        field.state = FieldState::wrong_type;
        if (type != od::json_type::object) return true;
        od::object object;
        if (!check(value.get_object().get(object))) return false;
        std::string_view raw;
        if (!check(object.raw_json().get(raw))) return false;
        // The slice runs up to the next token: blanks behind the brace come with it.
        raw = raw.substr(0, raw.find_last_not_of(" \t\r\n") + 1);
        field.value = raw;
        field.state = FieldState::present;
        return true;
    }

    Envelope& envelope_;
    EnvelopeFault fault_;
    const char* end_ = nullptr;
};

}  // namespace

EnvelopeFault read_envelope(od::parser& parser, const char* data, std::size_t size,
                            std::size_t capacity, Envelope& envelope) noexcept {
    Reader reader(envelope);
    reader.frame(parser, data, size, capacity);
    return reader.fault();
}

}  // namespace subcults::jetstream
