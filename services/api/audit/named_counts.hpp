// Two counts as one word, "actors-3-targets-1": what an entry about an erasure carries in its
// request id, which the chain covers, and a chain's end in CSV, where there is no column for them.
// Clients' request ids may look like it; what it means is told by the entry's action.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace subcults::api {

struct TwoCounts {
    std::int64_t first = 0;
    std::int64_t second = 0;
    bool operator==(const TwoCounts&) const = default;
};

struct CountNames {
    std::string_view first;
    std::string_view second;
};
inline constexpr CountNames erased_counts{"actors", "targets"};
inline constexpr CountNames session_counts{"joins", "leaves"};

inline std::string counts_text(const CountNames& names, const TwoCounts& counts) {
    return std::string(names.first) + "-" + std::to_string(counts.first) + "-" +
           std::string(names.second) + "-" + std::to_string(counts.second);
}

// nullopt for anything that counts_text() does not write, and for counts no log could have: sums
// of what is read stay far from overflow.
inline std::optional<TwoCounts> read_counts(const CountNames& names, std::string_view text) {
    constexpr std::int64_t most = 1'000'000'000'000;
    TwoCounts counts;
    const char* end = text.data() + text.size();
    const auto take = [&text, end](std::string_view name, std::int64_t& into) {
        if (text.substr(0, name.size()) != name) return false;
        text.remove_prefix(name.size());
        if (text.empty() || text.front() != '-') return false;
        text.remove_prefix(1);
        const auto parsed = std::from_chars(text.data(), end, into);
        text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
        return parsed.ec == std::errc() && into >= 0 && into <= most;
    };
    if (!take(names.first, counts.first)) return std::nullopt;
    if (text.empty() || text.front() != '-') return std::nullopt;
    text.remove_prefix(1);
    if (!take(names.second, counts.second) || !text.empty()) return std::nullopt;
    return counts;
}

}  // namespace subcults::api
