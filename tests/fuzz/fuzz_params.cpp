// The writer of binary parameters against a reader of its own: any sequence of values, read back
// from the bytes that libpq would be given, is the sequence that was written.
//
// The input is a little program: an operation, then what it takes.
#include "db/columns.hpp"
#include "db/params.hpp"
#include "fuzz/oracle.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace subcults;

namespace {

// The types by their numbers in PostgreSQL's catalogue.
enum Oid : std::uint32_t {
    oid_bool = 16,
    oid_bytea = 17,
    oid_int8 = 20,
    oid_int4 = 23,
    oid_text = 25,
    oid_float8 = 701,
    oid_timestamptz = 1184,
    oid_uuid = 2950,
    oid_jsonb = 3802,
};

using Cell = std::optional<std::string>;  // a value as this file writes it down, or NULL

struct Expected {
    std::uint32_t oid = 0;
    bool array = false;
    std::vector<Cell> cells;  // one for a scalar
};

// ---- how values are written down, from what the caller means ----

std::string shown(bool value) {
    return value ? "yes" : "no";
}
std::string shown(std::int32_t value) {
    return std::to_string(value);
}
std::string shown(std::int64_t value) {
    return std::to_string(value);
}
std::string shown(double value) {
    return "bits " + std::to_string(std::bit_cast<std::uint64_t>(value));
}
std::string shown(std::string_view value) {
    return std::string(value);
}
std::string shown(const Uuid& value) {
    return {reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()};
}
constexpr std::int64_t from_1970_to_2000 = 946'684'800'000'000;
std::string shown(UnixMicros value) {
    constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
    if (value.value == std::numeric_limits<std::int64_t>::max()) return "infinity";
    // What would be the lowest number or less on the other side.
    if (value.value <= lowest + from_1970_to_2000) return "-infinity";
    return std::to_string(value.value);
}

// ---- and from the bytes on the wire ----

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char byte : bytes)
        value = value * 256 + static_cast<unsigned char>(byte);
    return value;
}

std::optional<std::string> read_cell(std::uint32_t oid, std::string_view bytes) {
    switch (oid) {
        case oid_bool:
            if (bytes.size() != 1 || static_cast<unsigned char>(bytes[0]) > 1) return std::nullopt;
            return bytes[0] == '\1' ? "yes" : "no";
        case oid_int4:
            if (bytes.size() != 4) return std::nullopt;
            return std::to_string(static_cast<std::int32_t>(big_endian(bytes)));
        case oid_int8:
            if (bytes.size() != 8) return std::nullopt;
            return std::to_string(static_cast<std::int64_t>(big_endian(bytes)));
        case oid_float8:
            if (bytes.size() != 8) return std::nullopt;
            return "bits " + std::to_string(big_endian(bytes));
        case oid_timestamptz: {
            if (bytes.size() != 8) return std::nullopt;
            const auto micros = static_cast<std::int64_t>(big_endian(bytes));
            if (micros == std::numeric_limits<std::int64_t>::max()) return "infinity";
            if (micros == std::numeric_limits<std::int64_t>::min()) return "-infinity";
            if (micros > std::numeric_limits<std::int64_t>::max() - from_1970_to_2000) {
                return std::nullopt;
            }
            return std::to_string(micros + from_1970_to_2000);
        }
        case oid_uuid:
            if (bytes.size() != 16) return std::nullopt;
            return std::string(bytes);
        case oid_jsonb:
            if (bytes.empty() || bytes[0] != '\1') return std::nullopt;
            return std::string(bytes.substr(1));
        default:
            return std::string(bytes);
    }
}

class Wire {
  public:
    explicit Wire(std::string_view bytes) : bytes_(bytes) {}
    bool take(std::size_t count, std::string_view& into) {
        if (bytes_.size() < count) return false;
        into = bytes_.substr(0, count);
        bytes_.remove_prefix(count);
        return true;
    }
    bool number(std::int32_t& into) {
        std::string_view bytes;
        if (!take(4, bytes)) return false;
        into = static_cast<std::int32_t>(big_endian(bytes));
        return true;
    }
    bool done() const { return bytes_.empty(); }

