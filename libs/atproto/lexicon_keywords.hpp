// One JSON object of a lexicon file, read keyword by keyword: what nobody asked for is an error.
//
// Internal to the compiler of lexicons. Every member throws std::invalid_argument that names the
// place. Views into the parser's document.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::atproto {

class Keywords {
  public:
    using Element = simdjson::dom::element;

    struct Keyword {
        std::string_view name;
        Element value;
        bool taken = false;
    };

    // `where` is the place in the file: "tv.subcult.scene: main.record".
    Keywords(Element element, std::string where);

    const std::string& where() const noexcept { return where_; }
    std::string where(std::string_view below) const;
    [[noreturn]] void fail(const std::string& reason) const;

    std::optional<Element> take(std::string_view name);
    Element need(std::string_view name);
    std::string_view text(std::string_view name);
    std::optional<std::string_view> optional_text(std::string_view name);
    std::optional<std::int64_t> integer(std::string_view name);
    std::optional<std::size_t> count(std::string_view name);
    // At least one, none of them twice.
    std::optional<std::vector<std::string>> texts(std::string_view name);
    // All that has not been taken, in the order of the file.
    std::vector<Keyword> rest();

    // After everything that is understood has been taken.
    void finish() const;

  private:
    std::string where_;
    std::vector<Keyword> keywords_;
};

}  // namespace subcults::atproto
