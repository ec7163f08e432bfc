#include "atproto/record_walk.hpp"

#include "atproto/graphemes.hpp"
#include "atproto/private_keys.hpp"
#include "atproto/record_path.hpp"
#include "atproto/string_format.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace subcults::atproto {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

std::string limit(const char* bound, std::uint64_t count, const char* unit) {
    return std::string("must have ") + bound + " " + std::to_string(count) + " " + unit +
           (count == 1 ? "" : "s");
}

std::string one_of(const std::vector<std::string>& values) {
    if (values.size() == 1) return "must be " + values.front();
    std::string text = "must be one of ";
    for (const std::string& value : values) {
        if (&value != &values.front()) text.append(", ");
        text.append(value);
    }
    return text;
}

// What is wrong with a value of the right type; empty if nothing is.
std::string fault_of(const StringSchema& schema, std::string_view text) {
    if (text.empty() && (schema.min_bytes > 0 || schema.min_graphemes > 0))
        return "must not be empty";
    if (text.size() < schema.min_bytes) return limit("at least", schema.min_bytes, "byte");
    if (text.size() > schema.max_bytes) return limit("at most", schema.max_bytes, "byte");
    // A text never has more graphemes than bytes: most need no counting.
    if (text.size() > schema.max_graphemes &&
        count_graphemes(text, schema.max_graphemes + 1) > schema.max_graphemes) {
        return limit("at most", schema.max_graphemes, "grapheme");
    }
    if (schema.min_graphemes > 0 &&
        count_graphemes(text, schema.min_graphemes) < schema.min_graphemes) {
        return limit("at least", schema.min_graphemes, "grapheme");
    }
    if (schema.format != nullptr && !schema.format->matches(text))
        return "must be " + std::string(schema.format->phrase);
    if (!schema.allowed.empty() &&
        std::find(schema.allowed.begin(), schema.allowed.end(), text) == schema.allowed.end()) {
        return one_of(schema.allowed);
    }
    return {};
}

std::string fault_of(const IntegerSchema& schema, const element& value) {
    const bool beyond_64_bits = value.type() == element_type::UINT64;
    std::int64_t number = 0;
    if (!beyond_64_bits && value.get(number) != simdjson::SUCCESS) return "must be an integer";
    if (beyond_64_bits || number > schema.maximum)
        return "must be at most " + std::to_string(schema.maximum);
    if (number < schema.minimum) return "must be at least " + std::to_string(schema.minimum);
    return {};
}

// Judges by the lexicon until the first fault, and searches for private keys to the very end.
class Walk {
  public:
    Result<void, RecordFault> run(const ObjectSchema* schema, const object& record) {
        const RecordPath root;
        enter(record, schema, root, 0);
        if (private_) return std::move(*private_);
        if (invalid_) return std::move(*invalid_);
        return {};
    }

  private:
    void refuse(const RecordPath& path, std::string reason) {
        if (invalid_) return;
        invalid_.emplace();
        invalid_->path = to_string(path);
        invalid_->reason = std::move(reason);
    }

    // False, so that callers stop: nothing that comes later matters any more.
    bool betray(const RecordPath& path, std::string reason) {
        private_.emplace();
        private_->kind = RecordFault::Kind::private_data;
        private_->path = to_string(path);
        private_->reason = std::move(reason);
        return false;
    }

    // A value of any type. Below a value of the wrong type nothing is declared.
    bool visit(const element& value, const Schema* schema, const RecordPath& path,
               std::size_t depth) {
        const element_type type = value.type();
        if (type == element_type::OBJECT) {
            const auto* const rule = schema ? std::get_if<ObjectSchema>(&schema->rule) : nullptr;
            if (rule == nullptr) refuse_type(schema, path);
            object fields;
            return value.get(fields) != simdjson::SUCCESS || enter(fields, rule, path, depth + 1);
        }
        if (type == element_type::ARRAY) {
            const auto* const rule = schema ? std::get_if<ArraySchema>(&schema->rule) : nullptr;
            if (rule == nullptr) refuse_type(schema, path);
            array items;
            return value.get(items) != simdjson::SUCCESS || enter(items, rule, path, depth + 1);
        }
        if (schema != nullptr && !invalid_) judge_scalar(value, *schema, path);
        return true;
    }