  private:
    std::string_view bytes_;
};

// What is wrong with the bytes of an array, or nullptr.
const char* check_array(const Expected& expected, std::string_view bytes) {
    Wire wire(bytes);
    std::int32_t dimensions = 0, nulls = 0, oid = 0, size = 0, lower = 0;
    if (!wire.number(dimensions) || !wire.number(nulls) || !wire.number(oid)) return "no header";
    if (static_cast<std::uint32_t>(oid) != expected.oid) return "another element type";
    if (expected.cells.empty()) {
        return dimensions == 0 && nulls == 0 && wire.done() ? nullptr : "not empty";
    }
    if (dimensions != 1 || !wire.number(size) || !wire.number(lower)) return "no dimension";
    if (static_cast<std::size_t>(size) != expected.cells.size() || lower != 1) return "its bounds";
    bool found_null = false;
    for (const Cell& cell : expected.cells) {
        std::int32_t length = 0;
        std::string_view value;
        if (!wire.number(length)) return "an element is missing";
        if (length == -1) {
            found_null = true;
            if (cell) return "NULL in place of a value";
            continue;
        }
        if (!cell) return "a value in place of NULL";
        if (length < 0 || !wire.take(static_cast<std::size_t>(length), value)) return "a length";
        if (read_cell(expected.oid, value) != cell) return "an element";
    }
    if (nulls != (found_null ? 1 : 0)) return "the NULL flag";
    return wire.done() ? nullptr : "bytes behind the last element";
}

// ---- the program ----

class Program {
  public:
    Program(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    bool over() const { return at_ >= size_; }
    std::uint8_t byte() { return over() ? 0 : data_[at_++]; }
    std::int64_t number() {
        // Small numbers are as likely as the extremes and anything between.
        const std::uint8_t form = byte();
        if (form < 64) return form - 32;
        if (form == 64) return std::numeric_limits<std::int64_t>::min();
        if (form == 65) return std::numeric_limits<std::int64_t>::max();
        if (form == 66) return std::numeric_limits<std::int64_t>::min() + 946'684'800'000'000;
        std::uint64_t value = 0;
        for (int i = 0; i < 8; ++i)
            value = value << 8 | byte();
        return static_cast<std::int64_t>(value);
    }
    std::string_view bytes() {
        const std::size_t wanted = byte();
        const std::size_t length = std::min(wanted, size_ - std::min(at_, size_));
        const std::string_view text(reinterpret_cast<const char*>(data_) + at_, length);
        at_ += length;
        return text;
    }
    Uuid uuid() {
        Uuid id;
        for (auto& one : id.bytes)
            one = byte();
        return id;
    }

  private:
    const std::uint8_t* data_;
    std::size_t size_;
    std::size_t at_ = 0;
};

class Writer {
  public:
    explicit Writer(Program& program) : program_(program) {}

    void run() {
        while (!program_.over() && expected_.size() < 200)
            step();
    }
    const db::Params& params() const { return params_; }
    const std::vector<Expected>& expected() const { return expected_; }

