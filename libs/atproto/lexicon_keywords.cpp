#include "atproto/lexicon_keywords.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace subcults::atproto {

Keywords::Keywords(Element element, std::string where) : where_(std::move(where)) {
    simdjson::dom::object object;
    if (element.get(object) != simdjson::SUCCESS) fail("is not an object");
    for (const auto field : object) {
        const bool twice =
            std::any_of(keywords_.begin(), keywords_.end(),
                        [&field](const Keyword& keyword) { return keyword.name == field.key; });
        if (twice) fail("has '" + std::string(field.key) + "' twice");
        keywords_.push_back(Keyword{field.key, field.value, false});
    }
}

std::string Keywords::where(std::string_view below) const {
    return where_ + "." + std::string(below);
}

void Keywords::fail(const std::string& reason) const {
    throw std::invalid_argument(where_ + " " + reason);
}

std::optional<Keywords::Element> Keywords::take(std::string_view name) {
    for (Keyword& keyword : keywords_) {
        if (keyword.name == name) {
            keyword.taken = true;
            return keyword.value;
        }
    }
    return std::nullopt;
}

Keywords::Element Keywords::need(std::string_view name) {
    const auto value = take(name);
    if (!value) fail("lacks '" + std::string(name) + "'");
    return *value;
}

std::optional<std::string_view> Keywords::optional_text(std::string_view name) {
    const auto value = take(name);
    if (!value) return std::nullopt;
    std::string_view text;
    if (value->get(text) != simdjson::SUCCESS)
        fail("has a '" + std::string(name) + "' that is no string");
    return text;
}

std::string_view Keywords::text(std::string_view name) {
    const auto text = optional_text(name);
    if (!text) fail("lacks '" + std::string(name) + "'");
    return *text;
}

std::optional<std::int64_t> Keywords::integer(std::string_view name) {
    const auto value = take(name);
    if (!value) return std::nullopt;
    std::int64_t number = 0;
    if (!value->is_int64() || value->get(number) != simdjson::SUCCESS)
        fail("has a '" + std::string(name) + "' that is no integer");
    return number;
}

std::optional<std::size_t> Keywords::count(std::string_view name) {
    const auto number = integer(name);
    if (!number) return std::nullopt;
    if (*number < 0) fail("has a negative '" + std::string(name) + "'");
    return static_cast<std::size_t>(*number);
}

std::optional<std::vector<std::string>> Keywords::texts(std::string_view name) {
    const auto value = take(name);
    if (!value) return std::nullopt;
    simdjson::dom::array array;
    if (value->get(array) != simdjson::SUCCESS)
        fail("has a '" + std::string(name) + "' that is no array");
    std::vector<std::string> texts;
    for (const Element item : array) {
        std::string_view text;
        if (item.get(text) != simdjson::SUCCESS)
            fail("has a '" + std::string(name) + "' with an item that is no string");
        if (std::find(texts.begin(), texts.end(), text) != texts.end())
            fail("has '" + std::string(text) + "' twice in '" + std::string(name) + "'");
        texts.emplace_back(text);
    }
    if (texts.empty()) fail("has an empty '" + std::string(name) + "'");
    return texts;
}

std::vector<Keywords::Keyword> Keywords::rest() {
    std::vector<Keyword> left;
    for (Keyword& keyword : keywords_) {
        if (keyword.taken) continue;
        keyword.taken = true;
        left.push_back(keyword);
    }
    return left;
}

void Keywords::finish() const {
    for (const Keyword& keyword : keywords_) {
        if (!keyword.taken)
            fail("has '" + std::string(keyword.name) + "', which is not understood");
    }
}

}  // namespace subcults::atproto
