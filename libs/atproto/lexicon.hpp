// A lexicon compiled into a tree that records are walked along with.
//
// Understood is the part of the lexicon language that the project's records need: objects, arrays,
// strings, integers, booleans, unknown and references within the file. Everything else, a keyword
// as well as a type, is refused when the file is compiled: a constraint that is written down is
// enforced. Two readings of our own: `unknown` is any value whatever (the protocol wants an
// object), and a definition named `historical` is an older form of the record (see form_of).
//
// Internal to this folder and its tests. Immutable once compiled; pointers into it live as long as
// it does, also when it is moved.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace subcults::atproto {

struct Schema;
struct StringFormat;

inline constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

struct StringSchema {
    std::size_t min_bytes = 0;
    std::size_t max_bytes = no_limit;
    std::size_t min_graphemes = 0;
    std::size_t max_graphemes = no_limit;
    const StringFormat* format = nullptr;
    std::vector<std::string> allowed;  // empty: all
};

struct IntegerSchema {
    std::int64_t minimum = std::numeric_limits<std::int64_t>::min();
    std::int64_t maximum = std::numeric_limits<std::int64_t>::max();
};

struct ArraySchema {
    const Schema* items = nullptr;
    std::size_t min_items = 0;
    std::size_t max_items = no_limit;
};

struct ObjectSchema {
    // So that what was seen of them fits one word.
    static constexpr std::size_t max_properties = 64;

    struct Property {
        std::string name;
        const Schema* schema = nullptr;
        bool required = false;
    };
    std::vector<Property> properties;  // sorted by name

    const Property* find(std::string_view name) const noexcept;
};

struct BooleanSchema {};
struct UnknownSchema {};

struct Schema {
    std::variant<UnknownSchema, BooleanSchema, IntegerSchema, StringSchema, ArraySchema,
                 ObjectSchema>
        rule;
};

class Lexicon {
  public:
    // Throws std::invalid_argument that names the place in the file.
    static Lexicon compile(std::string_view json);

    const std::string& id() const noexcept { return id_; }

    // What this record is judged by: the historical form if the record has a field that only that
    // one requires (and it is not null), the main form otherwise.
    const ObjectSchema& form_of(const simdjson::dom::object& record) const noexcept;

    // Whether records may have this key: a TID, or anything that is a record key.
    bool key_fits(std::string_view rkey) const noexcept;

  private:
    friend class LexiconCompiler;
    Lexicon() = default;

    std::string id_;
    bool keys_are_tids_ = false;
    const ObjectSchema* main_ = nullptr;
    const ObjectSchema* historical_ = nullptr;
    std::vector<std::string> historical_marks_;
    std::vector<std::unique_ptr<Schema>> schemas_;
};

}  // namespace subcults::atproto