  private:
    void step() {
        const auto number = [this] { return program_.number(); };
        const auto int4 = [this] { return static_cast<std::int32_t>(program_.number()); };
        const auto boolean = [this] { return (program_.byte() & 1) != 0; };
        const auto float8 = [this] { return std::bit_cast<double>(program_.number()); };
        const auto text = [this] { return program_.bytes(); };
        const auto uuid = [this] { return program_.uuid(); };
        const auto time = [this] { return UnixMicros{program_.number()}; };
        switch (program_.byte() % 23) {
            case 0:
                params_.null();
                expected_.push_back({0, false, {std::nullopt}});
                break;
            case 1:
                return scalar(oid_bool, boolean(), &db::Params::boolean);
            case 2:
                return scalar(oid_int4, int4(), &db::Params::int4);
            case 3:
                return scalar(oid_int8, number(), &db::Params::int8);
            case 4:
                return scalar(oid_float8, float8(), &db::Params::float8);
            case 5:
                return scalar(oid_text, text(), &db::Params::text);
            case 6:
                return scalar(oid_bytea, text(), &db::Params::bytea);
            case 7:
                return scalar(oid_uuid, uuid(), &db::Params::uuid);
            case 8:
                return scalar(oid_timestamptz, time(), &db::Params::timestamptz);
            case 9:
                return scalar(oid_jsonb, text(), &db::Params::jsonb);
            case 10: {
                const auto values = array<std::uint8_t>(oid_bool, boolean);
                const db::BooleanColumn column(values, [](std::uint8_t one) { return one != 0; });
                params_.boolean_array(column.span());
                break;
            }
            case 11:
                params_.int4_array(array<std::int32_t>(oid_int4, int4));
                break;
            case 12:
                params_.int8_array(array<std::int64_t>(oid_int8, number));
                break;
            case 13:
                params_.float8_array(array<std::optional<double>>(oid_float8, float8));
                break;
            case 14:
                params_.text_array(array<std::string_view>(oid_text, text));
                break;
            case 15:
                params_.text_array(array<std::optional<std::string_view>>(oid_text, text));
                break;
            case 16:
                params_.bytea_array(array<std::string_view>(oid_bytea, text));
                break;
            case 17:
                params_.bytea_array(array<std::optional<std::string_view>>(oid_bytea, text));
                break;
            case 18:
                params_.uuid_array(array<Uuid>(oid_uuid, uuid));
                break;
            case 19:
                params_.uuid_array(array<std::optional<Uuid>>(oid_uuid, uuid));
                break;
            case 20:
                params_.timestamptz_array(array<UnixMicros>(oid_timestamptz, time));
                break;
            case 21:
                params_.timestamptz_array(array<std::optional<UnixMicros>>(oid_timestamptz, time));
                break;
            default:
                params_.jsonb_array(array<std::optional<std::string_view>>(oid_jsonb, text));
        }
    }

    template <class T, class Parameter>
    void scalar(std::uint32_t oid, T value, db::Params& (db::Params::*write)(Parameter)) {
        expected_.push_back({oid, false, {shown(value)}});
        (params_.*write)(value);
    }

    // Up to 30 values; every fourth of the optional ones is NULL.
    template <class Element, class Make>
    std::vector<Element> array(std::uint32_t oid, Make make) {
        Expected expected{oid, true, {}};
        std::vector<Element> values;
        const std::size_t count = program_.byte() % 31;
        for (std::size_t i = 0; i < count; ++i) {
            if constexpr (requires(Element element) { element.has_value(); }) {
                if (program_.byte() % 4 == 0) {
                    values.emplace_back(std::nullopt);
                    expected.cells.emplace_back(std::nullopt);
                    continue;
                }
            }
            const auto value = make();
            values.emplace_back(value);
            expected.cells.emplace_back(shown(value));
        }
        expected_.push_back(std::move(expected));
        return values;
    }

    Program& program_;
    db::Params params_;
    std::vector<Expected> expected_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    Program program(data, size);
    Writer writer(program);
    writer.run();

    const auto pointers = writer.params().pointers();
    const auto lengths = writer.params().lengths();
    const auto formats = writer.params().formats();
    const auto& expected = writer.expected();
    if (pointers.size() != expected.size() || lengths.size() != expected.size() ||
        formats != std::vector<int>(expected.size(), 1)) {
        fuzz::fail("another number of parameters", input);
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const Expected& wanted = expected[i];
        if (!wanted.array && !wanted.cells[0]) {
            if (pointers[i] != nullptr) fuzz::fail("a value in place of NULL", input);
            continue;
        }
        if (pointers[i] == nullptr) fuzz::fail("NULL in place of a value", input);
        // A copy of just these bytes: reading past them shows.
        const std::vector<char> exact(pointers[i], pointers[i] + lengths[i]);
        const std::string_view bytes(exact.data(), exact.size());
        if (wanted.array) {
            const char* const wrong = check_array(wanted, bytes);
            if (wrong != nullptr) fuzz::fail(wrong, input);
        } else if (read_cell(wanted.oid, bytes) != wanted.cells[0]) {
            fuzz::fail("a scalar", input);
        }
    }
    return 0;
}
