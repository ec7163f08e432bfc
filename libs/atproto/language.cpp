#include "atproto/language.hpp"

#include "atproto/characters.hpp"

#include <algorithm>
#include <array>

namespace subcults::atproto {
namespace {

constexpr std::array<std::string_view, 17> irregular_tags{
    "en-gb-oed", "i-ami", "i-bnn",     "i-default", "i-enochian", "i-hak",
    "i-klingon", "i-lux", "i-mingo",   "i-navajo",  "i-pwn",      "i-tao",
    "i-tay",     "i-tsu", "sgn-be-fr", "sgn-be-nl", "sgn-ch-de"};

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_tag(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

bool is_length(std::string_view part, std::size_t shortest, std::size_t longest) noexcept {
    return part.size() >= shortest && part.size() <= longest;
}

// The parts between hyphens, one at a time. At the end the part is empty.
class Parts {
  public:
    explicit Parts(std::string_view text) noexcept : rest_(text) { next(); }

    std::string_view part() const noexcept { return part_; }
    bool at_end() const noexcept { return done_; }
    // A hyphen with nothing before or behind it, or a character that no tag has.
    bool broken() const noexcept { return broken_; }

    void next() noexcept {
        part_ = {};
        if (last_) {
            done_ = true;
            return;
        }
        const std::size_t hyphen = rest_.find('-');
        part_ = rest_.substr(0, hyphen);
        last_ = hyphen == std::string_view::npos;
        if (!last_) rest_.remove_prefix(hyphen + 1);
        if (part_.empty() || !detail::all(part_, detail::letter | detail::digit)) {
            part_ = {};
            broken_ = true;
            done_ = true;
            last_ = true;
        }
    }

    bool letters(std::size_t shortest, std::size_t longest) const noexcept {
        return is_length(part_, shortest, longest) && detail::all(part_, detail::letter);
    }
    bool digits(std::size_t count) const noexcept {
        return part_.size() == count && detail::all(part_, detail::digit);
    }
    bool mixed(std::size_t shortest, std::size_t longest) const noexcept {
        return is_length(part_, shortest, longest);
    }
    bool is_private_mark() const noexcept { return part_ == "x" || part_ == "X"; }
    bool is_variant() const noexcept {
        return mixed(5, 8) || (part_.size() == 4 && detail::is(part_[0], detail::digit));
    }

  private:
    std::string_view rest_;
    std::string_view part_;
    bool last_ = false;
    bool done_ = false;
    bool broken_ = false;
};

// One or more parts of an extension or of private use.
bool skip_tail(Parts& parts, std::size_t shortest) noexcept {
    parts.next();
    if (!parts.mixed(shortest, 8)) return false;
    while (parts.mixed(shortest, 8))
        parts.next();
    return true;
}

bool is_regular(std::string_view text) noexcept {
    Parts parts(text);
    if (!parts.is_private_mark()) {
        if (!parts.letters(2, 8)) return false;
        const bool may_extend = parts.part().size() <= 3;
        parts.next();
        for (int i = 0; may_extend && i < 3 && parts.letters(3, 3); ++i)
            parts.next();
        if (parts.letters(4, 4)) parts.next();
        if (parts.letters(2, 2) || parts.digits(3)) parts.next();
        while (parts.is_variant())
            parts.next();
        while (parts.part().size() == 1 && !parts.is_private_mark()) {
            if (!skip_tail(parts, 2)) return false;
        }
    }
    if (parts.is_private_mark() && !skip_tail(parts, 1)) return false;
    return parts.at_end() && !parts.broken();
}

}  // namespace

bool is_valid_language(std::string_view text) noexcept {
    if (text.empty() || text.size() > max_language_bytes) return false;
    return is_regular(text) ||
           std::any_of(irregular_tags.begin(), irregular_tags.end(),
                       [text](std::string_view tag) { return same_tag(tag, text); });
}

}  // namespace subcults::atproto