    void refuse_type(const Schema* schema, const RecordPath& path) {
        if (invalid_ || schema == nullptr) return;
        if (std::holds_alternative<UnknownSchema>(schema->rule)) return;
        struct Name {
            const char* operator()(const UnknownSchema&) const { return "anything"; }
            const char* operator()(const BooleanSchema&) const { return "a boolean"; }
            const char* operator()(const IntegerSchema&) const { return "an integer"; }
            const char* operator()(const StringSchema&) const { return "a string"; }
            const char* operator()(const ArraySchema&) const { return "an array"; }
            const char* operator()(const ObjectSchema&) const { return "an object"; }
        };
        refuse(path, std::string("must be ") + std::visit(Name(), schema->rule));
    }

    void judge_scalar(const element& value, const Schema& schema, const RecordPath& path) {
        if (std::holds_alternative<UnknownSchema>(schema.rule)) return;
        std::string fault;
        if (const auto* const text = std::get_if<StringSchema>(&schema.rule)) {
            std::string_view given;
            if (value.get(given) != simdjson::SUCCESS) return refuse_type(&schema, path);
            fault = fault_of(*text, given);
        } else if (const auto* const number = std::get_if<IntegerSchema>(&schema.rule)) {
            fault = fault_of(*number, value);
        } else if (!std::holds_alternative<BooleanSchema>(schema.rule) || !value.is_bool()) {
            return refuse_type(&schema, path);
        }
        if (!fault.empty()) refuse(path, std::move(fault));
    }

    bool enter(const object& fields, const ObjectSchema* schema, const RecordPath& path,
               std::size_t depth) {
        if (depth > max_record_depth) return betray(path, "is nested too deep to be searched");
        std::uint64_t given = 0;  // by the property's place in the schema
        std::uint64_t usable = 0;
        for (const auto field : fields) {
            const RecordPath here = RecordPath::field(path, field.key);
            const auto* const property = schema ? schema->find(field.key) : nullptr;
            if (property == nullptr) {
                if (is_private_key(field.key)) return betray(here, "must not be public");
                if (!visit(field.value, nullptr, here, depth)) return false;
                continue;
            }
            const std::uint64_t bit = std::uint64_t{1} << (property - schema->properties.data());
            // Readers disagree on which of two counts.
            if ((given & bit) != 0) refuse(here, "is given twice");
            given |= bit;
            if (field.value.is_null()) continue;
            usable |= bit;
            if (!visit(field.value, property->schema, here, depth)) return false;
        }
        if (schema != nullptr && !invalid_) require(*schema, usable, path);
        return true;
    }

    void require(const ObjectSchema& schema, std::uint64_t usable, const RecordPath& path) {
        for (std::size_t i = 0; i < schema.properties.size(); ++i) {
            const auto& property = schema.properties[i];
            if (property.required && ((usable >> i) & 1U) == 0)
                refuse(RecordPath::field(path, property.name), "is required");
        }
    }

    bool enter(const array& items, const ArraySchema* schema, const RecordPath& path,
               std::size_t depth) {
        if (depth > max_record_depth) return betray(path, "is nested too deep to be searched");
        std::size_t count = 0;
        for (const element item : items) {
            const RecordPath here = RecordPath::item(path, count);
            ++count;
            // One too many is enough to know: what is wrong with it does not matter any more.
            if (schema != nullptr && count == schema->max_items + 1)
                refuse(path, limit("at most", schema->max_items, "item"));
            if (!visit(item, schema ? schema->items : nullptr, here, depth)) return false;
        }
        if (schema != nullptr && count < schema->min_items)
            refuse(path, limit("at least", schema->min_items, "item"));
        return true;
    }

    std::optional<RecordFault> invalid_;
    std::optional<RecordFault> private_;
};

}  // namespace

Result<void, RecordFault> walk_record(const ObjectSchema* schema, const object& record) {
    return Walk().run(schema, record);
}

}  // namespace subcults::atproto
