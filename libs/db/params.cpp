#include "db/params.hpp"

#include "db/wire.hpp"

#include <bit>
#include <limits>
#include <stdexcept>

namespace subcults::db {

namespace {

// Object ids of the built-in types, fixed by PostgreSQL's catalogue.
enum class Type : std::uint32_t {
    boolean = 16,
    bytea = 17,
    int8 = 20,
    int4 = 23,
    text = 25,
    float8 = 701,
    timestamptz = 1184,
    uuid = 2950,
    jsonb = 3802,
};

template <class T>
void put(std::string& out, T value) {
    char bytes[sizeof(T)];
    wire::store(bytes, value);
    out.append(bytes, sizeof(T));
}

// One overload per kind of value: what follows the length word.
void put_value(std::string& out, Type, bool value) {
    out.push_back(value ? '\1' : '\0');
}
void put_value(std::string& out, Type, std::int32_t value) {
    put(out, value);
}
void put_value(std::string& out, Type, std::int64_t value) {
    put(out, value);
}
void put_value(std::string& out, Type, double value) {
    put(out, std::bit_cast<std::uint64_t>(value));
}
void put_value(std::string& out, Type type, std::string_view value) {
    if (type == Type::jsonb) out.push_back(wire::jsonb_version);
    out.append(value);
}
void put_value(std::string& out, Type, const Uuid& value) {
    out.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
}
void put_value(std::string& out, Type, UnixMicros value) {
    put(out, wire::to_postgres(value));
}

int checked_length(std::size_t bytes) {
    // The server refuses messages of one gigabyte; failing here keeps the length word honest.
    constexpr std::size_t limit = 0x3fff'ffff;
    if (bytes > limit) throw std::length_error("a statement parameter exceeds one gigabyte");
    return static_cast<int>(bytes);
}

template <class T>
void put_element(std::string& out, Type type, const T& value) {
    const auto at = out.size();
    put(out, std::int32_t{0});
    put_value(out, type, value);
    wire::store(out.data() + at,
                static_cast<std::int32_t>(checked_length(out.size() - at - sizeof(std::int32_t))));
}
template <class T>
void put_element(std::string& out, Type type, const std::optional<T>& value) {
    if (value) {
        put_element(out, type, *value);
    } else {
        put(out, std::int32_t{-1});
    }
}

template <class T>
bool has_null(std::span<const T>) noexcept {
    return false;
}
template <class T>
bool has_null(std::span<const std::optional<T>> values) noexcept {
    for (const auto& value : values) {
        if (!value) return true;
    }
    return false;
}

// Header: dimensions, has-NULL flag, element type; then size and lower bound of the dimension.
template <class T>
void put_array(std::string& out, Type type, std::span<const T> values) {
    put(out, std::int32_t{values.empty() ? 0 : 1});
    put(out, std::int32_t{has_null(values) ? 1 : 0});
    put(out, static_cast<std::uint32_t>(type));
    if (values.empty()) return;
    put(out, static_cast<std::int32_t>(checked_length(values.size())));
    put(out, std::int32_t{1});
    for (const auto& value : values) {
        put_element(out, type, value);
    }
}

}  // namespace

template <class Write>
Params& Params::add(Write write) {
    const auto at = buffer_.size();
    write(buffer_);
    Slot slot;
    slot.offset = at;
    slot.length = checked_length(buffer_.size() - at);
    slots_.push_back(slot);
    return *this;
}

Params& Params::null() {
    Slot slot;
    slot.offset = buffer_.size();
    slot.length = -1;
    slots_.push_back(slot);
    return *this;
}

Params& Params::boolean(bool value) {
    return add([&](std::string& out) { put_value(out, Type::boolean, value); });
}
Params& Params::int4(std::int32_t value) {
    return add([&](std::string& out) { put_value(out, Type::int4, value); });
}
Params& Params::int8(std::int64_t value) {
    return add([&](std::string& out) { put_value(out, Type::int8, value); });
}
Params& Params::float8(double value) {
    return add([&](std::string& out) { put_value(out, Type::float8, value); });
}
Params& Params::text(std::string_view value) {
    return add([&](std::string& out) { put_value(out, Type::text, value); });
}
Params& Params::bytea(std::string_view value) {
    return add([&](std::string& out) { put_value(out, Type::bytea, value); });
}
Params& Params::uuid(const Uuid& value) {
    return add([&](std::string& out) { put_value(out, Type::uuid, value); });
}
Params& Params::timestamptz(UnixMicros value) {
    return add([&](std::string& out) { put_value(out, Type::timestamptz, value); });
}
Params& Params::jsonb(std::string_view json) {
    return add([&](std::string& out) { put_value(out, Type::jsonb, json); });
}

Params& Params::boolean_array(std::span<const bool> values) {
    return add([&](std::string& out) { put_array(out, Type::boolean, values); });
}
Params& Params::int4_array(std::span<const std::int32_t> values) {
    return add([&](std::string& out) { put_array(out, Type::int4, values); });
}
Params& Params::int8_array(std::span<const std::int64_t> values) {
    return add([&](std::string& out) { put_array(out, Type::int8, values); });
}
Params& Params::float8_array(std::span<const std::optional<double>> values) {
    return add([&](std::string& out) { put_array(out, Type::float8, values); });
}
Params& Params::text_array(std::span<const std::string_view> values) {
    return add([&](std::string& out) { put_array(out, Type::text, values); });
}
Params& Params::text_array(std::span<const std::optional<std::string_view>> values) {
    return add([&](std::string& out) { put_array(out, Type::text, values); });
}
Params& Params::bytea_array(std::span<const std::string_view> values) {
    return add([&](std::string& out) { put_array(out, Type::bytea, values); });
}
Params& Params::bytea_array(std::span<const std::optional<std::string_view>> values) {
    return add([&](std::string& out) { put_array(out, Type::bytea, values); });
}
Params& Params::uuid_array(std::span<const Uuid> values) {
    return add([&](std::string& out) { put_array(out, Type::uuid, values); });
}
Params& Params::uuid_array(std::span<const std::optional<Uuid>> values) {
    return add([&](std::string& out) { put_array(out, Type::uuid, values); });
}
Params& Params::timestamptz_array(std::span<const UnixMicros> values) {
    return add([&](std::string& out) { put_array(out, Type::timestamptz, values); });
}
Params& Params::timestamptz_array(std::span<const std::optional<UnixMicros>> values) {
    return add([&](std::string& out) { put_array(out, Type::timestamptz, values); });
}
Params& Params::jsonb_array(std::span<const std::optional<std::string_view>> values) {
    return add([&](std::string& out) { put_array(out, Type::jsonb, values); });
}

std::vector<const char*> Params::pointers() const {
    std::vector<const char*> result;
    result.reserve(slots_.size());
    for (const auto& slot : slots_) {
        result.push_back(slot.length < 0 ? nullptr : buffer_.data() + slot.offset);
    }
    return result;
}

std::vector<int> Params::lengths() const {
    std::vector<int> result;
    result.reserve(slots_.size());
    for (const auto& slot : slots_) {
        result.push_back(slot.length < 0 ? 0 : slot.length);
    }
    return result;
}

std::vector<int> Params::formats() const {
    return std::vector<int>(slots_.size(), 1);
}

}  // namespace subcults::db
